package idpmock

import "time"

// Temperament says how a provider behaves where the specifications allow a choice, and where
// real providers do not follow them. [Like] returns the known Temperament of a provider.
// Every field is independent and can be changed before use; the zero value of each is the
// behaviour that [Config] and [Client] describe.
//
// Times that an administrator sets (the window W, lifetimes of tokens) are always in Config
// and Client.
type Temperament struct {
	// Name of the provider that is imitated, for logs. It changes nothing.
	Name string `json:"name"`

	// AccessToken is the form of access tokens of clients that name none, and
	// APIAccessToken that of clients with an Audience. Both are decided when the
	// client is added. Default JWT, and what AccessToken says.
	AccessToken    AccessTokenType `json:"access_token"`
	APIAccessToken AccessTokenType `json:"api_access_token"`
	// AccessTokenForAPIOnly leaves access_token out of the answer to a client that asks for no
	// API and has no Audience.
	AccessTokenForAPIOnly bool `json:"access_token_for_api_only"`
	// AudienceBound makes the access tokens of clients with an Audience good for
	// that API only: the issuer is not in aud, and userinfo refuses them.
	AudienceBound bool `json:"audience_bound"`
	// IntrospectionByAudience answers active:false to a client that is neither
	// the token's own nor in its aud.
	IntrospectionByAudience bool `json:"introspection_by_audience"`

	// RefreshToken says when a client with RefreshTokens gets a refresh token.
	RefreshToken RefreshTokenRule `json:"refresh_token"`
	// NoOfflineAccess: the provider does not know the scope offline_access.
	NoOfflineAccess bool `json:"no_offline_access"`
	// OfflineOutlives puts the tokens of a log-in with offline_access outside the
	// session: they neither extend nor prove it, and outlive it.
	OfflineOutlives bool `json:"offline_outlives"`
	// MaxRefreshTokens of one user at one client; a log-in beyond it kills the
	// refresh tokens of the oldest log-in, not its access tokens. 0: no limit.
	MaxRefreshTokens int `json:"max_refresh_tokens"`
	// Announce the life of the refresh token in token answers.
	Announce Announcement `json:"announce"`

	// Rotation of refresh tokens. Client.ReusableRefreshTokens overrides it.
	Rotation Rotation `json:"rotation"`
	// ReuseGrace is Config.RefreshReuseGrace; the longer one counts.
	ReuseGrace time.Duration `json:"reuse_grace"`
	// RepeatInGrace, with RotationStrict: for ReuseGrace after a refresh token has come, a
	// refresh brings no newer one. The answer repeats it, also to the one before it.
	RepeatInGrace bool `json:"repeat_in_grace"`
	// ReuseTakes says which tokens are revoked when a consumed refresh token is used again.
	// Default ReachFamily.
	ReuseTakes Reach `json:"reuse_takes"`

	// NoExtend are the calls that leave the idle deadline of the session as it
	// is: EndpointAuthorize, EndpointRefresh, EndpointUserinfo,
	// EndpointIntrospect. The others extend it.
	NoExtend []Endpoint `json:"no_extend"`
	// NoProof are the calls that succeed even if the session is over: EndpointRefresh,
	// EndpointUserinfo, EndpointIntrospect. The others fail then.
	NoProof []Endpoint `json:"no_proof"`
	// ClientIdle gives each client's refresh token its own end: the client's IdleWindow after
	// this client's last log-in or refresh, even if the session lives. Userinfo and
	// introspection then refuse the client's tokens too; prompt=none succeeds. No logout
	// token is sent.
	ClientIdle bool `json:"client_idle"`
	// SharedClientSession lets every log-in of a client in one session join the client
	// session of the first log-in. Without it each log-in has its own client session.
	SharedClientSession bool `json:"shared_client_session"`

	// Revocation says what the revocation of a refresh token also revokes. Default
	// ReachFamily.
	Revocation Reach `json:"revocation"`
	// AccessTokenRevocation is the same for an access token. Default ReachToken.
	AccessTokenRevocation Reach `json:"access_token_revocation"`
	// LastClientEndsSession: the client leaves the session with its client
	// session (see ReachClientSession), and the session ends with its last
	// client. Nobody is told.
	LastClientEndsSession bool `json:"last_client_ends_session"`

	// Refusals are the provider's own error answers for invalid tokens.
	Refusals Refusals `json:"refusals"`
	// SilentWithoutHint is the error code, such as interaction_required, of a
	// prompt=none without a login_hint that names the person. id_token_hint does
	// not help. Empty: no hint is needed.
	SilentWithoutHint string `json:"silent_without_hint"`

	// RequireFormPost refuses a log-in without response_mode=form_post, as Apple does
	// where it is asked for name or email, and advertises no other response mode.
	RequireFormPost bool `json:"require_form_post"`

	// CheckSessionChanged makes the check_session_iframe answer "changed" always, as where the
	// browser keeps the provider's storage from the frame (OpenID Connect Session Management
	// 1.0 §5.1).
	CheckSessionChanged bool `json:"check_session_changed"`

	// IDToken changes every ID token, and LogoutToken every logout token, in
	// order, as the faults of the same name do.
	IDToken     []IDTokenFault `json:"id_token"`
	LogoutToken []LogoutFault  `json:"logout_token"`
	// NoLogoutReason leaves the claim logout_reason out of logout tokens, as nearly all
	// real providers do: it has the [Cause].
	NoLogoutReason bool `json:"no_logout_reason"`
	// ProfileAtUserinfo leaves what is said of the person (scopes profile and email,
	// User.Claims, Groups) out of ID tokens: userinfo alone says it.
	ProfileAtUserinfo bool `json:"profile_at_userinfo"`
	// ThinRefresh leaves it out of the ID tokens of refreshes.
	ThinRefresh bool `json:"thin_refresh"`
	// NoIDTokenOnRefresh leaves the ID token out of the answers to refreshes.
	NoIDTokenOnRefresh bool `json:"no_id_token_on_refresh"`
	// Groups gives everybody so many groups, each by a GUID, in the claim groups. 0: no such
	// claim.
	Groups int `json:"groups"`
	// LogoutTokenLifetime is exp of logout tokens after iat. Default 2 min. Faults
	// such as LogoutNoExp go over it.
	LogoutTokenLifetime time.Duration `json:"logout_token_lifetime"`
	// IDTokenSIDOnlyIfRequired leaves sid out of the ID tokens of clients without
	// BackchannelSessionRequired and FrontchannelSessionRequired.
	IDTokenSIDOnlyIfRequired bool `json:"id_token_sid_only_if_required"`
	// SIDOnlyIfRequired and SIDPerClient are the fields of Config; either counts.
	SIDOnlyIfRequired bool `json:"sid_only_if_required"`
	SIDPerClient      bool `json:"sid_per_client"`
	// NoLogoutTokenOn are the causes of an end of which no client is told.
	NoLogoutTokenOn []Cause `json:"no_logout_token_on"`
	// FrontchannelInstead: a client with a FrontchannelLogoutURI gets no logout
	// token.
	FrontchannelInstead bool `json:"frontchannel_instead"`
	// FrontchannelWithoutIss leaves iss out of the front-channel URI; sid comes
	// alone.
	FrontchannelWithoutIss bool `json:"frontchannel_without_iss"`

	// LogoutHint says whether end_session needs an id_token_hint.
	LogoutHint HintRule `json:"logout_hint"`
	// MaxHint refuses an id_token_hint at end_session that is longer, in bytes.
	// 0: no limit.
	MaxHint int `json:"max_hint"`
	// LogoutRedirect is the name under which end_session takes the redirect URI, and
	// demands it. Default: post_logout_redirect_uri, which may be left out.
	LogoutRedirect string `json:"logout_redirect"`
	// MaxQuery refuses a longer query at authorize and end_session, in bytes. 0: no
	// limit.
	MaxQuery int `json:"max_query"`
	// LogoutAsks makes end_session ask the person even with a good hint.
	LogoutAsks bool `json:"logout_asks"`

	// Lacks names what the provider does not have, by the names of discovery
	// metadata (see [Lackable]): it is not advertised and does not work. An
	// endpoint answers 404, no logout token is sent, iss is not in the redirect.
	Lacks []string `json:"lacks"`
	// Unadvertised works, but is not in the discovery document. Same names.
	Unadvertised []string `json:"unadvertised"`
}

// RefreshTokenRule says what brings a refresh token to a client.
type RefreshTokenRule string

// The rules.
const (
	RefreshAlways  RefreshTokenRule = ""               // Client.RefreshTokens alone
	RefreshOffline RefreshTokenRule = "offline_access" // the scope offline_access
	// RefreshConsent: that with prompt=consent; without it the scope is dropped.
	RefreshConsent RefreshTokenRule = "offline_access+consent"
	// RefreshAccessType: the parameter access_type=offline of the authorization request.
	RefreshAccessType RefreshTokenRule = "access_type"
	RefreshNever      RefreshTokenRule = "never"
)

// Announcement is the member of a token response that announces the end of the refresh token,
// in seconds.
type Announcement string

// The announcements.
const (
	AnnounceByConfig              Announcement = "" // what Config says, nothing by default
	AnnounceRefreshExpiresIn      Announcement = "refresh_expires_in"
	AnnounceRefreshTokenExpiresIn Announcement = "refresh_token_expires_in"
)

// Rotation says what a refresh does to the refresh token.
type Rotation string

// The ways of rotation.
const (
	RotationByClient Rotation = ""        // RotationStrict, or by Client.ReusableRefreshTokens RotationNone
	RotationNone     Rotation = "none"    // the same one stays good; the answer has none
	RotationRepeat   Rotation = "repeat"  // the same one stays good; the answer repeats it
	RotationLenient  Rotation = "lenient" // a new one each time; the old ones stay good
	RotationStrict   Rotation = "strict"  // a new one each time; the old one is consumed, and reuse is detected
)

// Reach says what else ends with one token.
type Reach string

// The reaches, from the least to the most.
const (
	ReachNothing Reach = "nothing"
	ReachToken   Reach = "token" // that token alone
	// ReachReference is the token and every reference access token of this client
	// in this session, those of a later log-in too.
	ReachReference     Reach = "reference-tokens"
	ReachFamily        Reach = "family"          // every token of the same log-in
	ReachClientSession Reach = "client-session"  // and of the log-ins that share its client session
	ReachUserClient    Reach = "user-and-client" // every token of this user at this client, in all sessions
	ReachSession       Reach = "session"         // the whole session, for all its clients
)

// HintRule says whether end_session needs an id_token_hint.
type HintRule string

// The rules.
const (
	HintOptional    HintRule = ""         // client_id will do for a redirect
	HintOrIgnored   HintRule = "ignored"  // without hint post_logout_redirect_uri is ignored
	HintForRedirect HintRule = "redirect" // without hint post_logout_redirect_uri and state are an error
	HintAlways      HintRule = "always"   // without hint every request is an error
	HintRefused     HintRule = "refused"  // a hint is an error
)

// Refusal is an answer to a token that is not good. Without Error it says
// nothing, and the provider's own answer stands.
type Refusal struct {
	Status      int    `json:"status"` // default 400, at userinfo 401
	Error       string `json:"error"`
	Description string `json:"description"`
	// Challenge is the WWW-Authenticate header of a 401. Default: as RFC 6750 §3
	// has it.
	Challenge string `json:"challenge"`
}

// Refusals of a provider. Refresh and Userinfo stand for those of their endpoint
// that are not set.
type Refusals struct {
	Refresh        Refusal `json:"refresh"`         // unknown, revoked, or what is not named below
	RefreshExpired Refusal `json:"refresh_expired"` // its own end has passed
	RefreshReused  Refusal `json:"refresh_reused"`  // it was consumed
	RefreshEnded   Refusal `json:"refresh_ended"`   // the session is over
	RefreshLeft    Refusal `json:"refresh_left"`    // the session lives, the client session does not

	Userinfo         Refusal `json:"userinfo"`
	UserinfoEnded    Refusal `json:"userinfo_ended"`    // the session, or the client session, is over
	UserinfoAudience Refusal `json:"userinfo_audience"` // the token is for an API, see AudienceBound
}
