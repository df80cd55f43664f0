package idpmock

import (
	"crypto"
	"net/http"
	"time"
)

// Defaults of a [Config]. A negative duration turns a feature off, if the field allows it.
const (
	DefaultIdleWindow           = 15 * time.Minute
	DefaultAbsoluteLifetime     = 8 * time.Hour
	DefaultAccessTokenLifetime  = 5 * time.Minute
	DefaultIDTokenLifetime      = 5 * time.Minute
	DefaultRefreshTokenLifetime = 30 * 24 * time.Hour
	DefaultCodeLifetime         = time.Minute
	DefaultSweepEvery           = time.Second
	DefaultDeliveryTimeout      = 5 * time.Second
	DefaultLogoutWait           = time.Second
)

// Config configures an [IDP]. Only Issuer is required. The zero value of every other field gives a
// useful provider.
type Config struct {
	// Issuer is the URL of the provider, without query, fragment and trailing
	// slash. Its path, if any, prefixes every endpoint.
	Issuer string
	// Now is the clock (default time.Now). [IDP.Advance] adds to it, so apps
	// under test should use [IDP.Now], not this.
	Now func() time.Time

	Clients []Client
	// Users who may sign in. Empty: every user name is accepted, and is also the subject.
	Users []User

	// APIs for which clients may ask for separate tokens. Empty: the provider ignores resource
	// and audience.
	APIs []API

	// IdleWindow is W: a session ends this long after its last activity. Every activity sets
	// the deadline to exactly now + W. Default 15 min.
	IdleWindow time.Duration
	// AbsoluteLifetime of a session, counted from the last time that the person entered
	// credentials. Default 8 h.
	AbsoluteLifetime time.Duration
	// CoordinateClientLifetimes binds the tokens of every client to the
	// person's session: refresh, userinfo and introspection extend it, and fail
	// once it is gone. [Client.CoordinateLifetime] overrides it.
	CoordinateClientLifetimes bool
	// ExpiredSessionsTriggerBackchannelLogout sends logout tokens to all clients of a session
	// that expires. Without it only coordinated clients get one.
	ExpiredSessionsTriggerBackchannelLogout bool
	// Policies for several apps in one session, beyond the reference behaviour.
	Policies Policies
	// Temperament makes the provider behave as another product does; see [Like]. Zero: the
	// behaviour that this type and [Client] describe.
	Temperament Temperament

	// PKCEOptional is [Client.PKCEOptional] for all clients.
	PKCEOptional bool
	// AccessTokenTyp is the typ of JWT access tokens: at+jwt (the default, RFC 9068 §2.1) or
	// JWT, which some libraries for APIs demand.
	AccessTokenTyp string

	// SigningAlg is the algorithm of everything that is signed: ID tokens, logout tokens, JWT
	// access tokens and others. RS256 (the default), ES256 or PS256.
	SigningAlg string
	// Keys are the signing keys, at most one RSA and one P-256 key. A missing key is generated,
	// an RSA key in the background.
	Keys []crypto.Signer

	IDTokenLifetime time.Duration // default 5 min
	CodeLifetime    time.Duration // default 1 min
	// RefreshExpiresIn adds refresh_expires_in to token responses, as Keycloak does: the seconds
	// until the refresh token or the session expires.
	RefreshExpiresIn bool
	// RefreshTokenTimeout adds refresh_token_timeout and authorization_expires_in
	// (draft-ietf-oauth-refresh-token-expiration-03): the seconds until the idle
	// and the absolute end.
	RefreshTokenTimeout bool
	// SessionExpiry adds the session_expiry claim to ID tokens: the absolute
	// end of the session.
	SessionExpiry bool
	// SIDPerClient gives each client its own sid for one session, as
	// oidc-provider does.
	SIDPerClient bool
	// SIDOnlyIfRequired leaves sid out of the logout tokens of clients without
	// BackchannelSessionRequired, as Keycloak does.
	SIDOnlyIfRequired bool
	// RefreshReuseGrace accepts a consumed refresh token once more within this time, in case
	// its answer was lost. Default 0: reuse revokes the family.
	RefreshReuseGrace time.Duration
	// ACRValues that a request may ask for; the first is the default. Default "1".
	ACRValues []string
	// RequireJAR makes clients with a JWKS sign their authorization requests (RFC 9101).
	RequireJAR bool
	// RequestURI lets clients give the address of an authorization request (request_uri,
	// OpenID Connect Core 1.0 §6.2), which the provider fetches: https, or http on loopback.
	// Default off, as at many providers: it calls what a browser names.
	RequestURI bool
	// RequireRequestURIRegistration fetches only addresses in [Client.RequestURIs].
	RequireRequestURIRegistration bool
	// RequirePAR makes clients push their authorization requests (RFC 9126).
	RequirePAR bool
	// MTLSOrigin is the origin in mtls_endpoint_aliases (RFC 8705 §5), scheme and host. There
	// the same handler must be served with client certificates. Default: none.
	MTLSOrigin string
	// DPoPNonce demands a nonce, issued by the provider, in every DPoP proof.
	DPoPNonce bool
	// Registration lets clients register themselves. Default nil: no such endpoint.
	Registration *Registration

	// SweepEvery is how often the provider looks for expired sessions and sends deliveries that
	// are due. Default 1 s; negative: only [IDP.Sweep] and [IDP.Advance] do that, and an expired
	// session is also found when it is used.
	SweepEvery time.Duration

	// HTTPClient delivers logout tokens; it follows no redirect. Default: a client that treats
	// *.localhost as loopback.
	HTTPClient *http.Client
	// DeliveryTimeout bounds one attempt to deliver a logout token. Default 5 s.
	DeliveryTimeout time.Duration
	// DeliveryRetries are the pauses before the next attempts after a failure that may pass.
	// Default 1 s, 5 s, 30 s; not nil and empty: no next attempt.
	DeliveryRetries []time.Duration
	// LogoutWait is how long end_session waits for the first attempts before it redirects.
	// Default 1 s; negative: it does not wait.
	LogoutWait time.Duration
}

// AccessTokenType is the format of an access token.
type AccessTokenType string

const (
	// JWT access tokens (RFC 9068) can be read by the API itself. The zero value means JWT.
	JWT AccessTokenType = "jwt"
	// Reference tokens are opaque; the API introspects them.
	Reference AccessTokenType = "reference"
)

// Client is a client of the provider: an app, or an API that introspects.
type Client struct {
	ID string `json:"id"`
	// Secret for client_secret_basic and client_secret_post. Empty, without
	// JWKS: a public client.
	Secret string `json:"secret,omitempty"`
	// JWKS holds the public keys for private_key_jwt, as a JSON key set.
	JWKS []byte `json:"-"`
	// TLSSubjectDN is the subject of the client's certificate for tls_client_auth, as Go
	// writes it (RFC 8705 §2.1.2). For self_signed_tls_client_auth its key is in JWKS.
	TLSSubjectDN string `json:"tls_client_auth_subject_dn,omitempty"`
	// CertificateBound access tokens are issued if the client shows a certificate (RFC 8705
	// §3), and userinfo accepts them only with that certificate.
	CertificateBound bool `json:"tls_client_certificate_bound_access_tokens,omitempty"`
	// AuthMethod is the only method of authentication that is accepted: client_secret_basic,
	// client_secret_post, private_key_jwt, tls_client_auth, self_signed_tls_client_auth or none.
	// Empty: every method for which the fields above have what is needed, except the two of TLS.
	AuthMethod string `json:"auth_method,omitempty"`
	// BasicRaw does not decode the header of client_secret_basic. RFC 6749 §2.3.1 demands that
	// both parts are form-encoded, but some providers do not decode them.
	BasicRaw bool `json:"basic_raw,omitempty"`

	RedirectURIs           []string `json:"redirect_uris,omitempty"`             // compared exactly
	PostLogoutRedirectURIs []string `json:"post_logout_redirect_uris,omitempty"` // compared exactly

	BackchannelLogoutURI string `json:"backchannel_logout_uri,omitempty"`
	// BackchannelSessionRequired has an effect only with [Config.SIDOnlyIfRequired]; without
	// that every logout token has a sid.
	BackchannelSessionRequired bool   `json:"backchannel_logout_session_required,omitempty"`
	FrontchannelLogoutURI      string `json:"frontchannel_logout_uri,omitempty"`
	// FrontchannelSessionRequired adds iss and sid to the front-channel URI.
	FrontchannelSessionRequired bool `json:"frontchannel_logout_session_required,omitempty"`

	AccessTokenType     AccessTokenType `json:"access_token_type,omitempty"`
	AccessTokenLifetime time.Duration   `json:"access_token_lifetime,omitempty"` // default 5 min
	// Audience of access tokens besides the issuer.
	Audience []string `json:"audience,omitempty"`
	// RefreshTokens are issued at every log-in, whatever the scope, unless the [Temperament]
	// demands more.
	RefreshTokens bool `json:"refresh_tokens,omitempty"`
	// RefreshTokenLifetime counts from the log-in. Default 30 days.
	RefreshTokenLifetime time.Duration `json:"refresh_token_lifetime,omitempty"`
	// ReusableRefreshTokens are not rotated: the same token stays valid.
	ReusableRefreshTokens bool `json:"reusable_refresh_tokens,omitempty"`

	// AccessTokenClaims are added to its JWT access tokens.
	AccessTokenClaims map[string]any `json:"access_token_claims,omitempty"`
	// ClientCredentials lets it fetch tokens for itself (RFC 6749 §4.4).
	ClientCredentials bool `json:"client_credentials,omitempty"`
	// TokenExchange lets it exchange an access token for one of the same person (RFC 8693).
	TokenExchange bool `json:"token_exchange,omitempty"`

	// CoordinateLifetime overrides [Config.CoordinateClientLifetimes].
	CoordinateLifetime *bool `json:"coordinate_lifetime,omitempty"`
	// IdleWindow of this app, for [Policies] and Temperament.ClientIdle. Default:
	// the global one.
	IdleWindow time.Duration `json:"idle_window,omitempty"`
	// Exempt apps keep their tokens when the session ends. Those tokens work for that app only
	// and never extend the session.
	Exempt bool `json:"exempt,omitempty"`

	// UserinfoSigned answers userinfo as a JWT (OpenID Connect Core 1.0 §5.3.2).
	UserinfoSigned bool `json:"userinfo_signed,omitempty"`

	// IntrospectionSigned answers introspection always as a JWT (RFC 9701). Other clients get a
	// JWT if their request accepts it.
	IntrospectionSigned bool `json:"introspection_signed,omitempty"`

	// PKCEOptional accepts requests without code_challenge (RFC 7636). If a request has one,
	// the verifier is always demanded.
	PKCEOptional bool `json:"pkce_optional,omitempty"`
	// Encrypted is the algorithm, such as RSA-OAEP-256 (RFC 7516), with which ID tokens, logout
	// tokens, userinfo and signed answers are encrypted for the key with use enc in JWKS.
	Encrypted string `json:"encrypted_response_alg,omitempty"`
	// RequireJAR is [Config.RequireJAR] for this client.
	RequireJAR bool `json:"require_signed_request_object,omitempty"`
	// RequestURIs are the registered addresses of its authorization requests. One that ends in
	// * stands for all that begin so, as at Keycloak. Other than with
	// [Config.RequireRequestURIRegistration], an empty list allows all.
	RequestURIs []string `json:"request_uris,omitempty"`
	// RequirePAR is [Config.RequirePAR] for this client.
	RequirePAR bool `json:"require_par,omitempty"`
	// DPoPBound demands DPoP: all access tokens are bound to a key (RFC 9449).
	DPoPBound bool `json:"dpop_bound_access_tokens,omitempty"`

	secretUntil time.Time // of a client that registered itself; zero: for ever
}

// Policies are rules for sessions of several apps.
type Policies struct {
	// MostRestrictive gives a session the shortest IdleWindow of the apps that were opened since
	// the sign-in, instead of the global one.
	MostRestrictive bool `json:"most_restrictive,omitempty"`
	// SeparateTimers gives each app its own idle deadline within the session:
	// activity in one app does not keep another one signed in.
	SeparateTimers bool `json:"separate_timers,omitempty"`
}

// User is a person who can sign in.
type User struct {
	Username string `json:"username"`
	Subject  string `json:"subject,omitempty"`  // default: Username
	Password string `json:"password,omitempty"` // empty: any password, and none
	Name     string `json:"name,omitempty"`
	Email    string `json:"email,omitempty"`
	// Claims are more claims of ID token and userinfo. They replace those of Username, Name and
	// Email.
	Claims map[string]any `json:"claims,omitempty"`
	// AccessTokenClaims are added to JWT access tokens of this person.
	AccessTokenClaims map[string]any `json:"access_token_claims,omitempty"`
}

// Bool returns a pointer to b, for fields such as [Client.CoordinateLifetime].
func Bool(b bool) *bool { return &b }
