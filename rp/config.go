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

	"github.com/tandem-sso/tandem/rp/idps"
	"github.com/tandem-sso/tandem/rp/internal/seal"
	"github.com/tandem-sso/tandem/rp/store"
)

// Secret is a string that prints as [redacted]. Only in an unexported field of a struct
// of one's own fmt does not ask it, nor a Config: such a struct needs a Format method.
type Secret string

const redacted = "[redacted]"

func (Secret) String() string       { return redacted }
func (Secret) GoString() string     { return redacted }
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// Format redacts also under verbs that do not fit a string, such as %d.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText keeps a Secret out of JSON and the like.
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

// Keys are 32-byte master keys. The first seals, all open: to roll, put a new
// key in front and drop the old one when Absolute has passed. Where several
// instances share a store, first give the new key to all of them in the last
// place: a session whose key an instance lacks is over for its browser there.
// They print as [redacted].
type Keys [][]byte

func (Keys) String() string               { return redacted }
func (Keys) GoString() string             { return redacted }
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
	// form), or "client_secret_basic_raw": in the header, but without the form-encoding that
	// RFC 6749 §2.3.1 demands, for an IdP that does not decode it and refuses secrets with
	// +, /, = or %.
	//
	// By ClientKeys: "private_key_jwt" (OpenID Connect Core 1.0 §9, RFC 7523) signs for the
	// issuer, "private_key_jwt_token_endpoint" for the address of the token endpoint, which
	// older IdPs and Entra ID demand, and "apple_client_secret" signs Apple's client_secret.
	//
	// By the certificate of HTTPClient (RFC 8705 §2): "tls_client_auth" or
	// "self_signed_tls_client_auth".
	//
	// Default: client_secret_basic, or client_secret_post where the IdP's discovery does
	// not offer the former; private_key_jwt with ClientKeys and no ClientSecret.
	ClientAuth string
	// ClientKeys sign what this client says of itself. The first signs; all are served at
	// Prefix+"/jwks", the client's jwks_uri at the IdP. To roll: put the new one in the
	// last place, wait until the IdP has read it, and then in the first one. Default: none.
	ClientKeys []ClientKey
	// Profile demands what a profile of OpenID Connect demands, and refuses what falls short
	// of it: in this Config, in the IdP's discovery document and in its answers. "fapi2" is
	// the FAPI 2.0 Security Profile: a key or a certificate instead of a secret, PAR, DPoP or
	// certificate-bound tokens, PS256, ES256 or EdDSA, and the IdP's name in its answers. It
	// sets PAR and, where HTTPClient has no certificate, DPoP; the default of IDTokenAlg and
	// of RSA keys is PS256. "fapi2-message-signing" sets JAR beside them, and ResponseMode to
	// jwt. Default: none.
	Profile string
	// DecryptionKeys open what the IdP encrypts for this client: ID tokens, logout tokens,
	// userinfo, answers of a log-in (RFC 7516). All open. The public halves are served beside
	// those of ClientKeys. A key is an *rsa.PrivateKey or an *ecdsa.PrivateKey. Default: none.
	DecryptionKeys []ClientKey

	BaseURL string // this app as browsers see it: https://notes.example.com
	Kind    Kind
	// Keys seal what is stored and derive what it is found by. All instances of this
	// client need the same; other clients may have the same or others.
	Keys Keys
	// Store keeps the sessions. All instances of this client share one, and so may
	// other clients, of this IdP or another: each finds only what is its own, told by
	// (Issuer, ClientID). Several host names are one client's: see BaseURLs.
	Store store.Store

	// Prefix is where the adapters mount the endpoints. Default "/auth". The IdP
	// must know BaseURL+Prefix+"/callback", +"/logged-out" and, for logout,
	// +"/backchannel-logout" and +"/frontchannel-logout".
	//
	// Where a proxy serves the app below a path and takes that path away, the path belongs
	// to BaseURL: https://example.com/notes. Where the app itself sees it, it belongs to
	// Prefix: /notes/auth.
	Prefix string
	// BaseURLs are further names under which browsers see this app, with the scheme and
	// the path of BaseURL. A browser logs in under the name that it uses, so the IdP must
	// know the addresses of each, for back-channel logout those of BaseURL alone. Each name
	// has its own cookie, and a page of one may not post to another (TrustedOrigins). A
	// proxy must pass the Host header on. Default: none.
	BaseURLs []string
	// Scopes to ask for. Default "openid". Kind RefreshToken needs what makes the
	// IdP issue a refresh token, which for many is "offline_access".
	Scopes []string
	// LoginParams are sent with every authorization request: audience (Auth0), resource
	// (RFC 8707), access_type (Google), …. What the library sets itself cannot be set.
	LoginParams map[string]string
	// LoginQuery are the names that the query of the log-in's address may set:
	// "login_hint", "ui_locales", "prompt", "acr_values", "max_age", "kc_idp_hint", ….
	// Anybody can make up such an address, so a route checks what it needs by itself
	// (RequireLogin with ACR, MaxAge). Default: none.
	LoginQuery []string
	// ResponseMode is how the IdP sends its answer back: "query", or "form_post", which
	// Apple demands for name and email and which keeps the code out of addresses. A
	// form_post from another site comes without cookies, so the callback answers with a
	// page that posts it once more; no cookie is SameSite=None for it. "jwt", "query.jwt" and
	// "form_post.jwt" demand an answer that the IdP has signed with IDTokenAlg (JARM), and
	// take no other. Default: query,
	// or form_post where the IdP's discovery document offers that and not query.
	ResponseMode string
	// PAR pushes each authorization request to the IdP before the browser goes there (RFC
	// 9126), so that nothing of it stands in an address. Default: only where the IdP demands
	// it of every client.
	PAR bool
	// JAR signs each authorization request by the first of ClientKeys (RFC 9101), so that
	// nobody can change it. Default: only where the IdP demands it of every client.
	JAR bool
	// DPoP binds access tokens to a key (RFC 9449), so that one who steals a token cannot use
	// it. Each session has a key of its own, sealed in its record. Session.Client sends the
	// proofs, and Session.DPoPProof makes them for other clients. An access token that is not
	// bound is refused then. Sessions that began without go on without. Default off.
	DPoP bool
	// ThirdPartyLogin lets the IdP, or any other site, start a log-in (OpenID Connect
	// Core 1.0 §4): GET and POST of Prefix+"/login" with iss, login_hint and
	// target_link_uri. Register BaseURL+Prefix+"/login" as initiate_login_uri. iss has
	// to be Issuer, and target_link_uri a page of this app, else the log-in leads to
	// "/". Default off: with it another site chooses the account that is logged in, as
	// far as the person has several at the IdP.
	ThirdPartyLogin bool
	// KeepFragments keeps the part behind # of the page that somebody wanted over a
	// log-in at which they have to type something. Browsers do not send that part, so
	// the log-in begins with a page whose script adds it to return_to: it then stands in
	// this app's access log. Default off: it is kept only where the IdP asks nothing and
	// answers by a redirect.
	KeepFragments bool
	// KeepPosted keeps a form that was posted when the session was over already: the
	// answer stores it in the tab, sealed, and after the log-in of the same person a page
	// offers to send it, once. Forms up to 64 KB without files, for LoginTimeout. Default
	// off: the answer says that nothing was taken.
	KeepPosted bool
	// UserinfoClaims asks the userinfo endpoint at each log-in for what it says of the
	// person, for IdPs that put names, mail and groups there and not into the ID token
	// (Duende, Okta, Authelia, oidc-provider, login.gov). Session.Claims has both. No session
	// begins without its answer. Default false: the ID token alone.
	UserinfoClaims bool
	// UserinfoAgain asks again after each renewal of the tokens, beside the request, so that
	// a change at the IdP arrives within their lifetime. It needs UserinfoClaims. Default
	// false.
	UserinfoAgain bool
	// ForgetClaims drops the claims that a renewed ID token leaves out. Default false: they
	// are kept, because many IdPs put less into it than at the log-in. Never kept are the
	// claims about one token: exp, iat, nbf, jti, nonce, at_hash, c_hash, s_hash, aud, azp.
	ForgetClaims bool

	// OnLogin sees each log-in that has succeeded at the IdP, before its session begins: to
	// write the person's row, to merge a visitor's cart, to leave a message, to choose the
	// page, or to refuse. Cookies and headers that it sets are sent. With nil the session
	// begins. With an error or a panic no session begins, the tokens are revoked where that
	// ends nothing else, and the browser's former session stays. The browser sees: nothing
	// more after ErrRefused, because the hook has answered by itself; the words of a
	// *LoginError, and an offer to use another account; else a page that says no more than
	// that it failed. The person waits for it, and r's context ends when the browser hangs
	// up. It is called for several people at once. A silent check begins no session and does
	// not call it.
	OnLogin func(w http.ResponseWriter, r *http.Request, l *Login) error
	// VisitorValues keep what RelyingParty.Values stores for who is not logged in, such as a
	// cart: any gorilla store. Default nil: nothing is kept.
	VisitorValues sessions.Store
	// Forbidden answers who is logged in and may not see a page (RequireClaim,
	// ErrForbidden). rp.FromContext of its request has the session. Status 403 if it sets
	// none. Default nil: a page that offers another account, or JSON for scripts.
	Forbidden http.Handler

	// APIs are the resource servers to whose origins Session.Client adds an access
	// token. No other host ever sees one, not even by a redirect. Hosts are written in
	// ASCII, as everywhere in this Config: an internationalized name in its xn-- form,
	// no dot at the end.
	APIs []API
	// APIIntrospects says that the APIs ask the IdP about every token, which
	// extends the IdP session: then a call of an API is a signal, and the
	// userinfo endpoint is asked only if the app was used without calling one.
	APIIntrospects bool

	// SignalEvery is δ: how often an active person is reported to the IdP at the
	// most. Default: a fifth of IdPWindow if that is configured or learnt, else
	// half the access token's lifetime, at most 5 min; jittered by ±10 %.
	SignalEvery time.Duration
	// TrustFor is how long the app serves active requests on one confirmation of
	// the IdP. After that it asks first, and if the IdP cannot answer, it answers
	// 503. Default 5 min; never longer than the IdP's window where that is known.
	TrustFor time.Duration
	// IdPWindow is W, the IdP's idle window. Default: learnt from token responses
	// (refresh_expires_in, refresh_token_timeout), else unknown.
	IdPWindow time.Duration
	// Idle ends a session after this time without activity in this app. Default
	// 0: the IdP's window decides alone, for all apps together.
	Idle time.Duration
	// Absolute ends a session this long after the log-in. Default 8 h; negative:
	// no limit.
	Absolute time.Duration
	// TrailingSignal reports activity once more at its due time, even if no
	// further request comes, so that W counts from the last activity and not from
	// the last signal.
	TrailingSignal bool
	// SilentCheck lets an app that has no better way to ask (Kind NoToken, or an
	// IdP whose Capabilities say that tokens do not follow its session) confirm a
	// session that was not confirmed for TrustFor by a top-level prompt=none round
	// trip on a navigation. It asks for the scope openid alone, names the person by
	// id_token_hint or login_hint, and leaves the session's tokens as they are; only
	// where there is an access token without a refresh token it renews that.
	SilentCheck bool

	// IdPSessionEnd asks the IdP when its session with this sid will end by
	// inactivity, without extending it: what a session management API offers, such
	// as Auth0's GET /api/v2/sessions/{id}. Then the page of an app that nobody uses
	// learns that the person is active in another one, and neither warns nor hides
	// itself. It is asked when a page looks at its session after the time to warn,
	// not more than every 2 s for one session, for 3 s at most, and only where the
	// IdP's window is known. An error changes nothing. Default nil: such a page
	// warns with care and is hidden until the person turns to it.
	IdPSessionEnd func(ctx context.Context, sid string) (time.Time, error)

	// MaxStreams bounds the open event streams of this instance; beyond it a page
	// is answered 503 and polls. Default 20 000, at some 30 KB each; negative: no
	// streams at all.
	MaxStreams int
	// MaxStreamsPerSession bounds those of one session; beyond it 429. One browser
	// needs one, however many tabs it has, or one per tab where it has no Web
	// Locks. Default 8.
	MaxStreamsPerSession int
	// MaxStreamsPerSubject bounds those of one person on this instance; beyond it
	// 429. So one account cannot take all places. Default 64.
	MaxStreamsPerSubject int

	// MaxSessionsPerSubject bounds the sessions of one person in this app, in all
	// browsers: at a log-in beyond it the least recently active ones end with
	// SessionLimit (ASVS 7.1.2). Default 0: no limit.
	MaxSessionsPerSubject int

	// Classify overrides which requests are activity; ok false leaves the choice
	// to the library (see Activity).
	Classify func(*http.Request) (c Class, ok bool)

	// IDTokenAlg is the signature algorithm of ID and logout tokens. Default
	// RS256. It is not taken from discovery: what the IdP can do is not what it
	// was registered to do.
	IDTokenAlg string
	// TrustedAudiences may stand in an ID token beside ClientID.
	TrustedAudiences []string
	// MaxAge asks the IdP to authenticate again if that is longer ago.
	MaxAge time.Duration
	// Skew is the tolerated difference of clocks. Default 60 s, at most 5 min.
	Skew time.Duration
	// LoginTimeout is how long a person may take at the IdP. Default 15 min, at most
	// 12 h.
	LoginTimeout time.Duration
	// RequestTimeout bounds one call of the IdP. Default 30 s.
	RequestTimeout time.Duration
	// WaitFor bounds how long a person waits for the IdP's answer. After that it is
	// 503 with Retry-After, and the call goes on: its answer is there for the next
	// request. Default 15 s.
	WaitFor time.Duration
	// MaxCalls bounds the calls of the IdP that are under way at once, and the
	// connections that are kept for them. Default 64.
	MaxCalls int
	// StrictLogoutToken demands typ logout+jwt, exp and an unseen jti of logout
	// tokens (ASVS 10.5.5). Default: what certified IdPs really send.
	StrictLogoutToken bool
	// LogoutRetry503 answers 503 instead of 400 to a valid logout token that could
	// not be carried out, for IdPs that deliver again after a 5xx.
	LogoutRetry503 bool

	// Capabilities say what the IdP honours. Default: idps.Guess(Issuer).
	Capabilities *idps.Capabilities
	// MassLogoutPause keeps sessions for so long when the IdP suddenly refuses the
	// tokens of many (see MassLogoutEvent): they are answered 503 once trust has run
	// out, looked at again afterwards, and then the IdP is believed for an hour at
	// least. Default 0: the IdP is believed at once.
	MassLogoutPause time.Duration

	// FrontchannelLogout serves the front-channel logout URI although the IdP's
	// discovery does not say frontchannel_logout_supported. Anybody who knows a sid
	// can call that URI and end its sessions here, so by default it answers 404 where
	// the IdP does not use it.
	FrontchannelLogout bool

	// Logout says how a log-out goes on at the IdP. The zero value does what
	// RP-Initiated Logout 1.0 says, within what Capabilities say of the IdP.
	Logout LogoutConfig

	// Pages are the language, the words and the frame of the pages that the library shows
	// itself. Default: plain English ones.
	Pages Pages

	// TrustedOrigins may send unsafe requests (POST, …) and open WebSockets beside
	// BaseURL itself.
	TrustedOrigins []string
	// CookieName of the session cookie. Default "__Host-tandem", and where BaseURL has a
	// path "__Host-path+tandem", because apps of one host see each other's cookies. The
	// __Host- prefix is added if missing, and left out where it cannot be (see
	// InsecureAllowHTTP).
	CookieName string

	// SkipSelfCheck leaves out a look at whether POST requests reach the endpoints. By
	// default two empty forms are posted to the app's own addresses below BaseURL, once,
	// after the first request that is served, for 5 s at most. What keeps them off, such as a
	// middleware against CSRF, is a Finding, and so is an address that cannot be reached.
	SkipSelfCheck bool

	// HTTPClient is used for all calls of the IdP and of APIs. Its Timeout holds for
	// calls of APIs only, RequestTimeout for those of the IdP; its redirect policy
	// and cookie jar are left out. Where its *http.Transport has a client certificate, the
	// IdP's mtls_endpoint_aliases are called (RFC 8705 §5). Default: http.DefaultTransport,
	// no Timeout.
	HTTPClient *http.Client
	// Now is the clock. Default time.Now.
	Now func() time.Time
	// Logger receives what an operator should know. Default slog.Default(). No
	// token, cookie or name of a person is ever logged.
	Logger *slog.Logger
	// Events are told what happens to sessions.
	Events Events

	// InsecureAllowHTTP permits http URLs for the IdP and this app on hosts that
	// are not loopback. Cookies of such an app are not Secure and have no __Host- prefix:
	// see the finding plain_http.
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
