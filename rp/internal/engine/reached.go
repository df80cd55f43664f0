package engine

import (
	"context"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/names"
	"github.com/tandem-sso/tandem/rp/internal/record"
	"github.com/tandem-sso/tandem/rp/reason"
	"github.com/tandem-sso/tandem/rp/store"
)

// A revocation may reach the tokens of a log-in that was made while the call was under way.
// Nobody could know of that log-in before, and nobody knows now whether its tokens still work. So
// a refusal of them does not end its session: it leads to a log-in, in which the IdP says whether
// it knows the person (C6).
//
// Not covered: a session whose tokens are refused before the revocation has been answered.

// lateSession is how long after Config.WaitFor doubtOthers looks again: until then the store has taken
// a session whose log-in had its tokens already.
const lateSession = 5 * time.Second

// doubtOthers marks the sessions that a revocation of the tokens of ended may have reached, at once
// and after the last call once more, when the log-ins that were under way have led to a session.
// pending: the IdP has not answered, and may carry the revocation out later.
func (p *Engine) doubtOthers(ended *record.Data, cause reason.Reason, pending, last bool) {
	scope := p.cfg.Capabilities.Revocation
	if spares(scope, cause, sameIdPSession) {
		return // it reaches nobody else
	}
	over, showing := p.Now(), record.NonePending
	if pending {
		showing = record.NobodyHolds
	}
	who := &record.Data{Subject: ended.Subject, SID: ended.SID, OldSID: ended.OldSID}
	look := func(ctx context.Context) {
		ctx, cancel := p.Detached(ctx)
		defer cancel()
		known, _ := p.List(ctx, p.party.Under(names.BySubject, who.Subject)) // a failure is in the log
		for i := range known {
			if !spares(scope, cause, p.nearness(&known[i], who)) {
				p.doubtTokens(ctx, known[i], over, showing)
			}
		}
	}
	look(p.calls)
	if !last {
		return
	}
	time.AfterFunc(p.cfg.WaitFor+lateSession, func() { p.Go(look) })
}

// doubtTokens notes in a session that its tokens may have been revoked, unless the IdP has
// confirmed it since.
func (p *Engine) doubtTokens(ctx context.Context, rec store.Record, revoked time.Time,
	showing record.Showing) {
	st, err := p.Open(rec)
	if err != nil {
		return // Open has logged that
	}
	noted := false
	_, err = p.Commit(ctx, st, func(d *record.Data) bool {
		if noted = false; d.Confirmed.After(revoked.Add(p.cfg.Skew)) || doubted(d) && !d.UserinfoFits {
			return false
		}
		noted, d.UserinfoFits = true, false
		if !doubted(d) {
			d.Doubted, d.Showing = d.Generation+1, showing
		}
		return true
	})
	if err == nil && noted {
		p.log.Info("a revocation may have reached a log-in that was made meanwhile; a refusal of its tokens will lead "+
			"to a log-in", "session", rec.Key.Short())
	}
}
