package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/lifetime"
	"github.com/tandem-sso/tandem/rp/internal/record"
	"github.com/tandem-sso/tandem/rp/reason"
)

// MayFetch reports whether a token may be fetched for a session now. A refresh tells the IdP
// that the person is active, so code that holds the session long after the person has gone
// gets no token (C2, C7). If a refresh does not extend the IdP session, a token may always be
// fetched.
func (p *Engine) MayFetch(ctx context.Context, st *State) error {
	extends := p.cfg.Capabilities.Extends.Refresh
	if st.Data.RefreshToken == "" {
		extends = p.cfg.Capabilities.Extends.Userinfo
	}
	if !extends {
		return nil
	}
	policy, now := p.Policy(st), p.Now()
	recent := func(stored time.Time) bool {
		return lifetime.MayFetch(p.agenda.latest(st.Rec.Key, stored), now, policy, p.cfg.WaitFor)
	}
	if recent(st.Rec.Active) {
		return nil
	}
	latest, err := p.Load(ctx, st.Rec.Key) // another instance may have seen somebody
	switch {
	case errors.Is(err, ErrAnonymous):
		return &reason.EndedError{Reason: reason.Unconfirmed}
	case err != nil:
		return err
	case !recent(latest.Rec.Active):
		return fmt.Errorf("%w: nobody has been active for more than %v, and a token request would tell the IdP that "+
			"somebody is active; if somebody is, call Session.ReportActivity", ErrNoAccessToken,
			lifetime.FetchFor(policy, p.cfg.WaitFor))
	}
	return nil
}

// Renew fetches a token to replace the one of the given generation. All callers whose token of
// that generation was refused share the new one.
func (p *Engine) Renew(ctx context.Context, st *State, a *Audience, seen uint64) (*State, error) {
	if a == nil {
		return p.Fly(ctx, st.Rec.Key, Errand{token: true}, func(d *record.Data) bool { return d.Renewed != seen })
	}
	if err := p.denials.said(denialKey{st.Rec.Key, a.ID}, p.Now()); err != nil {
		return nil, err
	}
	return p.Fly(ctx, st.Rec.Key, Errand{token: true, to: a}, func(d *record.Data) bool {
		h := Holds(d, a)
		return h.Generation != seen && h.Good(p.Now())
	})
}
