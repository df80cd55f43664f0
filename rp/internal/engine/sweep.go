package engine

import (
	"context"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/lifetime"
	"github.com/tandem-sso/tandem/rp/reason"
	"github.com/tandem-sso/tandem/rp/store"
)

const (
	sweepEvery = 10 * time.Second
	sweepHold  = 2 * time.Minute // for one batch; a crash costs this much delay
	sweepBatch = 64
)

// sweep finds expired sessions and cleans up after ended ones; the store's Claim
// sees to it that each is done by one instance only.
func (p *Engine) sweep(ctx context.Context) {
	every := sweepEvery
	for _, d := range []time.Duration{p.cfg.Idle, p.cfg.Absolute} {
		if d > 0 {
			every = min(every, max(d/10, 100*time.Millisecond))
		}
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	var rest time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if !p.Now().Before(rest) && p.sweepOnce(ctx) {
			rest = p.Now().Add(sweepHold + 2*every)
		}
		p.relieve()
	}
}

// sweepOnce reports whether there was a record that this instance cannot read. It
// is held now; so the next turn is left to an instance that has the key.
func (p *Engine) sweepOnce(ctx context.Context) (blind bool) {
	for ctx.Err() == nil {
		batch, err := p.cfg.Store.Claim(ctx, p.party.Owner, p.Now(), sweepHold, sweepBatch)
		if err != nil {
			if ctx.Err() == nil {
				p.log.Warn("the search for expired sessions failed; trying again", "error", err)
			}
			return blind
		}
		for _, rec := range batch {
			if rec.Ended() {
				p.takeOver(rec)
			} else if !p.lookAtExpired(ctx, rec) {
				blind = true
			}
		}
		if len(batch) < sweepBatch {
			return blind
		}
	}
	return blind
}

// lookAtExpired ends a session whose Due has come, if its time is really up. It does not ask
// the IdP, because a call would extend the IdP's session. It reports whether it can read the
// record.
func (p *Engine) lookAtExpired(ctx context.Context, rec store.Record) bool {
	st, err := p.Open(rec)
	if err != nil { // another instance may have the key: until its time is up for certain
		if lifetime.Outlived(rec.Begun, rec.Active, lifetime.Policy{Absolute: p.cfg.Absolute}, p.cfg.LoginTimeout,
			store.Abandoned, p.Now()) {
			_, _ = p.End(ctx, rec.Key, reason.Unconfirmed)
		}
		return false
	}
	switch d := p.Judge(st, lifetime.Passive); {
	case d.End != lifetime.Live:
		_ = p.Expire(ctx, st, d.End) // an outage: Claim hands it out again
	default:
		_ = p.store(ctx, rec.Key, st.Rec.Active, p.due(st, st.Rec.Active))
	}
	return true
}
