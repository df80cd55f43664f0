package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/rp/store"
)

// RunFresh is the part of Run for a store with a local cache whose change messages arrive
// late: even then the holder of a lease must see what the former holder wrote. Let the
// Factory open stores whose connections are delayed independently; it needs a Second.
func RunFresh(t *testing.T, f Factory) {
	for _, tt := range freshTests {
		t.Run(tt.name, func(t *testing.T) { tt.run(newEnv(t, f)) })
	}
}

var freshTests = []test{
	{"WhatTheFormerHolderWrote", func(e *env) {
		for i := range 6 {
			e.handOver(i, func(former store.Store, l store.Lease) { e.want(former.Release(e.ctx, l), nil) })
		}
	}},
	{"WhatTheFormerHolderWroteBeforeItRanOut", func(e *env) {
		for i := range 6 {
			e.handOver(i, func(store.Store, store.Lease) { e.Advance(time.Minute + time.Millisecond) })
		}
	}},
	{"InTurns", func(e *env) {
		const holders, each = 3, 5
		id, rec := newKey(), e.create(e.session())
		var written atomic.Uint64
		written.Store(1)
		ctx, giveUp := context.WithCancel(e.ctx) // one mistake ends the test
		defer giveUp()
		e.together(holders, func(_ int, s store.Store) (err error) {
			defer func() {
				if err != nil {
					giveUp()
				}
			}()
			for mine := 0; mine < each; {
				if _, err := s.Load(ctx, rec.Key); err != nil { // into its memory
					return err
				}
				l, err := s.Acquire(ctx, id, time.Minute)
				if errors.Is(err, store.ErrConflict) {
					continue
				} else if err != nil {
					return err
				}
				got, err := s.Load(ctx, rec.Key)
				if err != nil {
					return err
				}
				if want := written.Load(); got.Version != want {
					return fmt.Errorf("under the lease version %d is seen, %d was written", got.Version, want)
				}
				if err := s.Replace(ctx, got); err != nil {
					return err
				}
				written.Add(1)
				mine++
				if err := s.Release(ctx, l); err != nil {
					return err
				}
			}
			return nil
		})
	}},
}

// handOver lets one instance write something under the lease and give it up; the
// other instance, which has had the record in its memory all the time, has to see
// it. There are three things to write and two directions.
func (e *env) handOver(i int, giveUp func(store.Store, store.Lease)) {
	e.Helper()
	stores := e.stores()
	former, next := stores[i%len(stores)], stores[(i+1)%len(stores)]
	id, rec := newKey(), e.create(e.session())
	for range 2 {
		e.same(e.loadFrom(next, rec.Key, nil), rec)
	}
	l, err := former.Acquire(e.ctx, id, time.Minute)
	e.want(err, nil)
	want, answer := e.loadFrom(former, rec.Key, nil), error(nil)
	switch i / 2 % 3 {
	case 0:
		want.Sealed = newBytes(300)
		e.want(former.Replace(e.ctx, want), nil)
		want.Version++
	case 1:
		want.Active, want.Due = want.Active.Add(time.Second), want.Due.Add(time.Second)
		e.want(former.Touch(e.ctx, rec.Key, want.Active, want.Due), nil)
	case 2:
		want.End, answer = e.ending(10*time.Minute), store.ErrEnded
		want.Due = want.End.At
		_, err := former.End(e.ctx, store.Selector{Key: rec.Key}, want.End)
		e.want(err, nil)
	}
	giveUp(former, l)
	l, err = next.Acquire(e.ctx, id, time.Minute)
	e.want(err, nil)
	e.same(e.loadFrom(next, rec.Key, answer), want)
	e.want(next.Release(e.ctx, l), nil)
}
