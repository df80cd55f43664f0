package rp

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/lifetime"
	"github.com/tandem-sso/tandem/rp/internal/record"
	"github.com/tandem-sso/tandem/rp/reason"
)

// mayFetch reports whether a token may be fetched for a session now. A refresh tells the
// IdP that the person is active, so whoever holds the session long after the person has
// gone does without (C2, C7). Where it extends nothing, it is free.
func (p *RelyingParty) mayFetch(ctx context.Context, st *state) error {
	extends := p.cfg.Capabilities.Extends.Refresh
	if st.data.RefreshToken == "" {
		extends = p.cfg.Capabilities.Extends.Userinfo
	}
	if !extends {
		return nil
	}
	policy, now := p.policy(st), p.now()
	recent := func(stored time.Time) bool {
		return lifetime.MayFetch(p.agenda.latest(st.rec.Key, stored), now, policy, p.cfg.WaitFor)
	}
	if recent(st.rec.Active) {
		return nil
	}
	latest, err := p.load(ctx, st.rec.Key) // another instance may have seen somebody
	switch {
	case errors.Is(err, ErrAnonymous):
		return &EndedError{Reason: reason.Unconfirmed}
	case err != nil:
		return err
	case !recent(latest.rec.Active):
		return fmt.Errorf("%w: nobody has been active for more than %v, and to fetch one would say so; if somebody is, call Session.ReportActivity", ErrNoAccessToken, lifetime.FetchFor(policy, p.cfg.WaitFor))
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
