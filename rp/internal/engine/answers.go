package engine

import (
	"context"
	"sync"
)

// Answers reports whether this instance has heard from the IdP lately, or hears from it
// now. All who ask at the same time wait for the same probe.
func (p *Engine) Answers(ctx context.Context) bool {
	if p.idp.Lately() {
		return true
	}
	p.share(ctx, &p.probing, p.idp.Probe)
	return p.idp.Lately()
}

// probe is a look at what is outside. All who want one at the same time share it.
type probe struct {
	mu   sync.Mutex
	over chan struct{} // closed when the look under way is over; nil: none is
}

// share looks, or joins those who wait for the look under way, and returns when that or
// ctx is over. The look is not ended by ctx.
func (p *Engine) share(ctx context.Context, pr *probe, look func(context.Context)) {
	pr.mu.Lock()
	over := pr.over
	if over == nil {
		over = make(chan struct{})
		pr.over = over
		ended := func() {
			pr.mu.Lock()
			defer pr.mu.Unlock()
			pr.over = nil
			close(over)
		}
		if !p.Go(func(ctx context.Context) { defer ended(); look(ctx) }) {
			close(over)
			pr.over = nil
		}
	}
	pr.mu.Unlock()
	select {
	case <-over:
	case <-ctx.Done():
	}
}
