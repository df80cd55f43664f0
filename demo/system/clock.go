package system

import (
	"context"
	"time"
)

// Advance moves the clock of everything forward, in one step.
func (s *System) Advance(d time.Duration) { s.IDP.Advance(d) }

const (
	maxSteps = 600                  // of Forward
	stepReal = 2 * time.Millisecond // of real time, for what happens at each step
	// From steps of so long on, logout tokens are waited for: they would be too old, or the app
	// would have ended by itself, before a busy machine has delivered them.
	stepSlow   = 10 * time.Second
	settleReal = 100 * time.Millisecond
)

// Forward moves the clock in small steps, so that everything happens at its own
// time. each, if not nil, is called after every step.
func (s *System) Forward(ctx context.Context, d time.Duration, each func(context.Context)) error {
	return s.Walk(ctx, d, 0, each)
}

// Walk is Forward for somebody who watches: it takes so long in real time, if that is
// longer than Forward needs.
func (s *System) Walk(ctx context.Context, d, real time.Duration, each func(context.Context)) error {
	if d <= 0 {
		return nil
	}
	step := max(time.Second, (d / maxSteps).Round(time.Millisecond))
	pause := max(stepReal, time.Duration(float64(real)*float64(step)/float64(d)))
	for left := d; left > 0; left -= step {
		s.Advance(min(step, left))
		if each != nil {
			each(ctx)
		}
		t := time.NewTimer(pause)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		}
		if step > stepSlow {
			s.settle(ctx, settleReal)
		}
	}
	return nil
}

// settle waits for logout tokens that are under way. What an app cannot be told now, it finds
// out.
func (s *System) settle(ctx context.Context, most time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	_ = s.IDP.Settle(ctx)
}
