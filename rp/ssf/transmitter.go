package ssf

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/oauth2"

	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/internal/keyset"
	"github.com/tandem-sso/tandem/rp/internal/outside"
	"github.com/tandem-sso/tandem/rp/internal/verdict"
	"github.com/tandem-sso/tandem/rp/internal/weburl"
)

const (
	maxAnswer     = 64 << 10 // bytes of an answer of the management API
	maxRetryAfter = 5 * time.Minute
)

// TransmitterConfig says where the transmitter is. Issuer is required.
type TransmitterConfig struct {
	// Issuer is the transmitter's issuer identifier, compared exactly; often, but
	// not always, the IdP's.
	Issuer string
	// AccessToken returns the token for the management API and the poll endpoint. It is
	// called before every call, so it must cache a token while that is valid; for OAuth use
	// golang.org/x/oauth2/clientcredentials with the scopes ssf.read and ssf.manage. Default:
	// no token is sent, which is enough for push.
	AccessToken func(context.Context) (rp.Secret, error)
	// HTTPClient is used for all calls; its redirect policy and timeout are
	// replaced. Default: http.DefaultTransport.
	HTTPClient *http.Client
	// RequestTimeout bounds one call. Default 30 s.
	RequestTimeout time.Duration
	// Now is the clock. Default time.Now.
	Now func() time.Time
	// Logger gets a message when metadata or keys cannot be read again; the old ones stay in
	// use. Default slog.Default().
	Logger *slog.Logger
	// InsecureAllowHTTP permits http URLs on hosts that are not loopback.
	InsecureAllowHTTP bool
}

// Transmitter is a transmitter with its metadata (§7.1).
type Transmitter struct {
	cfg    TransmitterConfig
	meta   atomic.Pointer[metadata]
	client *http.Client
	keys   *keyset.Set
}

// Discover reads the transmitter's configuration from its well-known place
// (§7.2). A *ConfigError names the fault in cfg; any other error means that the transmitter
// could not be reached, and that trying again later may help.
func Discover(ctx context.Context, cfg TransmitterConfig) (*Transmitter, error) {
	if err := weburl.CheckPlain(cfg.Issuer, cfg.InsecureAllowHTTP); err != nil {
		return nil, &ConfigError{"TransmitterConfig.Issuer", err.Error()}
	}
	if cfg.RequestTimeout < 0 {
		return nil, &ConfigError{"TransmitterConfig.RequestTimeout", "is negative; use a positive duration, or 0 for " +
			"30 s"}
	}
	cfg.RequestTimeout = orElse(cfg.RequestTimeout, 30*time.Second)
	cfg.Logger = orElse(cfg.Logger, slog.Default())
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	t := &Transmitter{cfg: cfg, client: remote(cfg.HTTPClient)}
	m, err := t.read(ctx)
	if err != nil {
		return nil, err
	}
	t.meta.Store(m)
	t.keys = keyset.New(m.JWKSURL, t.client, cfg.Now)
	t.keys.Trouble = func(err error, until time.Time) {
		t.log().Warn("the transmitter's keys could not be read again; the receiver keeps using the old keys",
			"error", outside.Error(err), "until", until)
	}
	return t, nil
}

// Issuer returns the transmitter's issuer identifier.
func (t *Transmitter) Issuer() string { return t.cfg.Issuer }

func (t *Transmitter) log() *slog.Logger { return t.cfg.Logger.With("transmitter", t.cfg.Issuer) }

// StatusError means that the transmitter gave a wrong answer to a call.
type StatusError struct {
	Status     int
	RetryAfter time.Duration // zero if it did not say
}

func (e *StatusError) Error() string { return fmt.Sprintf("the transmitter answered %d", e.Status) }

// ErrNoEndpoint means that the transmitter does not offer this call.
var ErrNoEndpoint = errors.New("ssf: the transmitter has no such endpoint")

// call makes one authorized JSON call; in and out may be nil.
func (t *Transmitter) call(ctx context.Context, method, where string, in any, status int, out any) error {
	if where == "" {
		return ErrNoEndpoint
	}
	var body io.Reader
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(raw)
	}
	req, err := http.NewRequest(method, where, body)
	if err != nil {
		return err
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("Accept", "application/json")
	if err := t.authorize(ctx, req); err != nil {
		return err
	}
	return t.do(ctx, req, status, out)
}

func (t *Transmitter) authorize(ctx context.Context, req *http.Request) error {
	if t.cfg.AccessToken == nil {
		return nil
	}
	token, err := t.cfg.AccessToken(ctx)
	if err != nil {
		return fmt.Errorf("ssf: TransmitterConfig.AccessToken failed: %w", withoutAnswer(err))
	}
	req.Header.Set("Authorization", "Bearer "+string(token))
	return nil
}

// withoutAnswer leaves out what the token endpoint has said, which oauth2 puts into its
// error as a whole.
func withoutAnswer(err error) error {
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) && refused.Response != nil {
		return outside.As(err, "the token endpoint answered %d %s", refused.Response.StatusCode,
			outside.Code(refused.ErrorCode))
	}
	return outside.Error(err)
}

func (t *Transmitter) do(ctx context.Context, req *http.Request, status int, out any) error {
	return t.doWithin(ctx, t.cfg.RequestTimeout, req, status, maxAnswer, out)
}

func (t *Transmitter) doWithin(ctx context.Context, limit time.Duration, req *http.Request, status, most int,
	out any) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	resp, err := t.client.Do(req.WithContext(ctx))
	if err != nil {
		return quiet(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != status && !(out == nil && resp.StatusCode/100 == 2) {
		return &StatusError{resp.StatusCode, verdict.RetryAfter(resp.Header, t.cfg.Now(), maxRetryAfter)}
	}
	if out == nil {
		return nil
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, int64(most)+1))
	switch {
	case err != nil:
		return quiet(err)
	case len(body) > most:
		return fmt.Errorf("the transmitter's answer has more than %d bytes", most)
	}
	if err := json.Unmarshal(body, out); err != nil {
		return errors.New("the transmitter's answer is not the expected JSON")
	}
	return nil
}

// quiet keeps the kind of a network error and drops the rest.
func quiet(err error) error {
	return fmt.Errorf("the transmitter did not answer: %w", outside.Error(err))
}
