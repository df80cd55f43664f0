package ssf

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/internal/idp"
	"github.com/tandem-sso/tandem/rp/internal/weburl"
)

// Sessions has the methods of an *rp.RelyingParty that a Receiver needs.
type Sessions interface {
	Issuer() string
	EndSessions(ctx context.Context, r rp.Whose) (int, error)
	Once(ctx context.Context, id string, until time.Time) (bool, error)
}

// Config configures a Receiver. Sessions, Transmitter, Audience and one of
// PushToken and PollURL are required; the zero value of everything else is a safe
// default.
type Config struct {
	// Sessions are ended by session-revoked events: the *rp.RelyingParty.
	Sessions Sessions
	// Transmitter is where the events come from; see Discover.
	Transmitter *Transmitter
	// Audience are the names under which the transmitter knows this receiver: the stream's
	// aud. A token for another audience is refused.
	Audience []string
	// StreamID is checked in events about the stream itself (verification, stream-updated),
	// and Verify needs it. Empty: not checked.
	StreamID string

	// PushToken is the token that the transmitter must send, as "Authorization: Bearer …".
	// Set the same in the stream's configuration. Empty: pushes are refused.
	PushToken rp.Secret

	// PollURL is the address to poll for events: the stream's delivery.endpoint_url. Empty:
	// no polling. If several instances poll, each event is still carried out once.
	PollURL string
	// PollEvery is the pause after an answer without events. Default 10 s.
	PollEvery time.Duration
	// PollWait is how long the transmitter may hold a request until there is an event (RFC
	// 8936 §2.2, long polling). Default 60 s; negative: the transmitter should answer at
	// once.
	PollWait time.Duration
	// MaxEvents to ask for at once. Default 32, at most 256.
	MaxEvents int

	// Alg is the signature algorithm. Default RS256, which the interoperability
	// profile prescribes.
	Alg string

	// SubjectOf finds the sub of a person who is named in another way: by email, or by any
	// format except iss_sub with the IdP's own issuer. It returns "" if this app does not
	// know the person. Default: such events are discarded, with an error in the log.
	SubjectOf func(ctx context.Context, id SubjectID) (string, error)

	// Received is called for every valid event, once per cluster. It must return quickly.
	Received func(Event)

	// Now is the clock. Default time.Now.
	Now func() time.Time
	// Logger receives messages for operators, without tokens and names of persons. Default
	// slog.Default().
	Logger *slog.Logger
}

// ConfigError names the wrong field and the cure.
type ConfigError struct {
	Field string // such as "Config.Audience"
	Cure  string
}

func (e *ConfigError) Error() string { return "ssf: " + e.Field + ": " + e.Cure }

type faults []error

func (f *faults) add(field, cure string, args ...any) {
	*f = append(*f, &ConfigError{field, fmt.Sprintf(cure, args...)})
}

const (
	minPushToken = 16 // characters
	maxMaxEvents = 256
)

// withDefaults returns the complete configuration, or every fault in it at once.
func (c Config) withDefaults() (Config, error) {
	var f faults
	if c.Sessions == nil {
		f.add("Config.Sessions", "is nil; set it to the *rp.RelyingParty whose sessions are to end")
	}
	if c.Transmitter == nil {
		f.add("Config.Transmitter", "is nil; set it to what Discover returned")
	}
	if len(c.Audience) == 0 {
		f.add("Config.Audience", "is empty; set it to the stream's aud, or tokens for other receivers would be "+
			"accepted")
	}
	for _, a := range c.Audience {
		if a == "" {
			f.add("Config.Audience", "has an empty entry; drop it")
		}
	}
	switch {
	case c.PushToken == "" && c.PollURL == "":
		f.add("Config.PushToken", "is empty, and so is PollURL: no event could arrive; set the one that the stream "+
			"was made for")
	case c.PushToken != "" && len(c.PushToken) < minPushToken:
		f.add("Config.PushToken", "has %d characters; use at least %d random ones (openssl rand -hex 32)",
			len(c.PushToken), minPushToken)
	}
	if c.PollURL != "" {
		if err := weburl.Check(c.PollURL, c.Transmitter != nil && c.Transmitter.cfg.InsecureAllowHTTP); err != nil {
			f.add("Config.PollURL", "%v", err)
		}
	}
	if c.PollEvery < 0 {
		f.add("Config.PollEvery", "is negative; use a positive duration, or 0 for 10 s")
	}
	if c.MaxEvents < 0 || c.MaxEvents > maxMaxEvents {
		f.add("Config.MaxEvents", "is %d; use 1 to %d, or 0 for 32", c.MaxEvents, maxMaxEvents)
	}
	c.Alg = orElse(c.Alg, "RS256")
	if !knownAlg(c.Alg) {
		f.add("Config.Alg", "is %q; use one of %s", c.Alg, strings.Join(signatureAlgs, ", "))
	}
	c.PollEvery = orElse(c.PollEvery, 10*time.Second)
	c.PollWait = orElse(c.PollWait, time.Minute)
	c.MaxEvents = orElse(c.MaxEvents, 32)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return c, errors.Join(f...)
}

// Symmetric algorithms are left out: every receiver could transmit.
var signatureAlgs = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

func knownAlg(alg string) bool {
	for _, a := range signatureAlgs {
		if a == alg {
			return true
		}
	}
	return false
}

func orElse[T comparable](v, preset T) T {
	var zero T
	if v == zero {
		return preset
	}
	return v
}

// remote is an HTTP client that follows no redirect, so that a token goes
// nowhere else.
func remote(given *http.Client) *http.Client {
	return idp.PlainClient(orElse(given, &http.Client{}), nil)
}
