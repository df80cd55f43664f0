package engine

import (
	"context"
	"slices"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/verdict"
	"github.com/tandem-sso/tandem/rp/reason"
	"github.com/tandem-sso/tandem/rp/store"
)

// Remember is how long an ended session is remembered. During that time its browser is told the
// reason, the outbox tries to revoke its tokens, and a log-in that was under way at the end is
// refused.
const Remember = 24 * time.Hour

// End is the only way to end a session. It ends it in the store first, so that no request
// finds the session alive any more, and then tells everybody who waits for it. After that it
// returns; the outbox does the rest.
func (p *Engine) End(ctx context.Context, key store.Key, reason reason.Reason) ([]store.Record, error) {
	return p.EndNow(ctx, store.Selector{Key: key}, reason, "")
}

// EndUnder ends the sessions that are found under any of refs, as far as they are
// covered by which, and forbids those whose log-in is under way. Each of refs is
// buried before the next one is looked at: a session that moves from one to another
// meanwhile, because its instance has another first key, is found or refused.
func (p *Engine) EndUnder(ctx context.Context, refs []store.Key, which store.Selector, reason reason.Reason,
	detail string) ([]store.Record, error) {
	var ended []store.Record
	for _, ref := range refs {
		which.Ref = ref
		some, err := p.EndNow(ctx, which, reason, detail)
		if err != nil {
			return nil, err
		}
		ended = append(ended, some...)
	}
	if !which.IssuedBy.IsZero() {
		return ended, nil
	}
	// If a session begins in the future by our clock, the clock that dated it was wrong. It
	// ends with those that began before which.BegunBy, because its real beginning is unknown.
	left, err := p.List(ctx, refs)
	if err != nil {
		return nil, err
	}
	for _, rec := range left {
		if !rec.Begun.After(p.Now()) {
			continue
		}
		more, err := p.EndNow(ctx, store.Selector{Key: rec.Key}, reason, detail)
		if err != nil {
			return nil, err
		}
		ended = append(ended, more...)
	}
	return ended, nil
}

// List returns the live sessions under any of refs, each once.
func (p *Engine) List(ctx context.Context, refs []store.Key) ([]store.Record, error) {
	var all []store.Record
	for _, ref := range refs {
		some, err := p.cfg.Store.List(ctx, ref)
		if err != nil {
			return nil, p.StoreFailed(err)
		}
		for _, rec := range some {
			if !slices.ContainsFunc(all, func(known store.Record) bool { return known.Key == rec.Key }) {
				all = append(all, rec)
			}
		}
	}
	return all, nil
}

func (p *Engine) EndNow(ctx context.Context, sel store.Selector, reason reason.Reason,
	detail string) ([]store.Record, error) {
	now := p.Now()
	e := pastEnd{sel, store.End{Reason: string(reason), At: now, Until: now.Add(Remember)}, detail}
	ended, err := p.cfg.Store.End(ctx, sel, e.end)
	p.past.made(e, ended, err)
	p.ended(ended, e) // also what a call that failed half-way has ended
	if err != nil {
		return nil, p.StoreFailed(err)
	}
	return ended, nil
}

// ended tells everybody of sessions that have just ended.
func (p *Engine) ended(recs []store.Record, e pastEnd) {
	for _, rec := range recs {
		p.hub.announce(store.Change{Key: rec.Key, Reason: e.end.Reason})
		p.cache.drop(&rec.Key)
		p.untold.add(p, untold{rec: rec, detail: e.detail})
	}
}

// neverBegun is the reason of a session that was stored although the store said
// that it had failed. Its id was never given out, so no event speaks of it.
const neverBegun reason.Reason = "never_begun"

// takeBack ends a session whose creation failed with an unknown outcome. Otherwise it might be
// listed among the person's sessions.
func (p *Engine) takeBack(key store.Key) {
	p.Go(func(context.Context) {
		for n := 1; ; n++ {
			ctx, cancel := p.Detached(p.ctx)
			_, err := p.End(ctx, key, neverBegun)
			cancel()
			if err == nil || p.ctx.Err() != nil {
				return
			}
			sleep(p.ctx, verdict.Backoff(verdict.Retry, n))
		}
	})
}
