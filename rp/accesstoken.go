package rp

import (
	"context"
	"errors"
	"fmt"

	"github.com/tandem-sso/tandem/rp/activity"
	"github.com/tandem-sso/tandem/rp/internal/engine"
	"github.com/tandem-sso/tandem/rp/internal/lifetime"
)

// usable returns the session's access token for an audience if that token has not run out.
func (s *Session) usable(ctx context.Context, st *engine.State,
	a *engine.Audience) (*engine.State, engine.Held, error) {
	p := s.rp
	h := engine.Holds(st.Data, a)
	if a == nil && h.None != nil && st.Data.TokenEnds.IsZero() {
		return nil, engine.Held{}, h.None
	}
	if s.class == activity.Passive && p.apis.signals {
		return nil, engine.Held{}, fmt.Errorf("%w: a passive request must not call an API that introspects, because "+
			"introspection extends the IdP session", ErrNoAccessToken)
	}
	switch {
	case h.Good(p.engine.Now()):
		return st, h, nil
	case a == nil && !lifetime.Over(h.Until, p.engine.Now()): // one that nobody can use
		return nil, engine.Held{}, h.None
	}
	if err := s.mayFetch(ctx, st); err != nil {
		return nil, engine.Held{}, err
	}
	if st.Data.RefreshToken == "" {
		if a != nil {
			return nil, engine.Held{}, fmt.Errorf("%w for %s: the IdP has issued no refresh token, and this token "+
				"can be fetched only with one", ErrNoAccessToken, a.Name)
		}
		return nil, engine.Held{}, p.engine.RenewSilently(ctx, st) // a navigation can fetch another one
	}
	fresh, err := p.apis.fetch(ctx, st, a, h.Generation)
	if err != nil {
		return nil, engine.Held{}, err
	}
	s.newer.Store(fresh)
	h = engine.Holds(fresh.Data, a)
	return fresh, h, h.None
}

// mayFetch reports whether a token may be fetched for this session now.
func (s *Session) mayFetch(ctx context.Context, st *engine.State) error {
	if s.class == activity.Passive {
		return fmt.Errorf("%w: a passive request must not fetch one", ErrNoAccessToken)
	}
	return s.rp.engine.MayFetch(ctx, st)
}

// fetch is renew with the IdP's refusal as an *APIError.
func (a *apis) fetch(ctx context.Context, st *engine.State, to *engine.Audience,
	seen uint64) (*engine.State, error) {
	fresh, err := a.engine.Renew(ctx, st, to, seen)
	var (
		denied *engine.DeniedError
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
