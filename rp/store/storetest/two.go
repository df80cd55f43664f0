package storetest

import (
	"errors"
	"runtime"
	"slices"
	"time"

	"github.com/tandem-sso/tandem/rp/store"
)

// twoTests need a second instance on the back end.
var twoTests = []test{
	{"ChangesReachTheOther", func(e *env) {
		e.needSecond()
		rec := e.create(e.session())
		// Loaded by both before each change, so that a cache has something to forget.
		see := func(what string, want store.Record, answer error) {
			e.Helper()
			e.same(e.load(rec.Key, answer), want) // at once where it was made
			e.soon(what+" reaches the other instance", func() bool {
				got, err := e.Second.Load(e.ctx, rec.Key)
				return errors.Is(err, answer) && difference(got, want) == ""
			})
		}
		see("Create", rec, nil)
		rec.Sealed = newBytes(77)
		e.want(e.Store.Replace(e.ctx, rec), nil)
		rec.Version = 2
		see("Replace", rec, nil)
		rec.Active, rec.Due = rec.Active.Add(time.Second), rec.Due.Add(time.Second)
		e.want(e.Store.Touch(e.ctx, rec.Key, rec.Active, rec.Due), nil)
		see("Touch", rec, nil)
		e.end(store.Selector{Ref: rec.Refs[0]})
		rec.End, rec.Due = e.ending(10*time.Minute), e.now()
		see("End", rec, store.ErrEnded)
		rec.Sealed, rec.Due = newBytes(9), time.Time{}
		e.want(e.Store.Settle(e.ctx, rec.Key, rec.Sealed, rec.Due), nil)
		see("Settle", rec, store.ErrEnded)
	}},
	{"HowSoonAnEndIsSeen", func(e *env) { // C8
		e.needSecond()
		w := e.watch(e.Second)
		var refused, announced []time.Duration
		for range 100 {
			rec := e.create(e.session())
			e.loadFrom(e.Second, rec.Key, nil)
			e.loadFrom(e.Second, rec.Key, nil) // hot
			start := time.Now()
			e.end(store.Selector{Ref: rec.Refs[0]})
			for {
				_, err := e.Second.Load(e.ctx, rec.Key)
				if errors.Is(err, store.ErrEnded) {
					break
				}
				e.want(err, nil)
				if time.Since(start) > time.Second {
					e.Fatal("an ended session is served for more than a second")
				}
				runtime.Gosched()
			}
			refused = append(refused, time.Since(start))
			w.has(store.Change{Key: rec.Key, Version: 1, Reason: "user_logout"})
			announced = append(announced, time.Since(start))
		}
		w.end()
		for what, d := range map[string][]time.Duration{"refused": refused, "announced": announced} {
			slices.Sort(d)
			e.Logf("%s by the other instance, from the call of End on: median %v, p99 %v", what, d[len(d)/2],
				d[len(d)*99/100])
		}
	}},
	{"TheOthersWritesCount", func(e *env) {
		e.needSecond()
		rec := e.create(e.session())
		e.loadFrom(e.Second, rec.Key, nil)
		e.want(e.Second.Replace(e.ctx, rec), nil)
		e.want(e.Store.Replace(e.ctx, rec), store.ErrConflict)
		got, err := e.Second.End(e.ctx, store.Selector{Ref: rec.Refs[1]}, e.ending(time.Minute))
		e.want(err, nil)
		e.sameKeys(got, rec.Key)
		e.want(e.Store.Replace(e.ctx, rec), store.ErrEnded)
		e.want(e.Store.Touch(e.ctx, rec.Key, rec.Active.Add(time.Second), rec.Due), store.ErrEnded)
		e.want(e.Store.Create(e.ctx, e.session(rec.Refs[1])), store.ErrEnded)
		e.sameKeys(e.list(rec.Refs[0]))
		e.sameKeys(e.end(store.Selector{Key: rec.Key}))
		e.sameKeys(e.claim(time.Minute, 10), rec.Key)
		claimed, err := e.Second.Claim(e.ctx, owner, e.now(), time.Minute, 10)
		e.want(err, nil)
		e.sameKeys(claimed)
	}},
	{"IdsAreShared", func(e *env) {
		e.needSecond()
		id := newKey()
		e.want(e.Store.Once(e.ctx, id, e.now().Add(time.Minute)), nil)
		e.want(e.Second.Once(e.ctx, id, e.now().Add(time.Minute)), store.ErrConflict)
		l := e.acquire(id, time.Minute)
		_, err := e.Second.Acquire(e.ctx, id, time.Minute)
		e.want(err, store.ErrConflict)
		e.want(e.Second.Renew(e.ctx, l, time.Minute), nil)
		e.want(e.Second.Release(e.ctx, l), nil)
		other, err := e.Second.Acquire(e.ctx, id, time.Minute)
		e.want(err, nil)
		if other.Fence <= l.Fence {
			e.Fatalf("fence %d after %d", other.Fence, l.Fence)
		}
	}},
}

func (e *env) needSecond() {
	if e.Second == nil {
		e.Skip("the back end has one instance")
	}
}
