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

	"github.com/tandem-sso/tandem/rp/activity"
	"github.com/tandem-sso/tandem/rp/event"
	"github.com/tandem-sso/tandem/rp/idps"
	"github.com/tandem-sso/tandem/rp/internal/seal"
	"github.com/tandem-sso/tandem/rp/pages"
	"github.com/tandem-sso/tandem/rp/store"
)

// Secret is a string that prints as [redacted]. fmt prints it in clear only in an unexported
// field of a struct.
type Secret string

const redacted = "[redacted]"

// String is for packages that print a Stringer and ask no Format, such as go-cmp and go-spew.
func (Secret) String() string       { return redacted }
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Kind says which tokens a client has after the log-in: how it tells the IdP of activity, and
// learns that the session has ended.
type Kind uint8

const (
	// RefreshToken: the client refreshes its tokens. A refresh extends the IdP session; a
	// rejected refresh ends the app session. The default.
	RefreshToken Kind = iota
	// ReferenceToken: the client has only an access token, which an API or the IdP looks up.
	// Calls of the userinfo endpoint, or of an API that introspects, extend the IdP session.
	// A 401 that the IdP confirms ends the app session.
	ReferenceToken
	// NoToken: the client has only the ID token. It tells the IdP nothing unless SilentCheck
	// is set, and learns of the end by back-channel or front-channel logout.
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

// Keys are 32-byte master keys. The first encrypts, all decrypt; docs/deploy.md says how to
// change them. They print as [redacted].
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
	// ClientAuth is how this client authenticates to the IdP. By ClientSecret:
	// "client_secret_basic", "client_secret_post", or "client_secret_basic_raw", without the
	// form-encoding of RFC 6749 §2.3.1. By ClientKeys: "private_key_jwt" (RFC 7523), with the
	// issuer as its audience, "private_key_jwt_token_endpoint" (older IdPs, Entra ID), or
	// "apple_client_secret". By the certificate of HTTPClient (RFC 8705 §2): "tls_client_auth" or
	// "self_signed_tls_client_auth". See docs/fapi.md.
	//
	// Default: private_key_jwt with ClientKeys and no ClientSecret, else client_secret_basic, or
	// client_secret_post if discovery does not offer that.
	ClientAuth string
	// ClientKeys sign the client assertions and request objects of this client: the first signs,
	// all are served at Prefix+"/jwks". Default: none. See docs/fapi.md.
	ClientKeys []ClientKey
	// Profile enforces a profile of OpenID Connect and refuses weaker settings, here, in discovery
	// and in answers: "fapi2" (FAPI 2.0 Security Profile) or "fapi2-message-signing" (JAR and
	// ResponseMode jwt, too). It sets PAR and, without a certificate in HTTPClient, DPoP; PS256 is
	// the default algorithm. Default: none. See docs/fapi.md.
	Profile string
	// DecryptionKeys decrypt what the IdP encrypts for this client (RFC 7516): *rsa.PrivateKey or
	// *ecdsa.PrivateKey. All decrypt; their public halves are served with those of ClientKeys.
	// Default: none.
	DecryptionKeys []ClientKey

	BaseURL string // this app as browsers see it: https://notes.example.com
	Kind    Kind
	// Keys encrypt records and cookies. All instances of this client need the same Keys.
	Keys Keys
	// Store keeps the sessions. All instances of this client share one Store. Other clients
	// may share it too: each finds only the sessions of its own (Issuer, ClientID).
	Store store.Store

	// Prefix is where the adapters mount the endpoints. Default "/auth". The IdP must know
	// BaseURL+Prefix+"/callback", +"/logged-out" and, for logout, +"/backchannel-logout" and
	// +"/frontchannel-logout". A path that a proxy removes belongs to BaseURL, a path that the app
	// sees to Prefix (/notes/auth).
	Prefix string
	// BaseURLs are further names under which browsers see this app, with the scheme and the path of
	// BaseURL. The IdP must know the addresses of each; see docs/running.md. Default: none.
	BaseURLs []string
	// Scopes to ask for. Default "openid". Kind RefreshToken needs the scope for which the
	// IdP issues a refresh token, at many IdPs "offline_access".
	Scopes []string
	// LoginParams are sent with every authorization request: audience (Auth0), resource (RFC 8707),
	// access_type (Google), …. Parameters that the library sets cannot be changed.
	LoginParams map[string]string
	// LoginQuery names the parameters that the query of the log-in's address may set:
	// "login_hint", "prompt", "acr_values", …. Anybody can make up such an address, so a
	// route must check its demands itself (RequireLogin with ACR, MaxAge). Default: none.
	LoginQuery []string
	// ResponseMode is how the IdP sends its answer: "query", or "form_post", which keeps the code
	// out of addresses and which Apple demands for name and email. "jwt", "query.jwt" and
	// "form_post.jwt" demand a signed answer (JARM). Default: query, or form_post if discovery
	// offers that and not query.
	ResponseMode string
	// PAR pushes each authorization request to the IdP before the browser goes there (RFC
	// 9126). Default: only if the IdP demands it of every client.
	PAR bool
	// JAR signs each authorization request with the first of ClientKeys (RFC 9101), so that
	// nobody can change it. Default: only if the IdP demands it of every client.
	JAR bool
	// RequestURI makes the IdP fetch each authorization request from this app, at
	// BaseURL+Prefix+"/request", so the browser carries only the address (request_uri, RFC 9101
	// §5.2). Without JAR the requests are not signed. Default off. See docs/login.md.
	RequestURI bool
	// DPoP binds access tokens to a key of the session (RFC 9449). A token that is not bound is
	// refused; sessions that began without DPoP go on without it. Session.Client sends the proofs,
	// Session.DPoPProof makes them. Default off.
	DPoP bool
	// ThirdPartyLogin lets the IdP, or any other site, start a log-in (OpenID Connect Core 1.0 §4)
	// at BaseURL+Prefix+"/login". Default off: with it another site chooses which of a person's
	// accounts is logged in. See docs/login.md.
	ThirdPartyLogin bool
	// KeepFragments keeps the part behind # of the page that a person asked for. A page with a
	// script does so, and the part is then in this app's access log. Default off: only if the IdP
	// answers with a redirect at once. See docs/login.md.
	KeepFragments bool
	// KeepPosted keeps a form that was posted after the end of the session, encrypted, in the tab:
	// after the log-in of the same person a page offers to send it, once. Up to 64 KB without
	// files, for LoginTimeout. Default off.
	KeepPosted bool
	// UserinfoClaims calls the userinfo endpoint at each log-in, for IdPs that return names and
	// groups there. No session begins without its answer. Default off. See docs/claims.md.
	UserinfoClaims bool
	// UserinfoAgain calls it again after each renewal of the tokens, in the background. It
	// needs UserinfoClaims. Default off.
	UserinfoAgain bool
	// ForgetClaims drops the claims that a renewed ID token leaves out. Default off: they are
	// kept, except those about one token (exp, nonce, aud, …), which docs/claims.md lists.
	ForgetClaims bool

	// OnLogin is called at each log-in before its session begins: to write the person's row, to
	// carry a cart over, to choose the page, or to refuse. After an error or a panic no session
	// begins, the tokens are revoked if that ends nothing else, and the browser's former session
	// stays. After ErrRefused the library writes nothing; a *LoginError is shown in its words; for
	// any other error the page says only that the log-in failed. r's context ends when the browser
	// hangs up. OnLogin is called for several people at once, and not by a silent check.
	OnLogin func(w http.ResponseWriter, r *http.Request, l *Login) error
	// VisitorValues keeps the values of RelyingParty.Values for visitors who are not logged
	// in: any gorilla store. Default nil: nothing is kept.
	VisitorValues sessions.Store
	// Forbidden answers a person who may not see a page (RequireClaim, ErrForbidden), with 403 if
	// it sets no status. Default nil: a page that offers another account, or JSON.
	Forbidden http.Handler

	// APIs are the origins to which Session.Client sends an access token. No other host ever sees a
	// token, not even after a redirect.
	APIs []API
	// APIIntrospects says that the APIs ask the IdP about every token, which extends the IdP
	// session. Then a call of an API is a signal, and userinfo is called only if there is none.
	APIIntrospects bool

	// SignalEvery is δ: an active person is reported to the IdP at most once in this time.
	// Default: a fifth of IdPWindow if that is known, else half the access token's lifetime,
	// at most 5 min; with a jitter of ±10 %.
	SignalEvery time.Duration
	// TrustFor is how long active requests are served after one confirmation by the IdP. After that
	// it is asked first; if it does not answer, they get 503. Default 5 min; never longer than the
	// IdP's window if that is known.
	TrustFor time.Duration
	// IdPWindow is W, the IdP's idle window. Default: learnt from token responses
	// (refresh_expires_in, refresh_token_timeout), else unknown.
	IdPWindow time.Duration
	// Idle ends a session after this time without activity in this app. Default 0: only the
	// IdP's window decides, for all apps together.
	Idle time.Duration
	// Absolute ends a session this long after the log-in. Default 8 h; negative: no limit.
	Absolute time.Duration
	// TrailingSignal reports the last activity at its due time even if no further request comes, so
	// that W counts from it and not from the last signal. If the instance has stopped before, the
	// next poll of a page reports it, up to SignalEvery later.
	TrailingSignal bool
	// SilentCheck confirms a session by a top-level prompt=none round trip on a navigation
	// after TrustFor, if the app has no better way to ask: Kind NoToken, or an IdP whose
	// tokens do not follow its session. See docs/timeouts.md.
	SilentCheck bool

	// IdPSessionEnd asks the IdP when its session ends by inactivity, without extending it, for
	// example by Auth0's session API. Then a page does not warn a person who is active elsewhere.
	// It is called at most every 2 s for one session, with 3 s to answer; an error changes nothing.
	// Default nil.
	IdPSessionEnd func(ctx context.Context, sid string) (time.Time, error)

	// MaxStreams bounds the open event streams of this instance; beyond it a page gets 503 and
	// polls. Default 20 000, at some 30 KB each; negative: no streams.
	MaxStreams int
	// MaxStreamsPerSession bounds the event streams of one session; beyond it 429. Default 8.
	MaxStreamsPerSession int
	// MaxStreamsPerSubject bounds the event streams of one person on this instance; beyond it
	// 429. Default 64.
	MaxStreamsPerSubject int

	// MaxSessionsPerSubject bounds the sessions of one person in this app: a log-in beyond it ends
	// the least recently active ones (ASVS 7.1.2). Default 0: no limit.
	MaxSessionsPerSubject int

	// Classify overrides which requests are activity. If ok is false, the library decides.
	Classify func(*http.Request) (c activity.Class, ok bool)

	// IDTokenAlg is the signature algorithm of ID and logout tokens for which this client is
	// registered: discovery does not name it. Default RS256.
	IDTokenAlg string
	// TrustedAudiences are audiences that an ID token may have besides ClientID.
	TrustedAudiences []string
	// MaxAge makes the IdP authenticate the person again if the last time is longer ago.
	// At least 1 s. Default 0: it is not asked for.
	MaxAge time.Duration
	// Skew is the tolerated difference of clocks. Default 60 s, at most 5 min.
	Skew time.Duration
	// LoginTimeout is how long a person may take at the IdP. Default 15 min, at most 12 h.
	LoginTimeout time.Duration
	// RequestTimeout bounds one call to the IdP. Default 30 s.
	RequestTimeout time.Duration
	// WaitFor bounds how long a person waits for the IdP. Then the answer is 503, and the call goes
	// on for the next request. Default 15 s.
	WaitFor time.Duration
	// MaxCalls bounds the calls to the IdP that are under way at once. Default 64.
	MaxCalls int
	// StrictLogoutToken refuses logout tokens without typ logout+jwt, exp, and a jti that was not
	// used before (ASVS 10.5.5). Default off, because certified IdPs send others.
	StrictLogoutToken bool
	// LogoutRetry503 answers 503 instead of 400 to a valid logout token that could not be carried
	// out, for IdPs that deliver again after a 5xx.
	LogoutRetry503 bool

	// Capabilities say what the IdP honours. Default: idps.Guess(Issuer); if that does not
	// know the IdP, finding "idp_unverified" says so.
	Capabilities *idps.Capabilities
	// MassLogoutPause keeps sessions for this long when the IdP suddenly refuses the tokens of many
	// (event.MassLogout); without trust they get 503. Afterwards the IdP is asked again, and its
	// refusals count for at least an hour. Default 0: they count at once.
	MassLogoutPause time.Duration

	// FrontchannelLogout serves the front-channel logout URI even if discovery does not say
	// frontchannel_logout_supported. Anybody who knows a sid can call it. Default: 404.
	FrontchannelLogout bool

	// Logout says how a log-out goes on at the IdP. Zero: as in RP-Initiated Logout 1.0.
	Logout LogoutConfig

	// Pages are language, words and frame of the library's own pages. Default: plain English.
	Pages pages.Config

	// TrustedOrigins are origins that, like BaseURL itself, may send unsafe requests (POST,
	// …) and open WebSockets.
	TrustedOrigins []string
	// CookieName is the name of the session cookie. Default "__Host-tandem", or
	// "__Host-path+tandem" if BaseURL has a path. The prefix is added if missing, and left out on
	// plain http. Cookies know no ports: apps on localhost need a name each.
	CookieName string

	// SkipSelfCheck turns off the check that POST requests reach the endpoints: after the first
	// request the app posts two empty forms to its own addresses. If something blocks them, a
	// Finding says so.
	SkipSelfCheck bool

	// HTTPClient is used for the IdP and the APIs. Its Timeout holds for APIs only; its redirect
	// policy and cookie jar are ignored; a client certificate of its *http.Transport is used at
	// mtls_endpoint_aliases. Default: http.DefaultTransport, no Timeout.
	HTTPClient *http.Client
	// IdPTransport wraps the transport of calls to the IdP, for metrics and traces (package
	// otelrp). It sees tokens and secrets. The request's context has the values of the browser's
	// request that caused the call. Default nil.
	IdPTransport func(http.RoundTripper) http.RoundTripper
	// Now is the clock. Default time.Now.
	Now func() time.Time
	// Logger receives messages for operators, without tokens, cookies or names of persons.
	// Default slog.Default().
	Logger *slog.Logger
	// Events are called when something happens to sessions.
	Events event.Handlers

	// InsecureAllowHTTP permits http URLs on hosts that are not loopback. Cookies are not Secure
	// there: see the finding plain_http.
	InsecureAllowHTTP bool
}

// ConfigError names the wrong field and the cure.
type ConfigError struct {
	Field string
	Cure  string
}

func (e *ConfigError) Error() string { return "rp: Config." + e.Field + ": " + e.Cure }

func wrong(field, cure string, args ...any) error {
	return &ConfigError{Field: field, Cure: fmt.Sprintf(cure, args...)}
}
