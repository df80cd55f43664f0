package resourceserver

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/weburl"
)

// Secret is a string that prints as [redacted].
type Secret string

func (Secret) String() string       { return "[redacted]" }
func (Secret) LogValue() slog.Value { return slog.StringValue("[redacted]") }

// Format redacts also under verbs that do not fit a string, such as %d.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[redacted]") }

// MarshalText keeps a Secret out of JSON and the like.
func (Secret) MarshalText() ([]byte, error) { return []byte("[redacted]"), nil }

// Config configures a Server. ClientID, one of ClientSecret, ClientKey and a certificate,
// and one of Issuer and IntrospectionURL are required; the zero value of everything else
// is a safe default.
type Config struct {
	// Issuer is the IdP's issuer identifier; its discovery document names the
	// introspection endpoint.
	Issuer string
	// IntrospectionURL is the introspection endpoint, for an authorization server
	// without discovery. With a secret the API then authenticates by client_secret_basic.
	IntrospectionURL string

	ClientID     string // the client ID of this API at the IdP
	ClientSecret Secret
	// ClientKey authenticates instead of a secret: this API signs an assertion for each
	// question (private_key_jwt, RFC 7523), for Issuer and good for a minute.
	ClientKey ClientKey
	// ClientAuth is the method of client authentication: client_secret_basic,
	// client_secret_post, client_secret_basic_raw, private_key_jwt,
	// private_key_jwt_token_endpoint (the token endpoint is the audience), tls_client_auth or
	// self_signed_tls_client_auth (RFC 8705, with the certificate in HTTPClient; the IdP's
	// mtls_endpoint_aliases are asked then). Default: by what is set, and what the IdP takes
	// of secrets.
	ClientAuth string
	// IntrospectionAlg demands answers that the IdP has signed for this API, with this
	// algorithm (RFC 9701): PS256, say. It needs Issuer and no IntrospectionURL, for the
	// IdP's keys. Default: answers are plain JSON, for which TLS vouches.
	IntrospectionAlg string

	// Audience: one of these must be in the token's aud. Default: none is demanded, because
	// many IdPs name no API there. Set it if your IdP does: otherwise this API accepts tokens
	// that were issued for another API, and New says so in the log.
	Audience []string

	// BaseURL is the address of this API as its callers see it, https://api.example.com, with
	// any path that a proxy removes. With BaseURL tokens that are bound to a key are accepted,
	// by the scheme DPoP and with a proof for this method, address and token. A proof is valid
	// for a minute and once on this instance (RFC 9449 §7). Default: such tokens are refused.
	BaseURL string
	// RequireBound refuses tokens that are not bound: FAPI 2.0 demands it. Default false.
	RequireBound bool

	// CacheFor is how long an answer is used again for the same token, never longer than the
	// token lives. Default 0: the IdP is asked for every request; only requests with the same
	// token at the same time share one answer.
	CacheFor time.Duration
	// CacheSize is how many answers about valid tokens are kept at most; the least recently
	// used are dropped. As many answers about invalid tokens are kept separately, so that
	// junk does not displace valid ones. Default 10,000.
	CacheSize int

	// Timeout bounds one introspection. Default 10 s.
	Timeout time.Duration
	// HTTPClient calls the IdP. Its redirect policy, timeout and cookie jar are replaced.
	// Default: http.DefaultTransport.
	HTTPClient *http.Client
	// Now is the clock. Default time.Now.
	Now func() time.Time
	// Logger receives messages for operators, without tokens. Default slog.Default().
	Logger *slog.Logger

	// InsecureAllowHTTP permits http URLs of the IdP on hosts that are not
	// loopback. Tokens and the secret then cross the network in clear.
	InsecureAllowHTTP bool
}

// ConfigError names the wrong field and the cure.
type ConfigError struct {
	Field string
	Cure  string
}

func (e *ConfigError) Error() string { return "resourceserver: Config." + e.Field + ": " + e.Cure }

// withDefaults returns the complete configuration, or every fault in it at once.
func (c Config) withDefaults() (Config, error) {
	var faults []error
	fault := func(field, cure string, args ...any) {
		faults = append(faults, &ConfigError{field, fmt.Sprintf(cure, args...)})
	}
	switch {
	case c.Issuer == "" && c.IntrospectionURL == "":
		fault("Issuer", "is empty; set it to the issuer identifier of the IdP, such as https://login.example.com (or "+
			"set IntrospectionURL)")
	case c.IntrospectionURL != "":
		if err := weburl.Check(c.IntrospectionURL, c.InsecureAllowHTTP); err != nil {
			fault("IntrospectionURL", "%v", err)
		}
	default:
		if err := weburl.Check(c.Issuer, c.InsecureAllowHTTP); err != nil {
			fault("Issuer", "%v", err)
		}
	}
	if c.ClientID == "" {
		fault("ClientID", "is empty; set it to the id under which the IdP knows this API")
	}
	c.checkClient(fault)
	switch {
	case c.IntrospectionAlg == "":
	case !slices.Contains(signatureAlgs, c.IntrospectionAlg):
		fault("IntrospectionAlg", "is %q; use one of %s", c.IntrospectionAlg, strings.Join(signatureAlgs, ", "))
	case c.IntrospectionURL != "":
		fault("IntrospectionURL", "is set, but IntrospectionAlg needs the keys that the IdP's discovery document "+
			"names; leave it empty")
	}
	if c.BaseURL != "" {
		if err := weburl.CheckPlain(c.BaseURL, c.InsecureAllowHTTP); err != nil {
			fault("BaseURL", "%v", err)
		}
	}
	if slices.Contains(c.Audience, "") {
		fault("Audience", "has an empty entry; drop it")
	}
	if c.CacheFor < 0 {
		fault("CacheFor", "is negative; use a positive duration, or 0 for no cache")
	}
	if c.CacheSize < 0 {
		fault("CacheSize", "is negative; use a positive number, or 0 for the default")
	}
	if c.Timeout < 0 {
		fault("Timeout", "is negative; use a positive duration, or 0 for the default")
	}
	if c.CacheSize == 0 {
		c.CacheSize = 10_000
	}
	if c.Timeout == 0 {
		c.Timeout = 10 * time.Second
	}
	if c.HTTPClient == nil {
		c.HTTPClient = &http.Client{}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return c, errors.Join(faults...)
}
