package storekit

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/tandem-sso/tandem/rp"
)

// maxBehind is how many changes wait for a watcher before they are given up in
// favour of "look at everything again".
const maxBehind = 4096

// Watchers hands changes to every Watch. The zero value is ready for use.
type Watchers struct {
	mu   sync.Mutex // for changes of the list
	list atomic.Pointer[[]*watcher]
}

type watcher struct {
	wake  chan struct{}
	mu    sync.Mutex
	queue []rp.Change
}

// Tell hands c to every Watch. It never waits, so it may be called under the
// lock that gives the changes of one session their order.
func (ws *Watchers) Tell(c rp.Change) {
	list := ws.list.Load()
	if list == nil {
		return
	}
	for _, w := range *list {
		w.add(c)
	}
}

func (w *watcher) add(c rp.Change) {
	w.mu.Lock()
	if len(w.queue) >= maxBehind {
		w.queue = append(w.queue[:0], rp.Change{})
	}
	w.queue = append(w.queue, c)
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (w *watcher) take() []rp.Change {
	w.mu.Lock()
	defer w.mu.Unlock()
	queue := w.queue
	w.queue = nil
	return queue
}

func (ws *Watchers) edit(f func([]*watcher) []*watcher) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	var list []*watcher
	if old := ws.list.Load(); old != nil {
		list = slices.Clone(*old)
	}
	if list = f(list); len(list) == 0 {
		ws.list.Store(nil)
		return
	}
	ws.list.Store(&list)
}

// Watch is rp.Store's Watch. fn runs in the caller's goroutine, without a lock.
// It ends with ctx, or with closed, whose error it then returns.
func (ws *Watchers) Watch(ctx context.Context, closed <-chan struct{}, errClosed error, fn func(rp.Change)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	w := &watcher{wake: make(chan struct{}, 1), queue: []rp.Change{{}}}
	w.wake <- struct{}{}
	ws.edit(func(l []*watcher) []*watcher { return append(l, w) })
	defer ws.edit(func(l []*watcher) []*watcher {
		return slices.DeleteFunc(l, func(o *watcher) bool { return o == w })
	})
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-closed:
			return errClosed
		case <-w.wake:
		}
		for _, c := range w.take() {
			if err := ctx.Err(); err != nil {
				return err
			}
			fn(c)
		}
	}
}
