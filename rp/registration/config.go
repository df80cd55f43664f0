package registration

import (
	"net/http"
	"time"

	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/internal/weburl"
)

// Config says where the IdP is. Issuer is required.
type Config struct {
	// Issuer is the IdP's issuer identifier, as in rp.Config. Its discovery document names
	// the registration endpoint.
	Issuer string
	// Endpoint is the registration endpoint of an IdP whose discovery document does not name
	// it. If it is set, the discovery document is not read.
	Endpoint string
	// InitialAccessToken is a token that the IdP's administrator gives out for registrations
	// (RFC 7591 §3). Empty: none is sent, for an IdP with open registration.
	InitialAccessToken rp.Secret
	// HTTPClient is used for all calls; its redirect policy and timeout are replaced.
	// Default: http.DefaultTransport.
	HTTPClient *http.Client
	// RequestTimeout bounds one call. Default 30 s.
	RequestTimeout time.Duration
	// Now is the clock, for Retry-After. Default time.Now.
	Now func() time.Time
	// InsecureAllowHTTP permits http URLs on hosts that are not loopback.
	InsecureAllowHTTP bool
}

// ConfigError names the wrong field of a Config or of Metadata, and the cure.
type ConfigError struct {
	Field string // such as "Config.Issuer"
	Cure  string
}

func (e *ConfigError) Error() string { return "registration: " + e.Field + ": " + e.Cure }

func (c Config) withDefaults() (Config, error) {
	if err := weburl.CheckPlain(c.Issuer, c.InsecureAllowHTTP); err != nil {
		return c, &ConfigError{"Config.Issuer", err.Error()}
	}
	if c.Endpoint != "" {
		if err := weburl.Check(c.Endpoint, c.InsecureAllowHTTP); err != nil {
			return c, &ConfigError{"Config.Endpoint", err.Error()}
		}
	}
	if c.RequestTimeout < 0 {
		return c, &ConfigError{"Config.RequestTimeout", "is negative; use a positive duration, or 0 for 30 s"}
	}
	if c.RequestTimeout == 0 {
		c.RequestTimeout = 30 * time.Second
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c, nil
}
