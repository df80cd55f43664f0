package resourceserver

import (
	"context"
	"sync"
)

// flights make one question of those that are asked about the same token at the same
// time: a page that calls the API ten times at once costs the IdP one introspection.
type flights struct {
	mu     sync.Mutex
	flying map[key]*flight
}

type flight struct {
	done  chan struct{}
	token *Token // these three are valid after done
	err   error
	left  bool // whoever asked has given up: that says nothing to the others
}

// share asks, or waits for the answer of somebody who is asking. Whoever asks does so
// on its own goroutine and within its own ctx; if it gives up, another one asks.
func (f *flights) share(ctx context.Context, k key, ask func() (*Token, error)) (*Token, error) {
	for {
		fl, mine := f.join(k)
		if mine {
			fl.left = true // also if ask panics
			defer f.land(k, fl)
			fl.token, fl.err = ask()
			fl.left = fl.err != nil && ctx.Err() != nil
			return fl.token, fl.err
		}
		select {
		case <-fl.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if !fl.left {
			return fl.token, fl.err
		}
	}
}

func (f *flights) join(k key) (fl *flight, mine bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if fl = f.flying[k]; fl != nil {
		return fl, false
	}
	if f.flying == nil {
		f.flying = map[key]*flight{}
	}
	fl = &flight{done: make(chan struct{})}
	f.flying[k] = fl
	return fl, true
}

func (f *flights) land(k key, fl *flight) {
	f.mu.Lock()
	delete(f.flying, k)
	f.mu.Unlock()
	close(fl.done)
}
