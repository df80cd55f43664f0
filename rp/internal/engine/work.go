package engine

import (
	"context"
	"time"
)

// Go runs f on a goroutine that Close waits for; false when closed. Its context
// is that of calls.
func (p *Engine) Go(f func(context.Context)) bool {
	p.gate.Lock()
	defer p.gate.Unlock()
	if p.ctx.Err() != nil {
		return false
	}
	p.work.Go(func() { f(p.calls) })
	return true
}

// along is a context of calls that knows what the request's knows, such as the trace that a
// call belongs to. It ends with own alone.
func along(own, request context.Context) context.Context { return companion{own, request} }

type companion struct {
	context.Context
	request context.Context
}

func (c companion) Value(key any) any {
	if v := c.Context.Value(key); v != nil {
		return v
	}
	return c.request.Value(key)
}

// Now is the clock in what a Store keeps.
func (p *Engine) Now() time.Time { return Cut(p.cfg.Now()) }

// Cut is a time as a Store keeps it: milliseconds of UTC.
func Cut(t time.Time) time.Time { return time.UnixMilli(t.UnixMilli()).UTC() }

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// Detached gives a call a context that outlives the browser's.
func (p *Engine) Detached(ctx context.Context) (context.Context, context.CancelFunc) {
	return p.DetachedFor(ctx, p.cfg.RequestTimeout)
}

func (p *Engine) DetachedFor(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), d)
	stop := context.AfterFunc(p.calls, cancel) // the end of Close
	return ctx, func() { stop(); cancel() }
}
