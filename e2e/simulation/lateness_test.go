package simulation

import (
	"container/heap"
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/tandem-sso/tandem/rp/store"
)

// A store with a cache on each instance, such as Redis with client-side caching: what
// another instance writes is known here later, and news of it come in any order. The
// contract of store.Store says where that may not be seen: an instance sees what it has
// written itself; after a lease was granted it sees all that was written before; a Load
// in Watch's fn sees the change or a later one.

// mostLate is how late news can be in a history. The contract allows a second.
const mostLate = 300 * time.Millisecond

// lateness is what one instance does not know yet.
type lateness struct {
	most time.Duration // 0: all is known at once
	mu   sync.Mutex
	rand *rand.Rand
	kept map[store.Key]*memory
	news int // changes by others so far
}

// memory is what an instance has read of a record.
type memory struct {
	rec   store.Record
	err   error
	until time.Time // somebody else has changed it; known here from then on; zero: nobody
}

func newLateness(most time.Duration, seed uint64) *lateness {
	return &lateness{most: most, rand: rand.New(rand.NewPCG(seed, 1)), kept: map[store.Key]*memory{}}
}

// late draws how late a piece of news is.
func (l *lateness) late() time.Duration {
	return time.Duration(l.rand.Int64N(int64(l.most)))
}

// load asks the store, unless the cache has an answer of which nobody knows here yet that
// it is an old one.
func (l *lateness) load(key store.Key, ask func() (store.Record, error)) (rec store.Record, old bool, err error) {
	if l.most == 0 {
		rec, err = ask()
		return rec, false, err
	}
	var m memory
	l.mu.Lock()
	if kept := l.kept[key]; kept != nil {
		m = *kept
	}
	news := l.news
	l.mu.Unlock()
	if time.Now().Before(m.until) {
		return m.rec, true, m.err
	}
	rec, err = ask()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.news == news && (err == nil || errors.Is(err, store.ErrEnded)) {
		l.kept[key] = &memory{rec: rec, err: err}
	}
	return rec, false, err
}

// written: another instance has changed a record.
func (l *lateness) written(key store.Key) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.news++
	if m := l.kept[key]; m != nil && m.until.IsZero() {
		m.until = time.Now().Add(l.late())
	}
}

// knows forgets what was read of a record: news of it have come.
func (l *lateness) knows(key store.Key) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.kept, key)
}

// knowsAll: a lease was granted, after which nothing may be old.
func (l *lateness) knowsAll() {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.kept)
}

// rumours are changes on their way to an instance.
type rumours struct {
	mu    sync.Mutex
	queue rumourHeap
	wake  chan struct{}
}

type rumour struct {
	at time.Time
	c  store.Change
}

// watch passes changes on late and out of order. None is passed on after it has returned.
func (l *lateness) watch(ctx context.Context, watch func(func(store.Change)) error, fn func(store.Change)) error {
	if l.most == 0 {
		return watch(fn)
	}
	r := &rumours{wake: make(chan struct{}, 1)}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.spread(ctx, func(c store.Change) {
			if l.knows(c.Key); c.Key == (store.Key{}) { // it listens: what was missed can be read
				l.knowsAll()
			}
			fn(c)
		})
	}()
	err := watch(func(c store.Change) {
		at := time.Now()
		if c.Key != (store.Key{}) {
			l.mu.Lock()
			at = at.Add(l.late())
			l.mu.Unlock()
		}
		r.add(rumour{at, c})
	})
	cancel()
	<-done
	return err
}

func (r *rumours) add(x rumour) {
	r.mu.Lock()
	heap.Push(&r.queue, x)
	r.mu.Unlock()
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// next is what is due, or how long to wait for it.
func (r *rumours) next() (c store.Change, wait time.Duration, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.queue) == 0 {
		return c, time.Hour, false
	}
	if wait = time.Until(r.queue[0].at); wait > 0 {
		return c, wait, false
	}
	return heap.Pop(&r.queue).(rumour).c, 0, true
}

func (r *rumours) spread(ctx context.Context, fn func(store.Change)) {
	for ctx.Err() == nil {
		c, wait, ok := r.next()
		if ok {
			fn(c)
			continue
		}
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-r.wake:
		case <-ctx.Done():
		}
		t.Stop()
	}
}

type rumourHeap []rumour

func (h rumourHeap) Len() int           { return len(h) }
func (h rumourHeap) Less(i, j int) bool { return h[i].at.Before(h[j].at) }
func (h rumourHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *rumourHeap) Push(x any)        { *h = append(*h, x.(rumour)) }
func (h *rumourHeap) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}
