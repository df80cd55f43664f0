package rp

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/gorilla/sessions"

	"github.com/tandem-sso/tandem/rp/event"
	"github.com/tandem-sso/tandem/rp/idps"
	"github.com/tandem-sso/tandem/rp/internal/seal"
	"github.com/tandem-sso/tandem/rp/pages"
	"github.com/tandem-sso/tandem/rp/store"
)

// Secret is a string that prints as [redacted], but in an unexported field of a struct,
// which fmt does not ask.
type Secret string

const redacted = "[redacted]"

func (Secret) String() string       { return redacted }
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Kind is what a client holds after the log-in, and thereby how it tells the IdP
// of activity and how it learns that the session has ended.
type Kind uint8

const (
	// RefreshToken: the client refreshes; that extends the IdP session, and a
	// rejected refresh is its end. The default.
	RefreshToken Kind = iota
	// ReferenceToken: only an access token, which an API or the IdP looks up.
	// Calls of the userinfo endpoint, or of an introspecting API, extend; a 401
	// that survives a second look is the end.
	ReferenceToken
	// NoToken: the ID token only. Nothing is told unless SilentCheck is set; the
	// end comes by back-channel or front-channel logout.
	NoToken
)

func (k Kind) String() string {
	switch k {
	case RefreshToken:
		return "refresh-token"
	case ReferenceToken:
		return "reference-token"
	case NoToken:
		return "no-token"
	}
	return fmt.Sprintf("Kind(%d)", uint8(k))
}

// Keys are 32-byte master keys. The first seals, all open; docs/deploy.md says how they
// are rolled. They print as [redacted].
type Keys [][]byte

func (Keys) String() string               { return redacted }
func (Keys) LogValue() slog.Value         { return slog.StringValue(redacted) }
func (Keys) Format(f fmt.State, _ rune)   { _, _ = io.WriteString(f, redacted) }
func (Keys) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// NewKey returns a random key.
func NewKey() []byte {
	k := make([]byte, seal.KeySize)
	_, _ = rand.Read(k)
	return k
}

// ParseKeys reads keys of 64 hexadecimal digits each, separated by commas.
func ParseKeys(s string) (Keys, error) {
	var keys Keys
	for part := range strings.SplitSeq(s, ",") {
		k, err := hex.DecodeString(strings.TrimSpace(part))
		if err != nil || len(k) != seal.KeySize {
			return nil, fmt.Errorf("rp: key %d is not %d hexadecimal digits (make one with: openssl rand -hex 32)",
				len(keys)+1, 2*seal.KeySize)
		}
		keys = append(keys, k)
	}
	return keys, nil
}

// Config configures a RelyingParty. Issuer, ClientID, BaseURL, Keys and Store
// are required; the zero value of everything else is a safe default.
type Config struct {
	Issuer       string // the IdP's issuer identifier, compared exactly
	ClientID     string
	ClientSecret Secret // empty: a public client
	// ClientAuth is how this client proves to the IdP who it is.
	//
	// By ClientSecret: "client_secret_basic" (in a header), "client_secret_post" (in the
	// form), or "client_secret_basic_raw": in the header without the form-encoding of RFC
	// 6749 §2.3.1, for an IdP that refuses secrets with +, /, = or %.
	//
	// By ClientKeys: "private_key_jwt" (OpenID Connect Core 1.0 §9, RFC 7523), for the issuer;
	// "private_key_jwt_token_endpoint", for that address (older IdPs, Entra ID);
	// "apple_client_secret". By the certificate of HTTPClient (RFC 8705 §2): "tls_client_auth"
	// or "self_signed_tls_client_auth". See docs/fapi.md.
	//
	// Default: client_secret_basic, or client_secret_post where discovery does not offer the
	// former; private_key_jwt with ClientKeys and no ClientSecret.
	ClientAuth string
	// ClientKeys sign what this client says of itself: the first signs, all are served at
	// Prefix+"/jwks". docs/fapi.md says how they roll. Default: none.
	ClientKeys []ClientKey
	// Profile demands what a profile of OpenID Connect demands, and refuses what falls short of
	// it in this Config, in discovery and in answers: "fapi2" (FAPI 2.0 Security Profile; it
	// sets PAR and, where HTTPClient has no certificate, DPoP; the default of IDTokenAlg and of
	// RSA keys is PS256) or "fapi2-message-signing" (JAR too, and ResponseMode jwt). Default:
	// none. See docs/fapi.md.
	Profile string
	// DecryptionKeys open what the IdP encrypts for this client (RFC 7516): *rsa.PrivateKey or
	// *ecdsa.PrivateKey. All open; the public halves are beside those of ClientKeys. Default:
	// none.
	DecryptionKeys []ClientKey

	BaseURL string // this app as browsers see it: https://notes.example.com
	Kind    Kind
	// Keys seal what is stored. All instances of this client need the same.
	Keys Keys
	// Store keeps the sessions. All instances of this client share one, and so may other
	// clients: each finds only what is its own, told by (Issuer, ClientID).
	Store store.Store

	// Prefix is where the adapters mount the endpoints. Default "/auth". The IdP must know
	// BaseURL+Prefix+"/callback", +"/logged-out" and, for logout, +"/backchannel-logout" and
	// +"/frontchannel-logout". A path that a proxy takes away belongs to BaseURL
	// (https://example.com/notes), one that the app sees to Prefix (/notes/auth).
	Prefix string
	// BaseURLs are further names under which browsers see this app, with the scheme and the
	// path of BaseURL. The IdP must know the addresses of each, for back-channel logout those
	// of BaseURL alone. docs/running.md has the rest. Default: none.
	BaseURLs []string
	// Scopes to ask for. Default "openid". Kind RefreshToken needs what makes the
	// IdP issue a refresh token, which for many is "offline_access".
	Scopes []string
	// LoginParams are sent with every authorization request: audience (Auth0), resource
	// (RFC 8707), access_type (Google), …. What the library sets itself cannot be set.
	LoginParams map[string]string
	// LoginQuery are the names that the query of the log-in's address may set: "login_hint",
	// "prompt", "acr_values", …. Anybody can make up such an address, so a route checks what
	// it needs by itself (RequireLogin with ACR, MaxAge). Default: none.
	LoginQuery []string
	// ResponseMode is how the IdP sends its answer: "query", or "form_post", which Apple
	// demands for name and email and which keeps the code out of addresses. Cookies stay
	// SameSite=Lax. "jwt", "query.jwt" and "form_post.jwt" demand a signed answer (JARM).
	// Default: query, or form_post where discovery offers that and not query.
	ResponseMode string
	// PAR pushes each authorization request to the IdP before the browser goes there (RFC
	// 9126). Default: only where the IdP demands it of every client.
	PAR bool
	// JAR signs each authorization request by the first of ClientKeys (RFC 9101), so that
	// nobody can change it. Default: only where the IdP demands it of every client.
	JAR bool
	// DPoP binds access tokens to a key of the session (RFC 9449), sealed in its record. A
	// token that is not bound is refused; sessions that began without go on without.
	// Session.Client sends the proofs, Session.DPoPProof makes them. Default off.
	DPoP bool
	// ThirdPartyLogin lets the IdP, or any other site, start a log-in (OpenID Connect Core 1.0
	// §4) at BaseURL+Prefix+"/login", the initiate_login_uri; docs/login.md has its parameters.
	// Default off: with it another site chooses which of a person's accounts is logged in.
	ThirdPartyLogin bool
	// KeepFragments keeps the part behind # of the page that somebody wanted, by a page with a
	// script: the part then stands in this app's access log. Default off: it is kept only where
	// the IdP asks nothing and answers by a redirect. See docs/login.md.
	KeepFragments bool
	// KeepPosted keeps a form that was posted after the end of the session, sealed, in the tab:
	// after the log-in of the same person a page offers to send it, once. Up to 64 KB without
	// files, for LoginTimeout. Default off: the answer says that nothing was taken.
	KeepPosted bool
	// UserinfoClaims asks the userinfo endpoint at each log-in, for IdPs that put names and
	// groups there and not into the ID token. No session begins without its answer. Default
	// off. See docs/claims.md.
	UserinfoClaims bool
	// UserinfoAgain asks again after each renewal of the tokens, beside the request. It needs
	// UserinfoClaims. Default off.
	UserinfoAgain bool
	// ForgetClaims drops the claims that a renewed ID token leaves out. Default off: they are
	// kept, but for those about one token (exp, nonce, aud, …): docs/claims.md lists them.
	ForgetClaims bool

	// OnLogin sees each log-in before its session begins: to write the person's row, to carry
	// a cart over, to choose the page, or to refuse. With nil the session begins. With an error
	// or a panic none does, the tokens are revoked where that ends nothing else, and the
	// browser's former session stays; the browser sees nothing more after ErrRefused, the
	// words of a *LoginError, else a page that says only that it failed. r's context ends when
	// the browser hangs up. It is called for several people at once, and not by a silent check.
	OnLogin func(w http.ResponseWriter, r *http.Request, l *Login) error
	// VisitorValues keep what RelyingParty.Values stores for who is not logged in: any gorilla
	// store. Default nil: nothing is kept.
	VisitorValues sessions.Store
	// Forbidden answers who is logged in and may not see a page (RequireClaim, ErrForbidden),
	// with 403 if it sets no status. Default nil: a page that offers another account, or JSON.
	Forbidden http.Handler

	// APIs are the origins to which Session.Client adds an access token. No other host ever
	// sees one, not even by a redirect. Hosts are in ASCII, as everywhere in this Config.
	APIs []API
	// APIIntrospects says that the APIs ask the IdP about every token, which extends the IdP
	// session: a call of an API is a signal, and userinfo is asked only without one.
	APIIntrospects bool

	// SignalEvery is δ: how often an active person is reported to the IdP at the most.
	// Default: a fifth of IdPWindow where that is known, else half the access token's
	// lifetime, at most 5 min; jittered by ±10 %.
	SignalEvery time.Duration
	// TrustFor is how long active requests are served on one confirmation of the IdP. After
	// that it is asked first, and it is 503 if it cannot answer. Default 5 min; never longer
	// than the IdP's window where that is known.
	TrustFor time.Duration
	// IdPWindow is W, the IdP's idle window. Default: learnt from token responses
	// (refresh_expires_in, refresh_token_timeout), else unknown.
	IdPWindow time.Duration
	// Idle ends a session after this time without activity in this app. Default 0: the IdP's
	// window decides alone, for all apps together.
	Idle time.Duration
	// Absolute ends a session this long after the log-in. Default 8 h; negative: no limit.
	Absolute time.Duration
	// TrailingSignal reports the last activity at its due time even if no further request
	// comes, so that W counts from it and not from the last signal.
	TrailingSignal bool
	// SilentCheck confirms a session by a top-level prompt=none round trip on a navigation
	// after TrustFor, where the app has no better way to ask: Kind NoToken, or an IdP whose
	// tokens do not follow its session. See docs/timeouts.md.
	SilentCheck bool

	// IdPSessionEnd asks the IdP when its session ends by inactivity, without extending it:
	// what a session API offers, such as Auth0's. Then the page of an app that nobody uses
	// neither warns nor hides itself while the person is active elsewhere. Called at most
	// every 2 s for one session, for 3 s at most; an error changes nothing. Default nil.
	IdPSessionEnd func(ctx context.Context, sid string) (time.Time, error)

	// MaxStreams bounds the open event streams of this instance; beyond it a page is answered
	// 503 and polls. Default 20 000, at some 30 KB each; negative: no streams.
	MaxStreams int
	// MaxStreamsPerSession bounds those of one session; beyond it 429. Default 8.
	MaxStreamsPerSession int
	// MaxStreamsPerSubject bounds those of one person on this instance; beyond it 429.
	// Default 64.
	MaxStreamsPerSubject int

	// MaxSessionsPerSubject bounds the sessions of one person in this app: at a log-in beyond
	// it the least recently active end with SessionLimit (ASVS 7.1.2). Default 0: no limit.
	MaxSessionsPerSubject int

	// Classify overrides which requests are activity; ok false leaves it to the library.
	Classify func(*http.Request) (c Class, ok bool)

	// IDTokenAlg is the signature algorithm of ID and logout tokens, as this client was
	// registered: discovery does not say. Default RS256.
	IDTokenAlg string
	// TrustedAudiences may stand in an ID token beside ClientID.
	TrustedAudiences []string
	// MaxAge asks the IdP to authenticate again if that is longer ago.
	MaxAge time.Duration
	// Skew is the tolerated difference of clocks. Default 60 s, at most 5 min.
	Skew time.Duration
	// LoginTimeout is how long a person may take at the IdP. Default 15 min, at most 12 h.
	LoginTimeout time.Duration
	// RequestTimeout bounds one call of the IdP. Default 30 s.
	RequestTimeout time.Duration
	// WaitFor bounds how long a person waits for the IdP. Then it is 503 with Retry-After,
	// and the call goes on for the next request. Default 15 s.
	WaitFor time.Duration
	// MaxCalls bounds the calls of the IdP that are under way at once. Default 64.
	MaxCalls int
	// StrictLogoutToken demands typ logout+jwt, exp and an unseen jti of logout
	// tokens (ASVS 10.5.5). Default: what certified IdPs really send.
	StrictLogoutToken bool
	// LogoutRetry503 answers 503 instead of 400 to a valid logout token that could
	// not be carried out, for IdPs that deliver again after a 5xx.
	LogoutRetry503 bool

	// Capabilities say what the IdP honours. Default: idps.Guess(Issuer); where
	// that does not know the IdP, finding "idp_unverified" says so.
	Capabilities *idps.Capabilities
	// MassLogoutPause keeps sessions for so long when the IdP suddenly refuses the tokens of
	// many (event.MassLogout): 503 once trust has run out, another look afterwards, and then
	// the IdP is believed for an hour at least. Default 0: it is believed at once.
	MassLogoutPause time.Duration

	// FrontchannelLogout serves the front-channel logout URI although discovery does not say
	// frontchannel_logout_supported. Anybody who knows a sid can call it: so it is 404 by default.
	FrontchannelLogout bool

	// Logout says how a log-out goes on at the IdP. Zero: as RP-Initiated Logout 1.0 has it.
	Logout LogoutConfig

	// Pages are language, words and frame of the library's own pages. Default: plain English.
	Pages pages.Config

	// TrustedOrigins may send unsafe requests (POST, …) and open WebSockets beside
	// BaseURL itself.
	TrustedOrigins []string
	// CookieName of the session cookie. Default "__Host-tandem", and where BaseURL has a path
	// "__Host-path+tandem". The prefix is added if missing, and left out on plain http.
	CookieName string

	// SkipSelfCheck leaves out the look at whether POST requests reach the endpoints: two empty
	// forms to the app's own addresses, once, after the first request, for 5 s at most. What
	// keeps them off is a Finding.
	SkipSelfCheck bool

	// HTTPClient is used for the IdP and the APIs. Its Timeout holds for APIs only; its
	// redirect policy and cookie jar are left out; a client certificate of its *http.Transport
	// is used at mtls_endpoint_aliases (RFC 8705 §5). Default: http.DefaultTransport,
	// no Timeout.
	HTTPClient *http.Client
	// IdPTransport wraps what calls the IdP, for metrics and traces (package otelrp). It sees
	// tokens and secrets, must answer as what it wraps does, and the request's context has
	// the values of the browser's request that caused the call. Default nil.
	IdPTransport func(http.RoundTripper) http.RoundTripper
	// Now is the clock. Default time.Now.
	Now func() time.Time
	// Logger receives what an operator should know: no token, cookie or name of a person.
	// Default slog.Default().
	Logger *slog.Logger
	// Events are told what happens to sessions.
	Events event.Handlers

	// InsecureAllowHTTP permits http URLs on hosts that are not loopback. Cookies are not
	// Secure there and have no __Host- prefix: see the finding plain_http.
	InsecureAllowHTTP bool
}

// ConfigError names the field that is wrong and the cure.
type ConfigError struct {
	Field string
	Cure  string
}

func (e *ConfigError) Error() string { return "rp: Config." + e.Field + ": " + e.Cure }

func wrong(field, cure string, args ...any) error {
	return &ConfigError{Field: field, Cure: fmt.Sprintf(cure, args...)}
}
