package rp

import (
	"context"
	"errors"
	"fmt"

	"github.com/tandem-sso/tandem/rp/internal/lifetime"
)

// AccessToken returns the log-in's access token, not run out, for clients that cannot
// use Client; for an API's own see TokenSource. Whoever holds it must keep it from logs,
// URLs and other hosts. Errors as Client's.
func (s *Session) AccessToken(ctx context.Context) (string, error) {
	_, h, err := s.usable(ctx, nil)
	return h.token, err
}

// usable returns the session's access token for an audience, one that has not run out.
func (s *Session) usable(ctx context.Context, a *audience) (*state, held, error) {
	return s.usableOf(ctx, s.state(), a)
}

func (s *Session) usableOf(ctx context.Context, st *state, a *audience) (*state, held, error) {
	p := s.rp
	h := holds(st.data, a)
	if a == nil && h.none != nil && st.data.TokenEnds.IsZero() {
		return nil, held{}, h.none
	}
	if c := &p.cfg; s.class == Passive && c.APIIntrospects && c.Capabilities.Extends.Introspection {
		return nil, held{}, fmt.Errorf("%w: a passive request does not call an API that introspects, because that extends the IdP session (C7)", ErrNoAccessToken)
	}
	switch {
	case h.good(p.now()):
		return st, h, nil
	case a == nil && !lifetime.Over(h.until, p.now()): // one that nobody can use
		return nil, held{}, h.none
	}
	if err := s.mayFetch(ctx, st); err != nil {
		return nil, held{}, err
	}
	if st.data.RefreshToken == "" {
		if a != nil {
			return nil, held{}, fmt.Errorf("%w for %s: the IdP has issued no refresh token, and only that fetches it", ErrNoAccessToken, a.name)
		}
		return nil, held{}, p.renewSilently(ctx, st) // a navigation can fetch another one
	}
	fresh, err := p.fetch(ctx, st, a, h.generation)
	if err != nil {
		return nil, held{}, err
	}
	s.newer.Store(fresh)
	h = holds(fresh.data, a)
	return fresh, h, h.none
}

// mayFetch reports whether a token may be fetched for this session now.
func (s *Session) mayFetch(ctx context.Context, st *state) error {
	if s.class == Passive {
		return fmt.Errorf("%w: a passive request fetches none", ErrNoAccessToken)
	}
	return s.rp.mayFetch(ctx, st)
}

// fetch is renew with the IdP's refusal as an *APIError.
func (p *RelyingParty) fetch(ctx context.Context, st *state, a *audience, seen uint64) (*state, error) {
	fresh, err := p.renew(ctx, st, a, seen)
	var (
		denied *deniedError
		down   *UnavailableError
	)
	if !errors.As(err, &denied) {
		return fresh, err
	}
	told := &APIError{Status: denied.Status, Code: denied.Code, Err: denied.Err}
	if errors.As(err, &down) {
		return nil, &UnavailableError{RetryAfter: down.RetryAfter, Cause: down.Cause, Err: told}
	}
	return nil, told
}
