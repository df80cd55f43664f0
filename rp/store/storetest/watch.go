package storetest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/tandem-sso/tandem/rp/store"
)

// watching is a running Watch.
type watching struct {
	e    *env
	stop context.CancelFunc
	done chan error

	mu       sync.Mutex
	changes  []store.Change
	stopped  bool
	mistakes []string
}

// watch starts Watch on s and waits until it listens.
func (e *env) watch(s store.Store) *watching {
	e.Helper()
	ctx, stop := context.WithCancel(e.ctx)
	w := &watching{e: e, stop: stop, done: make(chan error, 1)}
	go func() {
		err := s.Watch(ctx, func(c store.Change) { w.add(s, c) })
		w.mu.Lock()
		w.stopped = true
		w.mu.Unlock()
		w.done <- err
	}()
	e.Cleanup(stop)
	w.until("a first call", func(cs []store.Change) bool { return len(cs) > 0 })
	if first := w.all()[0]; first != (store.Change{}) {
		e.Fatalf("the first Change is %+v, want a zero one", first)
	}
	return w
}

func (w *watching) add(s store.Store, c store.Change) {
	var mistake string
	if c.Key != (store.Key{}) {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		rec, err := s.Load(ctx, c.Key)
		switch {
		case errors.Is(err, store.ErrEnded):
		case err != nil:
			mistake = "Load in fn: " + err.Error()
		case c.Reason != "":
			mistake = "a Load in fn does not see the end yet"
		case rec.Version < c.Version:
			mistake = "a Load in fn does not see the new version yet"
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopped {
		mistake = "fn is called after Watch has returned"
	}
	if mistake != "" {
		w.mistakes = append(w.mistakes, mistake)
	}
	w.changes = append(w.changes, c)
}

func (w *watching) all() []store.Change {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.changes)
}

func (w *watching) until(what string, cond func([]store.Change) bool) {
	w.e.Helper()
	w.e.soon("Watch sees "+what, func() bool { return cond(w.all()) })
}

func (w *watching) has(c store.Change) {
	w.e.Helper()
	w.until("a change", func(cs []store.Change) bool { return slices.Contains(cs, c) })
}

func (w *watching) end() {
	w.e.Helper()
	w.stop()
	select {
	case err := <-w.done:
		w.e.want(err, context.Canceled)
	case <-time.After(10 * time.Second):
		w.e.Fatal("Watch does not return after its ctx is done")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.mistakes) > 0 {
		w.e.Fatalf("%d mistakes, the first: %s", len(w.mistakes), w.mistakes[0])
	}
}

var watchTests = []test{
	{"ReplaceAndEnd", func(e *env) {
		var ws []*watching
		for _, s := range e.stores() {
			ws = append(ws, e.watch(s), e.watch(s))
		}
		rec, idle := e.create(e.session()), e.create(e.session())
		e.want(e.Store.Replace(e.ctx, rec), nil)
		e.end(store.Selector{Key: rec.Key})
		e.end(store.Selector{Ref: idle.Refs[1]})
		for _, w := range ws {
			w.has(store.Change{Key: idle.Key, Version: 1, Reason: "user_logout"})
			w.has(store.Change{Key: rec.Key, Version: 2, Reason: "user_logout"})
			w.has(store.Change{Key: rec.Key, Version: 2})
			w.end()
		}
	}},
	{"InOrder", func(e *env) {
		w := e.watch(e.Store)
		rec := e.create(e.session())
		want := []store.Change{{}}
		for v := uint64(1); v <= 20; v++ {
			rec.Version = v
			e.want(e.Store.Replace(e.ctx, rec), nil)
			want = append(want, store.Change{Key: rec.Key, Version: v + 1})
		}
		e.end(store.Selector{Ref: rec.Refs[0]})
		want = append(want, store.Change{Key: rec.Key, Version: 21, Reason: "user_logout"})
		w.has(want[len(want)-1])
		w.end()
		if got := w.all(); !slices.Equal(got, want) {
			e.Fatalf("got %d changes, want %d in the order in which they were made", len(got), len(want))
		}
	}},
	{"RefusedIsNotReported", func(e *env) {
		w := e.watch(e.Store)
		rec := e.create(e.session())
		stale := rec
		stale.Version = 9
		e.want(e.Store.Replace(e.ctx, stale), store.ErrConflict)
		e.end(store.Selector{Key: rec.Key, Version: 9})
		e.end(store.Selector{Key: rec.Key})
		e.end(store.Selector{Key: rec.Key})
		e.want(e.Store.Replace(e.ctx, rec), store.ErrEnded)
		last := e.create(e.session())
		e.end(store.Selector{Key: last.Key})
		w.has(store.Change{Key: last.Key, Version: 1, Reason: "user_logout"})
		w.end()
		if n := len(w.all()); n != 3 {
			e.Fatalf("%d calls, want 3: %+v", n, w.all())
		}
	}},
	{"StopsAndStartsAgain", func(e *env) {
		w := e.watch(e.Store)
		w.end()
		rec := e.create(e.session())
		e.want(e.Store.Replace(e.ctx, rec), nil)
		again := e.watch(e.Store)
		e.end(store.Selector{Key: rec.Key})
		again.has(store.Change{Key: rec.Key, Version: 2, Reason: "user_logout"})
		again.end()
		if n := len(w.all()); n != 1 {
			e.Fatalf("a Watch that has returned had %d calls", n)
		}
	}},
}
