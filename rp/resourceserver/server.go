package resourceserver

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/idp"
	"github.com/tandem-sso/tandem/rp/internal/keyset"
	"github.com/tandem-sso/tandem/rp/internal/verdict"
	"github.com/tandem-sso/tandem/rp/internal/weburl"
)

// ErrInactive means that the IdP says that the token is not active. The token may have
// expired, may be revoked, or may never have existed: RFC 7662 §2.2 leaves that open on
// purpose.
var ErrInactive = errors.New("resourceserver: the token is not active")

// UnavailableError means that the IdP cannot be asked now. Nothing is known about the token.
type UnavailableError struct {
	RetryAfter time.Duration
	Err        error
}

func (e *UnavailableError) Error() string {
	return fmt.Sprintf("resourceserver: the IdP cannot be asked about the token, try again in %v: %v", e.RetryAfter,
		e.Err)
}
func (e *UnavailableError) Unwrap() error { return e.Err }

// Server checks access tokens for one API. It is safe for concurrent use and
// starts nothing in the background.
type Server struct {
	*private // cfg
	idp      *idp.Client
	flights  *flights
	memory   *memory // nil: every request is asked about
	named    *sync.Once
	proofs   *proofs
	keys     *keyset.Set // that sign answers; nil: none are signed
}

// New checks the configuration and, if IntrospectionURL is not set, reads the
// discovery document. ctx bounds that only. A *ConfigError, or several joined,
// names the fault in the configuration; any other error means that the IdP could not be
// reached, and that trying again later may help.
func New(ctx context.Context, c Config) (*Server, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Server{private: &private{c}, flights: new(flights), named: new(sync.Once), proofs: new(proofs)}
	s.idp = &idp.Client{
		HTTP: idp.PlainClient(c.HTTPClient, nil), Now: c.Now, IntrospectionURL: c.IntrospectionURL,
		Auth: c.client().AuthBy(new(idp.Metadata), nil),
	}
	if c.CacheFor > 0 {
		s.memory = newMemory(c.CacheSize)
	}
	if c.IntrospectionURL == "" {
		if err := s.discover(ctx); err != nil {
			return nil, err
		}
	}
	if len(c.Audience) == 0 {
		c.Logger.Warn("Config.Audience is empty: this API accepts tokens that the IdP issued for other APIs. Set it "+
			"to the audience (aud) that the IdP puts into tokens for this API.", "finding", "audience_unchecked")
	}
	return s, nil
}

// discover reads what OpenID Connect Discovery 1.0 §4 and RFC 8414 §2 say of
// introspection.
func (s *Server) discover(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	wrap := func(err error) error {
		return fmt.Errorf("resourceserver: Config.Issuer: discovery of %s failed: %w", s.cfg.Issuer, err)
	}
	found, err := idp.Discover(ctx, s.idp.HTTP, s.cfg.Issuer)
	if err != nil {
		return wrap(err)
	}
	if found.Issuer != s.cfg.Issuer { // Discovery §4.3
		return &ConfigError{"Issuer", fmt.Sprintf("the IdP calls itself %q; set exactly that", found.Issuer)}
	}
	client := s.cfg.client()
	if found = client.At(found); found.IntrospectionURL == "" {
		return &ConfigError{"Issuer", "the IdP has no introspection endpoint in its discovery document; set " +
			"IntrospectionURL if it has one"}
	}
	if err := weburl.Check(found.IntrospectionURL, s.cfg.InsecureAllowHTTP); err != nil {
		return &ConfigError{"Issuer", "the IdP's introspection_endpoint " + err.Error()}
	}
	if err := s.cfg.takes(found.IntrospectionMethods); err != nil {
		return err
	}
	s.idp.IntrospectionURL, s.idp.Auth = found.IntrospectionURL, client.AuthBy(found, found.IntrospectionMethods)
	if s.cfg.IntrospectionAlg == "" {
		return nil
	}
	if err := weburl.Check(found.JWKSURL, s.cfg.InsecureAllowHTTP); err != nil {
		return &ConfigError{"IntrospectionAlg", "is set, and the IdP's jwks_uri " + err.Error()}
	}
	s.keys = keyset.New(found.JWKSURL, s.idp.HTTP, s.cfg.Now)
	s.idp.SignedAnswers = s.signed
	return nil
}

// Introspect asks the IdP about an access token. Calls at the same time with the same
// token share one question. The Token may be shared with other requests: read it only.
// Errors: ErrInactive, *UnavailableError.
// A token that is bound to a key or a certificate is refused, because Introspect does not see
// who sent it: use Check.
func (s *Server) Introspect(ctx context.Context, token string) (*Token, error) {
	t, err := s.introspect(ctx, token)
	if err == nil {
		err = t.asBearer(nil, s.cfg.RequireBound)
	}
	if err != nil {
		return nil, err
	}
	return t, nil
}

// introspect is Introspect, whatever the token is bound to.
func (s *Server) introspect(ctx context.Context, token string) (*Token, error) {
	if token == "" || len(token) > MaxToken {
		return nil, ErrInactive
	}
	k := sha256.Sum256([]byte(token))
	if t, ok, err := s.memory.get(k, s.cfg.Now()); ok {
		return t, err
	}
	t, err := s.flights.share(ctx, k, func() (*Token, error) {
		// Somebody may have been answered between our look and now.
		if t, ok, err := s.memory.get(k, s.cfg.Now()); ok {
			return t, err
		}
		t, until, err := s.ask(ctx, token)
		if err == nil || errors.Is(err, ErrInactive) { // "inactive" is final; trouble is not
			s.memory.put(k, t, until)
		}
		return t, err
	})
	if err != nil && err == ctx.Err() { // while somebody else was asking
		return nil, s.trouble(time.Second, err)
	}
	return t, err
}

// ask is one question; until is how long its answer may be used.
func (s *Server) ask(ctx context.Context, token string) (t *Token, until time.Time, err error) {
	asked := s.cfg.Now()
	until = asked.Add(s.cfg.CacheFor)
	body, err := s.send(ctx, token)
	if err != nil {
		return nil, until, err
	}
	t, a, err := parse(body)
	switch {
	case err != nil:
		return nil, until, s.trouble(time.Second, err)
	case t == nil:
		return nil, until, ErrInactive
	}
	s.nameAudience(t)
	if why := a.unfit(&s.cfg, asked); why != "" {
		s.cfg.Logger.Info("a token was refused", "reason", why, "client_id", t.ClientID)
		return nil, until, fmt.Errorf("%w: %s", ErrInactive, why)
	}
	if !t.Expires.IsZero() && t.Expires.Before(until) {
		until = t.Expires // INTR-01
	}
	return t, until, nil
}

// nameAudience helps whoever has not set Config.Audience, once.
func (s *Server) nameAudience(t *Token) {
	if len(s.cfg.Audience) > 0 || len(t.Audience) == 0 {
		return
	}
	s.named.Do(func() {
		names := t.Audience[:min(len(t.Audience), 8)]
		s.cfg.Logger.Warn("The IdP names the audience of its tokens, but this API does not check it: set "+
			"Config.Audience to the one of these names that means this API.", "finding", "audience_named", "aud",
			clip(fmt.Sprintf("%q", names), 500))
	})
}

func clip(s string, most int) string { return s[:min(len(s), most)] }

func (s *Server) send(ctx context.Context, token string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	body, out := s.idp.Introspect(ctx, token)
	switch {
	case out.Err == nil:
		return body, nil
	case out.Fault == verdict.None && refusesUs(out.Status):
		s.cfg.Logger.Error("the IdP refuses this API's introspection: check ClientID and its secret, key "+
			"or certificate", "status", out.Status)
		return nil, s.trouble(30*time.Second, out.Err)
	}
	return nil, s.trouble(min(max(out.RetryAfter, time.Second), time.Minute), out.Err)
}

func refusesUs(status int) bool {
	return status == http.StatusUnauthorized || status == http.StatusForbidden || status == http.StatusBadRequest
}

func (s *Server) trouble(after time.Duration, err error) error {
	return &UnavailableError{RetryAfter: after, Err: err}
}
