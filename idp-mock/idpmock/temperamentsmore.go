package idpmock

// moreTemperaments are providers that are read about; Spring Authorization Server alone was measured, too.
// What a source tells stands in the comment with the source; the rest is decided, as in
// temperaments.
var moreTemperaments = map[string]Temperament{

	// Microsoft Entra External ID and Azure AD B2C. Not imitated: the issuer is not where
	// discovery lies (msal-js #8592, oauth2-proxy #3476).
	"b2c": {
		AccessTokenForAPIOnly: true, // openid-client #717, msal-dotnet #4652
		RefreshToken:          RefreshOffline,
		Announce:              AnnounceRefreshTokenExpiresIn,
		Rotation:              RotationLenient, // decided, as Entra ID
		NoExtend:              tokenCalls,
		NoProof:               tokenCalls,

		IDTokenSIDOnlyIfRequired: true, // decided
		FrontchannelWithoutIss:   true, // decided, as Entra ID
		Lacks:                    microsoftLacks,
	},

	// identity/openid-connect/reference: opaque access tokens, access_type=offline brings the
	// refresh token, which is not rotated. Not imitated: it comes once per consent.
	"google": {
		AccessToken:              Reference,
		RefreshToken:             RefreshAccessType,
		NoOfflineAccess:          true,
		Rotation:                 RotationNone,
		NoExtend:                 tokenCalls,
		NoProof:                  tokenCalls,
		IDTokenSIDOnlyIfRequired: true, // it has none
		Lacks: []string{hasIntrospect, hasEndSession, hasCheckSession, hasPAR, hasDPoP, hasIss, hasBackchannel,
			hasFrontchannel},
	},

	// Developer documentation and forums 123909, 124454: form_post where name or email is
	// asked for, no userinfo, no log-out, refreshes without an ID token. Not imitated: the
	// name comes once, beside the first code; the client's secret is a JWT.
	"apple": {
		NoOfflineAccess:          true,
		RequireFormPost:          true,
		Rotation:                 RotationNone,
		NoIDTokenOnRefresh:       true,
		NoExtend:                 tokenCalls,
		NoProof:                  tokenCalls,
		IDTokenSIDOnlyIfRequired: true, // it has none
		Lacks: []string{hasUserinfo, hasIntrospect, hasEndSession, hasCheckSession, hasPAR, hasDPoP, hasIss,
			hasBackchannel, hasFrontchannel},
	},

	// Doorkeeper; its issue 377654. Groups and names at userinfo; a new refresh token each
	// time is decided.
	"gitlab": {
		AccessToken:              Reference,
		NoOfflineAccess:          true,
		Rotation:                 RotationStrict,
		NoExtend:                 tokenCalls,
		NoProof:                  tokenCalls,
		ProfileAtUserinfo:        true,
		IDTokenSIDOnlyIfRequired: true, // it has none
		Lacks: []string{hasEndSession, hasCheckSession, hasPAR, hasDPoP, hasIss, hasBackchannel,
			hasFrontchannel},
	},

	// providers/oauth2/signals.py: a client has the one channel or the other, and is told of
	// expiry too; its documented logout tokens have no exp. Not imitated: one logout token for
	// each stored access token; an issuer for each application.
	"authentik": {
		RefreshToken:        RefreshOffline,
		Rotation:            RotationStrict, // decided
		NoExtend:            tokenCalls,
		NoProof:             tokenCalls, // decided
		LogoutToken:         []LogoutFault{LogoutNoExp},
		NoLogoutTokenOn:     []Cause{CauseConsent},
		FrontchannelInstead: true,
		Lacks:               []string{hasCheckSession, hasPAR, hasDPoP, hasIss}, // decided
	},

	// 4.39, openid-connect/introduction: no log-out of any kind, no sid, opaque access tokens,
	// name and groups at userinfo alone, a refresh token with a clock of its own.
	"authelia": {
		AccessToken:              Reference,
		RefreshToken:             RefreshOffline,
		Rotation:                 RotationStrict,
		NoExtend:                 tokenCalls,
		NoProof:                  tokenCalls,
		ProfileAtUserinfo:        true,
		IDTokenSIDOnlyIfRequired: true,
		Lacks:                    []string{hasEndSession, hasCheckSession, hasDPoP, hasBackchannel, hasFrontchannel},
	},

	// token-validation, oidc-session-management: access and refresh tokens are good no longer
	// than the session, if the app does not skip that. Not imitated: ten sessions per user.
	"pingone": {
		Rotation: RotationStrict,                                             // decided
		NoExtend: tokenCalls,                                                 // a refresh: decided
		Lacks:    []string{hasCheckSession, hasBackchannel, hasFrontchannel}, // decided
	},

	// Its switches as they come: "Include User Info in ID Token", "Include Session Identifier
	// in ID Token" and "Return ID Token On Refresh Grant" are off. Its Session Management API
	// is like ours: see IDP.Session and IDP.Extend.
	"pingfederate": {
		Rotation:                 RotationStrict, // decided
		NoIDTokenOnRefresh:       true,
		NoExtend:                 tokenCalls,
		NoProof:                  tokenCalls, // decided: it is configurable
		ProfileAtUserinfo:        true,
		IDTokenSIDOnlyIfRequired: true,
		Lacks:                    []string{hasCheckSession, hasBackchannel, hasFrontchannel}, // decided
	},

	// PingAM and Advanced Identity Cloud, server-side sessions: endSession needs a hint;
	// logout tokens whenever a session becomes invalid (Back-Channel Logout draft 06).
	"pingam": {
		RefreshToken:    RefreshOffline, // decided
		Rotation:        RotationStrict, // decided
		NoExtend:        tokenCalls,     // decided
		NoProof:         tokenCalls,     // decided
		NoLogoutTokenOn: []Cause{CauseConsent},
		LogoutHint:      HintAlways,
		Lacks:           []string{hasFrontchannel}, // decided
	},

	// v2, core-fcp-low/oidc-provider.ts: no refresh token, claims at userinfo alone, no logout
	// token. Give its clients UserinfoSigned, AccessTokenLifetime 60 s; CodeLifetime is 30 s.
	// Not imitated: acr_values are required, prompt is forced.
	"franceconnect": {
		AccessToken:              Reference,
		RefreshToken:             RefreshNever,
		NoExtend:                 tokenCalls,
		NoProof:                  tokenCalls,
		ProfileAtUserinfo:        true,
		IDTokenSIDOnlyIfRequired: true, // it has none
		LogoutHint:               HintForRedirect,
		Lacks: []string{hasIntrospect, hasRevoke, hasCheckSession, hasPAR, hasDPoP, hasIss, hasBackchannel,
			hasFrontchannel},
	},

	// Its documentation of October 2024: the front channel alone, nothing on expiry, sid with
	// front-channel session only. Not imitated: it calls the initiator too.
	"id-porten": {
		Rotation:                 RotationStrict, // decided
		NoExtend:                 tokenCalls,
		NoProof:                  tokenCalls,
		IDTokenSIDOnlyIfRequired: true,
		Lacks:                    []string{hasIntrospect, hasCheckSession, hasDPoP, hasBackchannel},
	},

	// Spring Authorization Server: reuseRefreshTokens is true, so the same token with the same
	// end; give its clients RefreshTokenLifetime 60 min. Log-out looks the hint up. No sender
	// of logout tokens.
	"spring-authorization-server": {
		NoOfflineAccess: true, // decided
		Rotation:        RotationRepeat,
		NoExtend:        tokenCalls,
		NoProof:         tokenCalls,
		LogoutHint:      HintAlways,
		Lacks:           []string{hasCheckSession, hasIss, hasBackchannel, hasFrontchannel},
	},

	// Gluu 4 and Janssen: sessionIdUnusedLifetime is reset by authentication requests alone,
	// since "the OP doesn't know about end-user activity on the RP".
	"janssen": {
		RefreshToken:    RefreshOffline, // decided
		Rotation:        RotationStrict, // decided
		NoExtend:        tokenCalls,
		NoProof:         tokenCalls,                                      // decided
		NoLogoutTokenOn: []Cause{CauseIdle, CauseAbsolute, CauseConsent}, // decided
	},

	// DefaultLogoutTokenBuilder: aud is a list; 120 s, as here by default. AllowSessionBoundTokensAfterIdleSession-
	// Expiry is on here: the less friendly guess. Not imitated: the initiator is not told.
	"wso2": {
		Rotation:        RotationStrict, // renewal is on
		NoExtend:        tokenCalls,     // prompt=none is their own advice
		NoProof:         tokenCalls,
		LogoutToken:     []LogoutFault{LogoutAudArray},
		NoLogoutTokenOn: []Cause{CauseIdle, CauseAbsolute, CauseConsent}, // decided
		Lacks:           []string{hasIss},                                // decided
	},

	// token_oauth.go: a logout token has sub alone, no exp, typ JWT, aud a list, and goes to
	// all apps of the person. Not imitated: the ID token is the very access token.
	"casdoor": {
		Rotation:                 RotationStrict, // decided
		NoExtend:                 tokenCalls,
		NoProof:                  tokenCalls,
		IDTokenSIDOnlyIfRequired: true, // it has none
		LogoutToken:              []LogoutFault{LogoutSubOnly, LogoutNoExp, LogoutTypJWT, LogoutAudArray},
		NoLogoutTokenOn:          []Cause{CauseIdle, CauseAbsolute, CauseConsent},
		Lacks:                    []string{hasCheckSession, hasPAR, hasDPoP, hasIss, hasFrontchannel}, // decided
	},

	// oidc-provider below, but the claims are in the ID token, and DPoP is off. Not imitated:
	// ES384.
	"logto": {
		AccessToken:     Reference,
		APIAccessToken:  JWT, // with resource
		AudienceBound:   true,
		RefreshToken:    RefreshConsent,
		OfflineOutlives: true,
		Rotation:        RotationRepeat,
		ReuseTakes:      ReachClientSession,

		NoExtend:              tokenCalls,
		SharedClientSession:   true,
		Revocation:            ReachClientSession,
		AccessTokenRevocation: ReachClientSession,

		IDTokenSIDOnlyIfRequired: true,
		SIDOnlyIfRequired:        true,
		SIDPerClient:             true,
		NoLogoutTokenOn:          []Cause{CauseIdle, CauseAbsolute, CauseConsent},
		LogoutAsks:               true,
		Lacks:                    []string{hasCheckSession, hasDPoP, hasFrontchannel},
	},

	// A refresh token always, checked against the parent session; its reuse destroys the
	// session. No log-out, no sid. Sign with ES256. Not imitated: an issuer for each client.
	"kanidm": {
		NoOfflineAccess:          true, // decided
		Rotation:                 RotationStrict,
		ReuseTakes:               ReachSession,
		NoExtend:                 tokenCalls,
		IDTokenSIDOnlyIfRequired: true, // it has none
		Lacks: []string{hasEndSession, hasCheckSession, hasPAR, hasDPoP, hasIss, hasBackchannel,
			hasFrontchannel},
	},
}
