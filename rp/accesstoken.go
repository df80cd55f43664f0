package rp

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/lifetime"
	"github.com/tandem-sso/tandem/rp/internal/record"
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
	fresh, err := p.renew(ctx, st, a, h.generation)
	if err != nil {
		return nil, held{}, err
	}
	s.newer.Store(fresh)
	h = holds(fresh.data, a)
	return fresh, h, h.none
}

// mayFetch reports whether a token may be fetched for this session now. A refresh tells
// the IdP that the person is active, so a passive request does without (C7), and so does
// whoever holds the Session long after the person has gone: not later than δ after their
// last activity (C2), or Config.WaitFor, for as long as somebody may be waiting. Where it
// extends nothing, it is free.
func (s *Session) mayFetch(ctx context.Context, st *state) error {
	p := s.rp
	if s.class == Passive {
		return fmt.Errorf("%w: a passive request fetches none", ErrNoAccessToken)
	}
	extends := p.cfg.Capabilities.Extends.Refresh
	if st.data.RefreshToken == "" {
		extends = p.cfg.Capabilities.Extends.Userinfo
	}
	if !extends {
		return nil
	}
	now, slack := p.now(), max(p.policy(st).SignalEvery, p.cfg.WaitFor)
	recent := func(stored time.Time) bool { return now.Sub(p.agenda.latest(s.key(), stored)) <= slack }
	if recent(st.rec.Active) {
		return nil
	}
	latest, err := p.load(ctx, s.key()) // another instance may have seen somebody
	switch {
	case errors.Is(err, ErrAnonymous):
		return &EndedError{Reason: Unconfirmed}
	case err != nil:
		return err
	case !recent(latest.rec.Active):
		return fmt.Errorf("%w: nobody has been active for more than %v, and to fetch one would say so; if somebody is, call Session.ReportActivity", ErrNoAccessToken, slack)
	}
	return nil
}

// renew fetches a token that is not the one of the given generation; whoever sees the
// same one refused shares it.
func (p *RelyingParty) renew(ctx context.Context, st *state, a *audience, seen uint64) (*state, error) {
	if a == nil {
		return p.fly(ctx, st.rec.Key, errand{token: true}, func(d *record.Data) bool { return d.Renewed != seen })
	}
	if err := p.denials.said(denialKey{st.rec.Key, a.id}, p.now()); err != nil {
		return nil, err
	}
	return p.fly(ctx, st.rec.Key, errand{token: true, to: a}, func(d *record.Data) bool {
		h := holds(d, a)
		return h.generation != seen && h.good(p.now())
	})
}
