package idpmock

import "time"

// tokenCalls are the calls with a token.
var tokenCalls = []Endpoint{EndpointRefresh, EndpointUserinfo, EndpointIntrospect}

// says is a refusal by its error code and description, and with gives it another
// status.
func says(code, description string) Refusal { return Refusal{Error: code, Description: description} }
func (r Refusal) with(status int) Refusal   { r.Status = status; return r }

var microsoftLacks = []string{hasIntrospect, hasRevoke, hasCheckSession, hasPAR, hasDPoP, hasIss, hasBackchannel}

const (
	// Hydra says the same in the body and, without a scheme, in the header.
	hydraUnauthorized = "The request could not be authorized. " +
		"Check that you provided valid credentials in the right format."
	// Fosite, the library below Hydra, has one text for every refusal of a grant.
	hydraInvalidGrant = "The provided authorization grant (e.g., authorization code, resource owner credentials) " +
		"or refresh token is invalid, expired, revoked, does not match the redirection URI used in the authorization " +
		"request, or was issued to another client."
)

// temperaments are the providers that [Like] knows, in autumn 2026. What the
// table says is from their sources, documentation and issues, and for Keycloak, Dex,
// Hydra and oidc-provider measured, too: docs/temperaments.md has where each fact is
// from. "Decided" marks what no source tells; it is the less friendly guess.
// Defaults of a provider stand for it where an administrator can choose.
var temperaments = map[string]Temperament{

	// 26.7.3 and 26.5.6, measured in November 2026.
	"keycloak": {
		IntrospectionByAudience: true, // since 26.6.2
		// offline_access makes an offline session with a clock of its own.
		OfflineOutlives: true,
		Announce:        AnnounceRefreshExpiresIn,
		// The realm's switch Revoke Refresh Token is off. With RotationStrict a
		// reuse detaches the client session, and the winner's token dies too.
		Rotation:   RotationLenient,
		ReuseTakes: ReachClientSession,

		NoExtend:              []Endpoint{EndpointUserinfo, EndpointIntrospect},
		ClientIdle:            true,
		SharedClientSession:   true,
		Revocation:            ReachClientSession,
		LastClientEndsSession: true,

		Refusals: Refusals{
			Refresh:        says("invalid_grant", "Invalid refresh token"),
			RefreshExpired: says("invalid_grant", "Token is not active"),
			RefreshReused:  says("invalid_grant", "Maximum allowed refresh token reuse exceeded"),
			RefreshEnded:   says("invalid_grant", "Session not active"),
			RefreshLeft:    says("invalid_grant", "Session doesn't have required client"),
			Userinfo:       says("invalid_token", "Token verification failed"),
			UserinfoEnded: says("invalid_token", "User session not found or doesn't have client "+
				"attached on it"),
		},

		SIDOnlyIfRequired: true,
		// The client's switch "Revoke offline sessions" is on: the worse case.
		LogoutToken:     []LogoutFault{LogoutExtraEvent},
		NoLogoutTokenOn: []Cause{CauseIdle, CauseAbsolute, CauseRevoked},
		// New clients of the console have front-channel logout switched on.
		FrontchannelInstead: true,
	},

	// A workforce tenant. Not imitated: issuer templates, pairwise subjects.
	"entra": {
		RefreshToken:  RefreshOffline,
		AudienceBound: true, // userinfo is at Graph, and takes tokens for Graph
		Rotation:      RotationLenient,

		NoExtend: tokenCalls,
		NoProof:  tokenCalls,

		Refusals: Refusals{
			Refresh: says("invalid_grant", "AADSTS50173: The provided grant has expired "+
				"due to it being revoked, a fresh auth token is needed."),
			// Conditional access, sign-in frequency: the policy's time is
			// Client.RefreshTokenLifetime. Some answers say invalid_grant.
			RefreshExpired: says("interaction_required", "AADSTS70043: The refresh token has expired or is "+
				"invalid due to sign-in frequency checks by conditional access."),
			Userinfo: says("InvalidAuthenticationToken", "Access token has expired or is not yet valid."),
			UserinfoAudience: says("InvalidAuthenticationToken",
				"Access token validation failure. Invalid audience."),
		},
		// With one account signed in it would succeed; a browser with several is
		// the worse case. id_token_hint is not documented there.
		SilentWithoutHint: "interaction_required",

		IDTokenSIDOnlyIfRequired: true, // an optional claim that is to be switched on
		FrontchannelWithoutIss:   true,
		MaxQuery:                 2048, // AADSTS90015; the number is decided, no source gives it
		Lacks:                    microsoftLacks,
	},

	// Windows Server 2016 with KB4038801, and later. Not imitated: the second
	// issuer of access tokens, userinfo with sub only.
	"adfs": {
		AudienceBound:   true, // with resource
		NoOfflineAccess: true,
		Announce:        AnnounceRefreshTokenExpiresIn,
		Rotation:        RotationNone, // decided; the token's end is the SSO lifetime from the log-in

		// Decided: nothing but authorize.
		NoExtend: tokenCalls,
		NoProof:  tokenCalls,

		Refusals: Refusals{
			RefreshExpired: says("invalid_grant", "MSIS9615: The refresh token received in "+
				"refresh_token parameter has expired").with(401),
			UserinfoAudience: says("invalid_token", "MSIS9921: Received invalid UserInfo request. Audience in the "+
				"access "+
				"token is not same as the identifier of the UserInfo relying party trust 'urn:microsoft:userinfo'."),
		},

		IDTokenSIDOnlyIfRequired: true, // decided, as Entra ID
		Lacks:                    microsoftLacks,
	},

	// A custom authorization server and a web app with static refresh tokens.
	"okta": {
		RefreshToken: RefreshOffline,
		Rotation:     RotationRepeat,
		ReuseGrace:   30 * time.Second, // with RotationStrict

		NoExtend: tokenCalls,
		NoProof:  tokenCalls,

		Refusals: Refusals{
			Refresh:  says("invalid_grant", "The refresh token is invalid or expired."),
			Userinfo: says("invalid_token", "The access token is invalid."),
		},

		ProfileAtUserinfo:        true, // with an access token in the same answer
		IDTokenSIDOnlyIfRequired: true, // decided: with front-channel logout only
		LogoutHint:               HintAlways,
		Lacks:                    []string{hasCheckSession, hasIss, hasBackchannel}, // iss: decided
	},

	// Refresh tokens of offline_access with rotation. The online ones (beta 2026,
	// scope online_access) would have RotationNone, NoExtend and NoProof without
	// EndpointRefresh, and Revocation ReachSession. Not imitated: the issuer's
	// trailing slash.
	"auth0": {
		AccessToken:      Reference, // opaque without audience
		APIAccessToken:   JWT,
		RefreshToken:     RefreshOffline,
		MaxRefreshTokens: 200,
		Rotation:         RotationStrict,

		NoExtend: tokenCalls,
		NoProof:  tokenCalls,

		Refusals: Refusals{Refresh: says("invalid_grant", "Unknown or invalid refresh token.").with(403)},

		LogoutToken: []LogoutFault{LogoutTypJWT},
		// The default initiators are rp-logout and idp-logout.
		NoLogoutTokenOn: []Cause{CauseIdle, CauseAbsolute, CauseAdmin, CauseConsent},
		// PAR and DPoP depend on the plan; iss is decided.
		Lacks: []string{hasIntrospect, hasCheckSession, hasPAR, hasDPoP, hasIss, hasFrontchannel},
	},

	// Master of August 2026, sessions switched on. A client with refreshTokenLifetime: session
	// has NoProof with EndpointUserinfo alone. Not imitated: clients share no session unless
	// ssoSharedWithDefault says so; a log-out without hint asks the person and then forgets the
	// redirect, where a session lives; here it is an error.
	"dex": {
		RefreshToken:     RefreshOffline,
		MaxRefreshTokens: 1, // one per user, connector and client: a second browser kills the first one's
		Rotation:         RotationStrict,
		ReuseGrace:       3 * time.Second, // of its sample file; without a setting there is none
		RepeatInGrace:    true,
		ReuseTakes:       ReachNothing,

		// Only clients whose refreshTokenLifetime is session-bound are checked.
		NoExtend: tokenCalls,
		NoProof:  tokenCalls,

		Refusals: Refusals{
			Refresh: says("invalid_request", "Refresh token is invalid or has already "+
				"been claimed by another client."),
			RefreshExpired: says("invalid_request", "Refresh token expired."),
			RefreshEnded:   says("invalid_grant", "The session this refresh token belongs to has ended."),
			Userinfo:       says("access_denied", "Invalid bearer token.").with(403),
		},

		LogoutToken:     []LogoutFault{LogoutNoTyp},
		NoLogoutTokenOn: []Cause{CauseIdle, CauseAbsolute, CauseReplaced, CauseConsent},
		LogoutHint:      HintForRedirect,
		Lacks:           []string{hasRevoke, hasCheckSession, hasPAR, hasDPoP, hasIss, hasFrontchannel},
	},

	// 26.2, a log-in that is remembered; else nobody is told of a log-out.
	"hydra": {
		AccessToken:  Reference,
		RefreshToken: RefreshOffline,
		Rotation:     RotationStrict,

		NoExtend: tokenCalls,
		NoProof:  tokenCalls,

		AccessTokenRevocation: ReachFamily, // all tokens of that authorization, by either token

		Refusals: Refusals{
			Refresh: says("invalid_grant", hydraInvalidGrant),
			Userinfo: Refusal{Error: "request_unauthorized", Description: hydraUnauthorized,
				Challenge: "error=request_unauthorized,error_description=" + hydraUnauthorized},
		},

		LogoutToken:     []LogoutFault{LogoutLikeHydra},
		NoLogoutTokenOn: []Cause{CauseIdle, CauseAbsolute, CauseConsent},
		LogoutHint:      HintForRedirect,
		Lacks:           []string{hasCheckSession, hasPAR, hasDPoP, hasIss},
		Unadvertised:    []string{hasIntrospect}, // on the admin port
	},

	// Back-channel logout switched on. Not imitated: end_session ignores a
	// redirect without hint and client_id; here it is an error.
	"zitadel": {
		AccessToken:  Reference, // the project's default
		RefreshToken: RefreshOffline,
		Rotation:     RotationStrict,
		ReuseTakes:   ReachNothing, // an old token is compared and refused, no more

		// Decided: nothing but authorize.
		NoExtend: tokenCalls,
		NoProof:  tokenCalls,

		Refusals: Refusals{
			Refresh:  says("invalid_request", "Errors.OIDCSession.RefreshTokenInvalid"),
			Userinfo: says("access_denied", "access token invalid").with(403),
		},

		IDToken:     []IDTokenFault{IDTokenSecondaryAud}, // the project's id is the second audience
		LogoutToken: []LogoutFault{LogoutLikeZitadel, LogoutAudArray},
		// At the person's own sign-out only.
		NoLogoutTokenOn: []Cause{CauseAdmin, CauseIdle, CauseAbsolute, CauseReplaced, CauseConsent},
		Lacks:           []string{hasCheckSession, hasPAR, hasDPoP, hasIss, hasFrontchannel},
	},

	// 9.11, its default policies.
	"oidc-provider": {
		AccessToken:     Reference,
		APIAccessToken:  JWT, // with resource
		AudienceBound:   true,
		RefreshToken:    RefreshConsent,
		OfflineOutlives: true,
		// Public clients rotate, others after 70 % of the token's life.
		Rotation:   RotationRepeat,
		ReuseTakes: ReachClientSession,

		NoExtend: tokenCalls,
		// One grant per client and session, shared by its log-ins; every
		// revocation revokes the grant.
		SharedClientSession:   true,
		Revocation:            ReachClientSession,
		AccessTokenRevocation: ReachClientSession,

		Refusals: Refusals{
			Refresh:  says("invalid_grant", "grant request is invalid"),
			Userinfo: says("invalid_token", "invalid token provided"),
		},

		ProfileAtUserinfo:        true, // conformIdTokenClaims
		IDTokenSIDOnlyIfRequired: true,
		SIDOnlyIfRequired:        true,
		SIDPerClient:             true,
		NoLogoutTokenOn:          []Cause{CauseIdle, CauseAbsolute, CauseConsent},
		LogoutAsks:               true,
		Lacks:                    []string{hasCheckSession, hasFrontchannel},
	},

	// IdentityServer 7 and 8 with server-side sessions, coordinated lifetimes and
	// a sliding cookie. The cookie does not slide by default: then NoExtend has
	// EndpointAuthorize.
	"duende": {
		RefreshToken:        RefreshOffline,
		Rotation:            RotationRepeat, // ReUse
		Revocation:          ReachReference, // those of a later log-in in the same session too
		Refusals:            Refusals{Refresh: says("invalid_grant", "")},
		ProfileAtUserinfo:   true, // AlwaysIncludeUserClaimsInIdToken is false
		LogoutTokenLifetime: 5 * time.Minute,
		// Told of an expiry are coordinated clients, as here without temperament.
		NoLogoutTokenOn: []Cause{CauseConsent},
		LogoutHint:      HintOrIgnored,
		MaxHint:         4000,
	},

	// A user pool with its hosted pages, refresh token rotation off. Not imitated:
	// its log-out asks nobody; another host for its endpoints.
	"cognito": {
		Rotation: RotationNone,

		NoExtend: tokenCalls,
		NoProof:  tokenCalls,

		IDTokenSIDOnlyIfRequired: true, // decided: it has none
		LogoutRedirect:           "logout_uri",
		Lacks: []string{hasIntrospect, hasCheckSession, hasPAR, hasDPoP, hasIss, hasBackchannel,
			hasFrontchannel},
		Unadvertised: []string{hasEndSession},
	},

	// No refresh tokens. Not imitated: private_key_jwt alone; acr_values are required.
	"login.gov": {
		AccessToken:  Reference,
		RefreshToken: RefreshNever,

		NoExtend: tokenCalls,
		NoProof:  tokenCalls,

		IDTokenSIDOnlyIfRequired: true, // decided: it has none
		ProfileAtUserinfo:        true,
		LogoutHint:               HintRefused,
		Lacks: []string{hasIntrospect, hasRevoke, hasCheckSession, hasPAR, hasDPoP, hasIss, hasBackchannel,
			hasFrontchannel},
	},

	// No provider: the strictest that the specifications allow. Tokens of an API
	// are for that API alone, a refresh token is good once, and one token that
	// comes back or is revoked takes all of the user's at the client along.
	"strict": {
		AudienceBound:         true,
		Rotation:              RotationStrict,
		ReuseTakes:            ReachUserClient,
		Revocation:            ReachUserClient,
		AccessTokenRevocation: ReachUserClient,
		LogoutHint:            HintAlways,
		MaxHint:               4000,
	},
}
