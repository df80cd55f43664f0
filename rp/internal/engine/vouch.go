package engine

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

// Vouched asks the IdP how its session stands, without extending it, where
// Config.IdPSessionEnd can tell and a page would have to warn otherwise: another
// app may have kept the session alive (C3). Its answer is a confirmation at the moment when
// any app last told the IdP of activity.
func (p *Engine) Vouched(ctx context.Context, st *State) *State {
	window := p.cfg.IdPWindow
	if window == 0 {
		window = st.Data.Window
	}
	if p.cfg.IdPSessionEnd == nil || st.Data.SID == "" || window == 0 {
		return st
	}
	now, due := p.Now(), false
	for _, l := range lifetime.Horizon(st.Clocks(), p.Policy(st)) {
		due = due || l.Kind == lifetime.ByTrust && !now.Before(l.Warn)
	}
	if !due || p.vouches.Take(st.Rec.Key, now) > 0 {
		return st
	}
	ctx, cancel := context.WithTimeout(ctx, vouchTimeout)
	defer cancel()
	end, err := p.cfg.IdPSessionEnd(ctx, st.Data.SID)
	if err != nil {
		p.log.Debug("Config.IdPSessionEnd failed", "session", st.Rec.Key.Short(), "error", err)
		return st
	}
	at := end.Add(-window).UTC().Truncate(time.Millisecond)
	if at.After(now) {
		at = now
	}
	next, err := p.Commit(ctx, st, func(d *record.Data) bool {
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
