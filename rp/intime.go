package rp

import (
	"context"
	"errors"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/engine"
)

var (
	errLate    = errors.New("it takes too long")
	errClosing = errors.New("this instance is shutting down")
)

// inTime runs f for a person who waits that long at most, and returns what f returns. If that
// comes too late, it goes to late: f goes on, on a goroutine that Close waits for, and its context
// is that of calls. Errors besides those of f: errLate, and errClosing, with which f has not run.
func inTime[T any](e *engine.Engine, wait time.Duration, f func(context.Context) (T, error),
	late func(T, error)) (T, error) {
	type answer struct {
		got T
		err error
	}
	answered, gone := make(chan answer), make(chan struct{})
	started := e.Go(func(ctx context.Context) {
		got, err := f(ctx)
		select {
		case answered <- answer{got, err}:
		case <-gone:
			late(got, err)
		}
	})
	var nothing T
	if !started {
		return nothing, errClosing
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case a := <-answered:
		return a.got, a.err
	case <-timer.C:
		close(gone)
		return nothing, errLate
	}
}

// stillWaits is how long a person still waits who came back from the IdP at that moment.
func stillWaits(c *Config, back time.Time) time.Duration {
	return min(c.WaitFor-engine.Cut(c.Now()).Sub(back), c.WaitFor)
}
