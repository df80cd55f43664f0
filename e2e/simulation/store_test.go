package simulation

import (
	"container/heap"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/tandem-sso/tandem/rp/store"
)

var errStoreDown = errors.New("simulated: the store is down")

// flakyStore is one instance's way to the store that all instances of an app
// share. It can fail before or after the change, be slow, and lose races.
type flakyStore struct {
	store.Store
	in   *instance
	life *life
}

// spoil runs a call under the fault that is in force for it.
func (s *flakyStore) spoil(ctx context.Context, op storeOp, do func() error) error {
	if s.life.over() {
		return errKilled
	}
	if s.in.over.Load() {
		s.in.app.w.oracle.outlives(s.in, op)
	}
	f := s.in.app.w.spoils.store(s.in, op)
	if f == nil {
		return do()
	}
	if f.delay > 0 {
		t := time.NewTimer(f.delay)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		if s.life.over() {
			return errKilled
		}
	}
	switch {
	case f.after:
		_ = do()
		return errStoreDown
	case f.before:
		return errStoreDown
	}
	return do()
}

// aloud: if the call has failed, the instance's log has to say so.
func (s *flakyStore) aloud(op storeOp, err error) error {
	if errors.Is(err, errStoreDown) {
		s.in.app.w.oracle.failsSilently(s.in, op)
	}
	return err
}

// uses notes names that the instance gives to the store.
func (s *flakyStore) uses(what string, keys ...store.Key) {
	s.in.app.w.oracle.uses(s.in, what, keys...)
}

// changed tells the app's instances that this one has changed a record.
func (s *flakyStore) changed(err error, key store.Key) {
	if err == nil {
		s.in.late.knows(key)
		s.in.other().late.written(key)
	}
}

func (s *flakyStore) Load(ctx context.Context, key store.Key) (rec store.Record, err error) {
	o, got := s.in.app.w.oracle, false
	err = s.spoil(ctx, opLoad, func() (err error) {
		if key == s.in.app.kept {
			rec, err = s.Store.Load(ctx, key)
			return err
		}
		var old bool
		rec, old, err = s.in.late.load(key, func() (store.Record, error) { return s.Store.Load(ctx, key) })
		if got = !old; old {
			o.count("old answers of a store")
		}
		return err
	})
	if got {
		o.loaded(s.in, key, err)
	}
	if rec.Key == key && key != s.in.app.kept {
		o.owns(s.in, "reads", rec)
	}
	if errors.Is(err, errStoreDown) {
		return store.Record{}, err
	}
	return rec, err
}

func (s *flakyStore) Create(ctx context.Context, rec store.Record) error {
	stored := false
	err := s.spoil(ctx, opCreate, func() error {
		s.in.app.gate.note(rec.Due)
		s.uses("reference", rec.Refs...)
		if rec.Key != s.in.app.kept {
			s.in.app.w.oracle.creates(s.in)
		}
		err := s.Store.Create(ctx, rec)
		if rec.Key != s.in.app.kept {
			s.in.app.w.oracle.created(s.in, rec, err)
			stored = err == nil
		}
		return err
	})
	if stored && err != nil {
		s.in.app.w.oracle.haunted(s.in, rec.Key)
	}
	if rec.Key == s.in.app.kept {
		return err
	}
	return s.aloud(opCreate, err)
}

func (s *flakyStore) Replace(ctx context.Context, rec store.Record) error {
	stored := false
	err := s.spoil(ctx, opReplace, func() error {
		if s.in.app.w.spoils.race(s.in) { // somebody else saves first
			if other, err := s.Store.Load(ctx, rec.Key); err == nil {
				_ = s.Store.Replace(ctx, other)
				s.in.late.written(rec.Key)
				s.in.other().late.written(rec.Key)
			}
		}
		s.in.app.gate.note(rec.Due)
		s.uses("reference", rec.Refs...)
		ended := s.in.app.w.oracle.hasEnded(rec.Key)
		err := s.Store.Replace(ctx, rec)
		s.in.app.w.oracle.replaced(s.in, ended, err)
		s.changed(err, rec.Key)
		stored = err == nil
		return err
	})
	if stored && err != nil {
		s.in.app.w.oracle.savedUnheard(rec.Key)
	}
	if rec.Key == s.in.app.kept {
		return err
	}
	return s.aloud(opReplace, err)
}

func (s *flakyStore) Touch(ctx context.Context, key store.Key, active, due time.Time) error {
	return s.aloud(opTouch, s.spoil(ctx, opTouch, func() error {
		s.in.app.gate.note(due)
		err := s.Store.Touch(ctx, key, active, due)
		s.changed(err, key)
		return err
	}))
}

func (s *flakyStore) End(ctx context.Context, sel store.Selector, end store.End) (ended []store.Record, err error) {
	if sel.Ref != (store.Key{}) {
		s.uses("reference", sel.Ref)
	}
	err = s.spoil(ctx, opEnd, func() (err error) {
		s.in.app.gate.note(end.At)
		ended, err = s.Store.End(ctx, sel, end)
		s.in.app.w.oracle.owns(s.in, "ends", ended...)
		s.in.app.w.oracle.storeEnded(s.in, ended)
		for i := range ended {
			s.changed(nil, ended[i].Key)
		}
		return err
	})
	if errors.Is(err, errStoreDown) {
		return nil, err
	}
	return ended, err
}

func (s *flakyStore) Claim(
	ctx context.Context, owner store.Key, now time.Time, hold time.Duration, limit int,
) (out []store.Record, err error) {
	err = s.spoil(ctx, opClaim, func() (err error) {
		g := &s.in.app.gate
		if !g.open(now) {
			return nil
		}
		out, err = s.Store.Claim(ctx, owner, now, hold, limit)
		s.in.app.w.oracle.owns(s.in, "claims", out...)
		if len(out) > 0 {
			g.note(now.Add(hold))
		}
		if len(out) == limit || err != nil {
			g.note(now)
		}
		return err
	})
	if errors.Is(err, errStoreDown) {
		return nil, s.aloud(opClaim, err)
	}
	return out, err
}

func (s *flakyStore) Settle(ctx context.Context, key store.Key, sealed []byte, due time.Time) error {
	return s.spoil(ctx, opSettle, func() error {
		s.in.app.gate.note(due)
		err := s.Store.Settle(ctx, key, sealed, due)
		s.changed(err, key)
		return err
	})
}

func (s *flakyStore) List(ctx context.Context, ref store.Key) (out []store.Record, err error) {
	s.uses("reference", ref)
	err = s.spoil(ctx, opList, func() (err error) { out, err = s.Store.List(ctx, ref); return err })
	s.in.app.w.oracle.owns(s.in, "lists", out...)
	return out, err
}

func (s *flakyStore) Once(ctx context.Context, id store.Key, until time.Time) error {
	s.uses("once-id", id)
	return s.spoil(ctx, opOnce, func() error { return s.Store.Once(ctx, id, until) })
}

func (s *flakyStore) Acquire(ctx context.Context, id store.Key, ttl time.Duration) (l store.Lease, err error) {
	s.uses("lease", id)
	err = s.spoil(ctx, opAcquire, func() (err error) {
		if l, err = s.Store.Acquire(ctx, id, ttl); err == nil {
			s.in.late.knowsAll()
		}
		return err
	})
	return l, s.aloud(opAcquire, err)
}

func (s *flakyStore) Renew(ctx context.Context, l store.Lease, ttl time.Duration) error {
	return s.aloud(opRenew, s.spoil(ctx, opRenew, func() error { return s.Store.Renew(ctx, l, ttl) }))
}

func (s *flakyStore) Release(ctx context.Context, l store.Lease) error {
	return s.spoil(ctx, opRelease, func() error { return s.Store.Release(ctx, l) })
}

func (s *flakyStore) Watch(ctx context.Context, fn func(store.Change)) error {
	return s.spoil(ctx, opWatch, func() error {
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		defer s.in.app.w.spoils.watching(s.in, func() { cancel(errStoreDown) })()
		return s.in.late.watch(ctx, func(fn func(store.Change)) error { return s.Store.Watch(ctx, fn) }, fn)
	})
}

// dueGate spares the simulation what costs most in a quiet hour: looking for
// expired records through every shard of the store, ten times a minute on each
// instance. It remembers every Due that was ever handed in, so it never
// closes while one could be due.
type dueGate struct {
	mu   sync.Mutex
	dues dueHeap
}

func (g *dueGate) note(due time.Time) {
	if due.IsZero() {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	heap.Push(&g.dues, due.UnixMilli())
}

func (g *dueGate) open(now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	ms, any := now.UnixMilli(), false
	for len(g.dues) > 0 && g.dues[0] <= ms {
		heap.Pop(&g.dues)
		any = true
	}
	return any
}

type dueHeap []int64

func (h dueHeap) Len() int           { return len(h) }
func (h dueHeap) Less(i, j int) bool { return h[i] < h[j] }
func (h dueHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *dueHeap) Push(x any)        { *h = append(*h, x.(int64)) }
func (h *dueHeap) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}
