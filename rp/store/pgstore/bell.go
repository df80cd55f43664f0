package pgstore

import (
	"context"
	"sync"
	"time"
)

// bell tells the Watch of every instance that there is something new in the log
// of changes. It is rung beside the calls and not in their transactions: there
// NOTIFY lets one transaction of the whole server commit at a time, and fails the
// call once somebody has filled the server's queue. One that is not heard costs
// a quarter of a second, see Watch.
type bell struct {
	rung chan struct{}
	stop context.CancelFunc
	done sync.WaitGroup
}

// bellGap is the least time from one notification of an instance to the next.
const bellGap = 10 * time.Millisecond

// newBell starts a bell. The caller calls close.
func newBell(notify func(context.Context)) *bell {
	ctx, stop := context.WithCancel(context.Background())
	b := &bell{rung: make(chan struct{}, 1), stop: stop}
	b.done.Go(func() {
		for wait(ctx, b.rung) {
			notify(ctx)
			if !wait(ctx, time.After(bellGap)) {
				return
			}
		}
	})
	return b
}

func (b *bell) ring() { wake(b.rung) }

func (b *bell) close() {
	b.stop()
	b.done.Wait()
}

// wake leaves a word in a channel that holds one. It never waits.
func wake(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// wait waits for c; false: ctx was done first.
func wait[T any](ctx context.Context, c <-chan T) bool {
	select {
	case <-ctx.Done():
		return false
	case <-c:
		return true
	}
}
