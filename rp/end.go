package rp

import (
	"context"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/verdict"
)

// remember is how long an ended session is remembered: so long its browser
// learns the reason, its tokens are tried to be revoked, and no log-in that was
// under way can come back.
const remember = 24 * time.Hour

// end is the one road to the end of a session. The store comes first, so that no
// request finds the session alive any more, then everybody who waits for it. Only
// then is the caller answered; the rest is the outbox's.
func (p *RelyingParty) end(ctx context.Context, sel Selector, reason Reason) ([]Record, error) {
	return p.endFor(ctx, sel, reason, "")
}

// endFor is end with what is known of the reason besides. A session that by our
// clock has not begun yet was begun by one that was wrong: it ends with those that
// began before sel.BegunBy, because nobody can tell.
func (p *RelyingParty) endFor(ctx context.Context, sel Selector, reason Reason, detail string) ([]Record, error) {
	ended, err := p.endNow(ctx, sel, reason, detail)
	if err != nil || sel.BegunBy.IsZero() {
		return ended, err
	}
	left, err := p.cfg.Store.List(ctx, sel.Ref)
	if err != nil {
		return nil, unavailable(2*time.Second, "the session store failed: %w", err)
	}
	for _, rec := range left {
		if !rec.Begun.After(p.now()) {
			continue
		}
		more, err := p.endNow(ctx, Selector{Key: rec.Key}, reason, detail)
		if err != nil {
			return nil, err
		}
		ended = append(ended, more...)
	}
	return ended, nil
}

func (p *RelyingParty) endNow(ctx context.Context, sel Selector, reason Reason, detail string) ([]Record, error) {
	now := p.now()
	ended, err := p.cfg.Store.End(ctx, sel, End{Reason: reason, At: now, Until: now.Add(remember)})
	for _, rec := range ended { // also what a call that failed half-way has ended
		p.hub.announce(Change{Key: rec.Key, Reason: reason})
		p.cache.drop(&rec.Key)
		p.untold.add(p, untold{rec: rec, detail: detail})
	}
	if err != nil {
		return nil, unavailable(2*time.Second, "the session store failed: %w", err)
	}
	return ended, nil
}

// neverBegun is the reason of a session that was stored although the store said
// that it had failed. Its id was never given out, so no event speaks of it.
const neverBegun Reason = "never_begun"

// takeBack ends a session whose creation failed, with an outcome that is unknown,
// lest it be listed among the person's sessions.
func (p *RelyingParty) takeBack(key Key) {
	p.goes(func(context.Context) {
		for n := 1; ; n++ {
			ctx, cancel := p.detached(p.ctx)
			_, err := p.end(ctx, Selector{Key: key}, neverBegun)
			cancel()
			if err == nil || p.ctx.Err() != nil {
				return
			}
			sleep(p.ctx, verdict.Backoff(verdict.Retry, n))
		}
	})
}
