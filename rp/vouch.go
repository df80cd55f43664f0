package rp

import (
	"context"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/lifetime"
	"github.com/tandem-sso/tandem/rp/internal/record"
)

const (
	vouchEvery   = 2 * time.Second // per session
	vouchBurst   = 5
	vouchTimeout = 3 * time.Second // of one look at the IdP's session
)

// vouched asks the IdP how its session stands, without extending it, where
// Config.IdPSessionEnd can tell and a page would have to warn otherwise: another
// app may have kept the session alive (C3). What it learns is a confirmation of
// the moment when the IdP was last told of activity, by whomever.
func (p *RelyingParty) vouched(ctx context.Context, st *state) *state {
	window := p.cfg.IdPWindow
	if window == 0 {
		window = st.data.Window
	}
	if p.cfg.IdPSessionEnd == nil || st.data.SID == "" || window == 0 {
		return st
	}
	now, due := p.now(), false
	for _, l := range lifetime.Horizon(st.clocks(), p.policy(st)) {
		due = due || l.Kind == lifetime.ByTrust && !now.Before(l.Warn)
	}
	if !due || p.vouches.Take(st.rec.Key, now) > 0 {
		return st
	}
	ctx, cancel := context.WithTimeout(ctx, vouchTimeout)
	defer cancel()
	end, err := p.cfg.IdPSessionEnd(ctx, st.data.SID)
	if err != nil {
		p.log.Debug("the IdP's session could not be looked at", "session", st.rec.Key.Short(), "error", err)
		return st
	}
	at := end.Add(-window).UTC().Truncate(time.Millisecond)
	if at.After(now) {
		at = now
	}
	next, err := p.commit(ctx, st, func(d *record.Data) bool {
		if !d.Confirmed.Before(at) {
			return false
		}
		d.Confirmed = at
		return true
	})
	if err != nil {
		return st // whatever it was, the next look finds it
	}
	return next
}
