package system

import (
	"context"
	"net/http"
	"sync/atomic"
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

// Step moves the clock by d and waits until what follows from that has come about: logout
// tokens have arrived, and no app has a call under way. With a Config.Now that stands still
// a whole day passes in a moment, and everything happens at its own time.
func (s *System) Step(ctx context.Context, d time.Duration) error {
	s.Advance(d)
	return s.Quiet(ctx)
}

// Quiet waits until logout tokens have arrived and no app has a call under way: at the most a
// second, for an IdP that hangs answers nobody.
func (s *System) Quiet(ctx context.Context) error {
	s.settle(ctx, settleReal)
	tick := time.NewTicker(quietReal)
	defer tick.Stop()
	for range int(time.Second / quietReal) {
		select {
		case <-tick.C: // what an app does beside an answer has begun by now
		case <-ctx.Done():
			return ctx.Err()
		}
		if s.transport.underWay.Load() == 0 {
			break
		}
	}
	return ctx.Err()
}

const quietReal = time.Millisecond

// counted knows how many calls are under way.
type counted struct {
	next     *http.Transport
	underWay atomic.Int64
}

func (c *counted) RoundTrip(r *http.Request) (*http.Response, error) {
	c.underWay.Add(1)
	defer c.underWay.Add(-1)
	return c.next.RoundTrip(r)
}
