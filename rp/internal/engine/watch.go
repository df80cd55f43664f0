package engine

import (
	"context"
	"errors"
	"time"

	"github.com/tandem-sso/tandem/rp/reason"
	"github.com/tandem-sso/tandem/rp/store"
)

// watch passes on what other instances report, and connects again when that
// fails.
func (p *Engine) watch(ctx context.Context) {
	for n := 1; ctx.Err() == nil; n++ {
		began := p.cfg.Now()
		err := p.cfg.Store.Watch(ctx, p.noticed)
		if ctx.Err() != nil {
			return
		}
		p.past.cutOff()
		if p.cfg.Now().Sub(began) > time.Minute {
			n = 1
		}
		p.log.Warn("the store stopped reporting changes; connecting again", "error", err)
		sleep(ctx, min(time.Second<<min(n-1, 4), 10*time.Second))
	}
}

// noticed must not block: it runs on the store's goroutine. An end is believed when
// the record says so: who may send reports need not be who may write.
func (p *Engine) noticed(c store.Change) {
	switch {
	case c.Key == (store.Key{}): // reports may be missing
		p.Go(func(context.Context) { p.lookAgain(p.ctx, p.hub.watched()) })
		if p.past.listens() {
			p.Go(func(context.Context) { p.endAgain() })
		}
	case c.Reason == "":
		p.hub.announce(c)
	default:
		p.past.hear(c.Key, p.Now())
		if p.hub.watches(c.Key) {
			p.Go(func(context.Context) { p.lookAgain(p.ctx, []store.Key{c.Key}) })
		}
	}
}

// lookAgain re-reads sessions that somebody watches. If the store cannot answer, it is asked
// again for a minute; after that the streams find out by their own looks.
func (p *Engine) lookAgain(ctx context.Context, keys []store.Key) {
	for range 60 {
		if keys = p.lookOnce(ctx, keys); len(keys) == 0 || ctx.Err() != nil {
			return
		}
		sleep(ctx, time.Second)
	}
}

// lookOnce returns those that could not be read and are watched still.
func (p *Engine) lookOnce(ctx context.Context, keys []store.Key) (left []store.Key) {
	for _, key := range keys {
		rec, err := p.cfg.Store.Load(ctx, key)
		switch {
		case errors.Is(err, store.ErrEnded):
			p.hub.announce(store.Change{Key: key, Reason: rec.End.Reason})
		case errors.Is(err, store.ErrNotFound):
			p.hub.announce(store.Change{Key: key, Reason: string(reason.Unconfirmed)})
		case err == nil:
			p.hub.announce(store.Change{Key: key, Version: rec.Version})
		case p.hub.watches(key):
			left = append(left, key)
		}
	}
	return left
}
