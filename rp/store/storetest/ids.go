package storetest

import (
	"time"

	"github.com/tandem-sso/tandem/rp/store"
)

var onceTests = []test{
	{"Once", func(e *env) { // BCL-13
		id, until := newKey(), e.now().Add(time.Minute)
		e.want(e.Store.Once(e.ctx, id, until), nil)
		e.want(e.Store.Once(e.ctx, id, until), store.ErrConflict)
		e.want(e.Store.Once(e.ctx, id, until.Add(time.Hour)), store.ErrConflict) // prolongs nothing
		e.want(e.Store.Once(e.ctx, newKey(), until), nil)
		e.Advance(time.Minute)
		e.want(e.Store.Once(e.ctx, id, until), store.ErrConflict) // up to and including
		e.Advance(time.Second)
		e.want(e.Store.Once(e.ctx, id, e.now().Add(time.Minute)), nil)
		e.want(e.Store.Once(e.ctx, id, e.now().Add(time.Minute)), store.ErrConflict)
	}},
	{"OnceIsNoKeyOfASession", func(e *env) {
		rec := e.create(e.session())
		e.want(e.Store.Once(e.ctx, rec.Key, e.now().Add(time.Minute)), nil)
		e.want(e.Store.Once(e.ctx, rec.Refs[0], e.now().Add(time.Minute)), nil)
		e.same(e.load(rec.Key, nil), rec)
	}},
}

var leaseTests = []test{
	{"Exclusive", func(e *env) { // C4
		id := newKey()
		l := e.acquire(id, time.Minute)
		if l.ID != id {
			e.Fatal("the lease is on another id")
		}
		_, err := e.Store.Acquire(e.ctx, id, time.Minute)
		e.want(err, store.ErrConflict)
		e.acquire(newKey(), time.Minute)
		e.want(e.Store.Release(e.ctx, l), nil)
		e.acquire(id, time.Minute)
	}},
	{"FenceGrows", func(e *env) {
		id := newKey()
		var last uint64
		for i := range 12 {
			l := e.acquire(id, time.Second)
			if l.Fence <= last {
				e.Fatalf("fence %d after %d", l.Fence, last)
			}
			last = l.Fence
			switch i % 4 {
			case 0:
				e.want(e.Store.Release(e.ctx, l), nil)
			case 1:
				e.Advance(time.Second)
			case 2: // long enough for the store to have forgotten everything
				e.Advance(48 * time.Hour)
				e.claim(time.Second, 1)
			case 3:
				e.want(e.Store.Release(e.ctx, l), nil)
				e.Advance(48 * time.Hour)
				e.claim(time.Second, 1)
			}
		}
	}},
	{"RunsOut", func(e *env) {
		id := newKey()
		l := e.acquire(id, time.Minute)
		e.Advance(time.Minute - time.Millisecond)
		_, err := e.Store.Acquire(e.ctx, id, time.Minute)
		e.want(err, store.ErrConflict)
		e.Advance(2 * time.Millisecond)
		// Nobody else has it, and it is not l's either.
		e.want(e.Store.Renew(e.ctx, l, time.Minute), store.ErrConflict)
		e.want(e.Store.Release(e.ctx, l), store.ErrConflict)
		e.acquire(id, time.Minute)
	}},
	{"Renew", func(e *env) {
		id := newKey()
		l := e.acquire(id, time.Minute)
		for range 5 {
			e.Advance(50 * time.Second)
			e.want(e.Store.Renew(e.ctx, l, time.Minute), nil)
			_, err := e.Store.Acquire(e.ctx, id, time.Minute)
			e.want(err, store.ErrConflict)
		}
		e.want(e.Store.Renew(e.ctx, l, time.Second), nil) // from now, also shorter
		e.Advance(2 * time.Second)
		e.acquire(id, time.Minute)
	}},
	{"TheLoserIsFencedOff", func(e *env) {
		id := newKey()
		old := e.acquire(id, time.Second)
		e.Advance(2 * time.Second)
		held := e.acquire(id, time.Minute)
		e.want(e.Store.Renew(e.ctx, old, time.Hour), store.ErrConflict)
		e.want(e.Store.Release(e.ctx, old), store.ErrConflict)
		_, err := e.Store.Acquire(e.ctx, id, time.Minute)
		e.want(err, store.ErrConflict)
		e.want(e.Store.Renew(e.ctx, held, time.Minute), nil)
		e.want(e.Store.Release(e.ctx, held), nil)
		e.want(e.Store.Release(e.ctx, held), store.ErrConflict)
		e.want(e.Store.Renew(e.ctx, held, time.Minute), store.ErrConflict)
	}},
	{"OfNobody", func(e *env) {
		for _, fence := range []uint64{0, 1, 1 << 40} {
			l := store.Lease{ID: newKey(), Fence: fence}
			e.want(e.Store.Renew(e.ctx, l, time.Minute), store.ErrConflict)
			e.want(e.Store.Release(e.ctx, l), store.ErrConflict)
		}
	}},
}

func (e *env) acquire(id store.Key, ttl time.Duration) store.Lease {
	e.Helper()
	l, err := e.Store.Acquire(e.ctx, id, ttl)
	e.want(err, nil)
	return l
}
