package storekit

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/tandem-sso/tandem/rp/store"
)

// maxBehind is how many changes wait for a watcher before they are given up in
// favour of "look at everything again".
const maxBehind = 4096

// Watchers hands changes to every Watch. The zero value is ready for use.
type Watchers struct {
	mu   sync.Mutex // for changes of the list
	list atomic.Pointer[[]*Queue]
}

// Queue holds the changes that one Watch has not yet handed on. It begins with
// the zero Change with which every Watch begins.
type Queue struct {
	wake  chan struct{}
	mu    sync.Mutex
	queue []store.Change
}

// NewQueue returns a Queue that has just begun.
func NewQueue() *Queue {
	q := &Queue{wake: make(chan struct{}, 1)}
	q.Add(store.Change{})
	return q
}

// Tell hands c to every Watch. It never waits, so it may be called under the
// lock that gives the changes of one session their order.
func (ws *Watchers) Tell(c store.Change) {
	list := ws.list.Load()
	if list == nil {
		return
	}
	for _, w := range *list {
		w.Add(c)
	}
}

// Add never waits. Too many changes that wait become one: look at everything.
func (q *Queue) Add(c store.Change) {
	q.mu.Lock()
	if len(q.queue) >= maxBehind {
		q.queue = append(q.queue[:0], store.Change{})
	}
	q.queue = append(q.queue, c)
	q.mu.Unlock()
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

func (q *Queue) take() []store.Change {
	q.mu.Lock()
	defer q.mu.Unlock()
	queue := q.queue
	q.queue = nil
	return queue
}

// Run hands the changes to fn, in the caller's goroutine and without a lock,
// until ctx is done, or until lost yields an error or is closed; then it returns
// ctx's error, that error, or errLost.
func (q *Queue) Run(ctx context.Context, lost <-chan error, errLost error, fn func(store.Change)) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-lost:
			if err == nil {
				err = errLost
			}
			return err
		case <-q.wake:
		}
		for _, c := range q.take() {
			if err := ctx.Err(); err != nil {
				return err
			}
			fn(c)
		}
	}
}

func (ws *Watchers) edit(f func([]*Queue) []*Queue) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	var list []*Queue
	if old := ws.list.Load(); old != nil {
		list = slices.Clone(*old)
	}
	if list = f(list); len(list) == 0 {
		ws.list.Store(nil)
		return
	}
	ws.list.Store(&list)
}

// Watch is store.Store's Watch. It ends with ctx, or with lost; see Queue.Run.
func (ws *Watchers) Watch(ctx context.Context, lost <-chan error, errLost error, fn func(store.Change)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	q := NewQueue()
	ws.edit(func(l []*Queue) []*Queue { return append(l, q) })
	defer ws.edit(func(l []*Queue) []*Queue {
		return slices.DeleteFunc(l, func(o *Queue) bool { return o == q })
	})
	return q.Run(ctx, lost, errLost, fn)
}
