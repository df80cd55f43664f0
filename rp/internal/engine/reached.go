package engine

import (
	"context"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/idp"
	"github.com/tandem-sso/tandem/rp/internal/names"
	"github.com/tandem-sso/tandem/rp/internal/record"
	"github.com/tandem-sso/tandem/rp/internal/verdict"
	"github.com/tandem-sso/tandem/rp/reason"
	"github.com/tandem-sso/tandem/rp/store"
)

// A revocation may reach the tokens of a log-in that was made while the call was under way.
// Nobody could know of that log-in before, and nobody knows now whether its tokens still work. So
// a refusal of them does not end its session: it leads to a log-in, in which the IdP says whether
// it knows the person (C6).
//
// Not covered: a session whose tokens are refused before the revocation has been answered, and one
// that begins when nobody looks any more, because Config.OnLogin or the store took longer than
// lateSession, or because this instance has stopped.

// lateSession is how long after Config.WaitFor the late look comes: until then the store has taken a
// session whose log-in had its tokens already.
const lateSession = 5 * time.Second

// reach is what the revocation of one session's tokens may have taken along.
type reach struct {
	ended  record.Data // the session that it was for: subject and sids
	cause  reason.Reason
	sent   bool           // a call that may have revoked something
	by     time.Time      // when the last of them was answered, by the IdP's clock; zero: it did not say
	doubts record.Showing // what is noted
}

// reached notes that the live sessions within reach may have lost their tokens, and returns how many
// there are; nil: the call reaches nobody else.
func (p *Engine) reached(ctx context.Context, r *reach, out idp.Outcome) (others int, err error) {
	switch {
	case r == nil:
		return 0, nil
	case out.Err == nil:
		r.doubts = record.NonePending
	case verdict.Doubtful(out.Answer): // it may have revoked the token, or may do so later
		r.doubts = record.NobodyHolds
	default:
		return 0, nil
	}
	r.sent, r.by = true, out.Date
	return p.doubtOthers(ctx, r)
}

// doubtLater looks once more, when the log-ins that were under way have led to a session.
func (p *Engine) doubtLater(r *reach) {
	if !r.sent {
		return
	}
	time.AfterFunc(p.cfg.WaitFor+lateSession, func() {
		p.Go(func(ctx context.Context) { _, _ = p.doubtOthers(ctx, r) }) // a failure is in the log
	})
}

// doubtOthers leaves a log-in alone whose ID token is younger than the answer to the revocation, by
// the IdP's clock: its tokens are younger, too.
func (p *Engine) doubtOthers(ctx context.Context, r *reach) (others int, err error) {
	ctx, cancel := p.Detached(ctx)
	defer cancel()
	known, err := p.List(ctx, p.party.Under(names.BySubject, r.ended.Subject))
	near, old := p.nearTo(&r.ended), store.Selector{IssuedBy: r.by}
	for i := range known {
		if spares(p.cfg.Capabilities.Revocation, r.cause, near(&known[i])) {
			continue
		}
		if others++; old.Covers(&known[i]) {
			p.doubtTokens(ctx, known[i], r.doubts)
		}
	}
	return others, err
}

// doubtTokens notes in a session that its tokens may have been revoked. If a refresh is under way, its
// answer is from before the revocation or from after it: a good one counts, a refusal does not.
func (p *Engine) doubtTokens(ctx context.Context, rec store.Record, doubts record.Showing) {
	st, err := p.Open(rec)
	if err != nil {
		return // Open has logged that
	}
	noted := false
	_, err = p.Commit(ctx, st, func(d *record.Data) bool {
		before := *d
		switch d.UserinfoFits = false; {
		case !doubted(d):
			d.Doubted, d.Showing = d.Generation+1, doubts
		case d.Showing == record.MayBeHeld:
			d.Showing = record.ShownAgain
		case d.Showing == record.NonePending:
			d.Showing = doubts
		}
		noted = d.UserinfoFits != before.UserinfoFits || d.Doubted != before.Doubted || d.Showing != before.Showing
		return noted
	})
	if err == nil && noted {
		p.log.Info("a revocation may have reached a log-in that was made meanwhile; a refusal of its tokens will lead "+
			"to a log-in", "session", rec.Key.Short())
	}
}

// takenAlong: since d was read, a revocation may have taken its tokens along.
func takenAlong(d, now *record.Data) bool { return d.UserinfoFits && !now.UserinfoFits }
