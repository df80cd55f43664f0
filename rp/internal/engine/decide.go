package engine

import (
	"context"
	"errors"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/lifetime"
	"github.com/tandem-sso/tandem/rp/reason"
	"github.com/tandem-sso/tandem/rp/store"
)

// ErrChanged says: what we read was overtaken; look again.
var ErrChanged = errors.New("rp: the session changed while it was checked")

// Decide asks the clocks about a session and does what they say. navigation: the browser
// can be sent to the IdP. known: the cache has the session, but it is quiet no longer.
func (p *Engine) Decide(ctx context.Context, st *State, class lifetime.Class, navigation bool, now time.Time,
	known bool) (_ *State, err error) {
	asks := class
	if p.Means(st.Data) == BySilentLogin && !navigation {
		asks = lifetime.Passive // only a navigation can ask
	}
	decision := lifetime.Decide(st.Clocks(), p.Policy(st), now, asks)
	if decision.End != lifetime.Live {
		return nil, p.Expire(ctx, st, decision.End)
	}
	if decision.Unconfirmed {
		return nil, ErrUnconfirmed
	}
	if class == lifetime.Active {
		st.Rec.Active = now
		p.Touch(st, new(*Item), now, st.Stored)
	} else if p.cfg.TrailingSignal && lifetime.Trails(st.Clocks(), p.Policy(st), now) {
		p.SignalBeside(ctx, st) // the instance that would do it by its timer may be gone
	}
	switch decision.Signal {
	case lifetime.NotDue:
		if class == lifetime.Active && p.WantsTokens(st.Data) && navigation && p.asksNow(ctx, st) {
			return nil, ErrSilentCheck
		}
		if known {
			p.remember(st) // activity has moved the limits
		}
	case lifetime.Due:
		if navigation && p.asksNow(ctx, st) {
			return nil, ErrSilentCheck
		}
		p.SignalBeside(ctx, st)
	case lifetime.Overdue:
		if st, err = p.signalFirst(ctx, st); err != nil {
			return nil, err
		}
		told := p.Judge(st, lifetime.Active)
		if told.End != lifetime.Live {
			return nil, p.Expire(ctx, st, told.End) // the answer did not move the ceiling
		}
		if told.Signal == lifetime.Overdue && st.Data.Confirmed.Before(now) {
			return nil, ErrChanged // an old answer, which the store has only now taken
		}
	}
	return st, nil
}

// asksNow reports whether a navigation is to make the silent log-in that is due. A
// page that is trusted is served if the IdP might not answer, or was asked lately.
func (p *Engine) asksNow(ctx context.Context, st *State) bool {
	return p.Means(st.Data) == BySilentLogin && !p.askedLately(st) && p.Answers(ctx)
}

// Policy is the configuration as it applies to one session.
func (p *Engine) Policy(st *State) lifetime.Policy {
	c := &p.cfg
	how := p.Means(st.Data)
	pol := lifetime.Policy{Idle: c.Idle, Absolute: c.Absolute, Window: c.IdPWindow}
	if how == ByNothing {
		return pol
	}
	pol.Renews = how == byRefresh || how == BySilentLogin
	pol.SignalEvery, pol.TrustFor = c.SignalEvery, c.TrustFor
	if pol.SignalEvery == 0 {
		w := c.IdPWindow
		if w == 0 {
			w = st.Data.Window
		}
		pol.SignalEvery = lifetime.DefaultSignalEvery(w, st.Data.TokenLife)
	}
	// The same jitter at every look: the key is random already.
	u := float64(uint(st.Rec.Key[0])<<8|uint(st.Rec.Key[1])) / (1 << 16)
	pol.SignalEvery = lifetime.Jitter(pol.SignalEvery, u)
	return pol
}

var Reasons = [...]reason.Reason{lifetime.Idle: reason.Idle, lifetime.Absolute: reason.Absolute,
	lifetime.Ceiling: reason.IdPCeiling}

// Expire ends a session whose time is up, unless somebody was active elsewhere
// between our look and now.
func (p *Engine) Expire(ctx context.Context, st *State, e lifetime.End) error {
	sel := store.Selector{Key: st.Rec.Key}
	cause := Reasons[e]
	switch e {
	case lifetime.Idle:
		sel.IdleSince = st.Rec.Active
	case lifetime.Ceiling:
		sel.Version = st.Rec.Version
	}
	ended, err := p.EndNow(ctx, sel, cause, "")
	if err != nil {
		return err
	}
	if len(ended) == 0 {
		if _, err := p.Load(ctx, st.Rec.Key); err != nil {
			return err // somebody else ended it, for a reason of their own
		}
		return ErrChanged
	}
	return &reason.EndedError{Reason: cause, SendsUser: st.Data.SendsUser}
}
