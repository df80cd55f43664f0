package storetest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tandem-sso/tandem/rp/store"
)

// together runs f(0) to f(n-1) at the same time; the store is another one for
// each if there are two.
func (e *env) together(n int, f func(i int, s store.Store) error) {
	e.Helper()
	var wg sync.WaitGroup
	start := make(chan struct{})
	errs := make([]error, n)
	stores := e.stores()
	for i := range n {
		wg.Go(func() {
			<-start
			errs[i] = f(i, stores[i%len(stores)])
		})
	}
	close(start)
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		e.Fatal(err)
	}
}

// allUnder means every session of this suite under ref: in every other round by the
// IdP's clock alone.
func (e *env) allUnder(ref store.Key, round int) store.Selector {
	if round%2 == 0 {
		return store.Selector{Ref: ref}
	}
	return store.Selector{Ref: ref, BegunBy: e.now().Add(-time.Hour), IssuedBy: e.now()}
}

var raceTests = []test{
	{"CreateAndEndOfOneRef", func(e *env) { // C5: nothing slips through
		for round := range 40 {
			const creators, enders = 8, 2
			ref := newKey()
			recs := make([]store.Record, creators)
			created := make([]bool, creators)
			for i := range recs {
				recs[i] = e.session(newKey(), ref)
			}
			var mu sync.Mutex
			ended := make(map[store.Key]int)
			end := e.ending(time.Minute)
			e.together(creators+enders, func(i int, s store.Store) error {
				if i >= creators {
					got, err := s.End(e.ctx, e.allUnder(ref, round), end)
					mu.Lock()
					defer mu.Unlock()
					for _, r := range got {
						ended[r.Key]++
					}
					return err
				}
				err := s.Create(e.ctx, recs[i])
				if errors.Is(err, store.ErrEnded) {
					return nil
				}
				created[i] = err == nil
				return err
			})
			for i, rec := range recs {
				if created[i] {
					e.load(rec.Key, store.ErrEnded)
				} else {
					e.load(rec.Key, store.ErrNotFound)
				}
				if want := map[bool]int{true: 1}[created[i]]; ended[rec.Key] != want {
					e.Fatalf("created: %v, and it is in %d answers of End", created[i], ended[rec.Key])
				}
			}
			e.sameKeys(e.list(ref))
		}
	}},
	{"ReplaceAndEndOfANewRef", func(e *env) { // C5: the same for a reference that Replace brings
		for round := range 40 {
			const n = 6
			ref := newKey()
			recs := make([]store.Record, n)
			moved := make([]bool, n)
			for i := range recs {
				recs[i] = e.create(e.session())
				recs[i].Refs = []store.Key{recs[i].Refs[0], ref}
			}
			var ended []store.Record
			end := e.ending(time.Minute)
			e.together(n+1, func(i int, s store.Store) (err error) {
				if i == n {
					ended, err = s.End(e.ctx, e.allUnder(ref, round), end)
					return err
				}
				err = s.Replace(e.ctx, recs[i])
				moved[i] = err == nil
				if errors.Is(err, store.ErrEnded) {
					return nil
				}
				return err
			})
			var want []store.Key
			for i, rec := range recs {
				if moved[i] {
					want = append(want, rec.Key)
					e.load(rec.Key, store.ErrEnded)
				} else if got := e.load(rec.Key, nil); got.Version != 1 {
					e.Fatal("a refused Replace has changed the record")
				}
			}
			e.sameKeys(ended, want...)
			e.sameKeys(e.list(ref))
		}
	}},
	{"EachEndIsOnes", func(e *env) { // C8: exactly one event
		for range 5 {
			const sessions = 10
			refs := []store.Key{newKey(), newKey()}
			var keys []store.Key
			for range sessions {
				keys = append(keys, e.create(e.session(refs...)).Key)
			}
			var mu sync.Mutex
			count := make(map[store.Key]int)
			end := e.ending(time.Minute)
			e.together(8, func(i int, s store.Store) error {
				sels := []store.Selector{{Ref: refs[0]}, {Ref: refs[1]}}
				if i >= 4 {
					sels = nil
					for j := range keys {
						sels = append(sels, store.Selector{Key: keys[(j+i)%sessions]})
					}
				}
				for _, sel := range sels {
					got, err := s.End(e.ctx, sel, end)
					if err != nil {
						return err
					}
					mu.Lock()
					for _, r := range got {
						count[r.Key]++
					}
					mu.Unlock()
				}
				return nil
			})
			for _, k := range keys {
				if count[k] != 1 {
					e.Fatalf("a session is in %d answers of End, want 1", count[k])
				}
			}
		}
	}},
	{"NoUpdateIsLost", func(e *env) { // C4: compare and swap
		rec := e.session()
		rec.Sealed = make([]byte, 8)
		e.create(rec)
		const writers, each = 6, 5
		var latest atomic.Int64
		e.together(writers*2, func(i int, s store.Store) error {
			for n := range each {
				if i >= writers {
					a := rec.Active.Add(time.Duration(n*100+i) * time.Millisecond)
					if err := s.Touch(e.ctx, rec.Key, a, a.Add(time.Hour)); err != nil {
						return err
					}
					for old := latest.Load(); old < a.UnixMilli() &&
						!latest.CompareAndSwap(old, a.UnixMilli()); old = latest.Load() {
					}
					continue
				}
				for {
					got, err := s.Load(e.ctx, rec.Key)
					if err != nil {
						return err
					}
					got.Sealed = binary.BigEndian.AppendUint64(nil, binary.BigEndian.Uint64(got.Sealed)+1)
					if err = s.Replace(e.ctx, got); err == nil {
						break
					} else if !errors.Is(err, store.ErrConflict) {
						return err
					}
				}
			}
			return nil
		})
		e.soon("all writes", func() bool {
			got := e.load(rec.Key, nil)
			return got.Version == 1+writers*each &&
				binary.BigEndian.Uint64(got.Sealed) == writers*each &&
				got.Active.UnixMilli() == latest.Load() && got.Due.Equal(got.Active.Add(time.Hour))
		})
	}},
	{"TouchedOrIdle", func(e *env) { // C1: who was active in time is not ended as idle
		for range 40 {
			rec := e.create(e.session())
			var touched error
			var ended []store.Record
			end := e.ending(time.Minute)
			e.together(2, func(i int, s store.Store) (err error) {
				if i == 0 {
					touched = s.Touch(e.ctx, rec.Key, rec.Active.Add(time.Second), rec.Due)
					return nil
				}
				ended, err = s.End(e.ctx, store.Selector{Key: rec.Key, IdleSince: rec.Active}, end)
				return err
			})
			if len(ended) == 1 {
				e.want(touched, store.ErrEnded)
				e.load(rec.Key, store.ErrEnded)
			} else {
				e.want(touched, nil)
				e.load(rec.Key, nil)
			}
		}
	}},
	{"EachClaimIsOnes", func(e *env) {
		const n = 120
		for i := range n {
			e.due(-time.Duration(i) * time.Second)
		}
		var mu sync.Mutex
		count := make(map[store.Key]int)
		now := e.now()
		e.together(6, func(i int, s store.Store) error {
			for empty := 0; empty < 2; { // one that comes second may go home with nothing
				recs, err := s.Claim(e.ctx, owner, now, time.Minute, 7)
				if err != nil {
					return err
				}
				if len(recs) == 0 {
					empty++
				}
				mu.Lock()
				for _, r := range recs {
					count[r.Key]++
				}
				mu.Unlock()
			}
			return nil
		})
		for _, r := range e.claim(time.Minute, n) {
			count[r.Key]++
		}
		if len(count) != n {
			e.Fatalf("%d of %d were claimed", len(count), n)
		}
		for _, c := range count {
			if c != 1 {
				e.Fatalf("one was claimed %d times within the hold", c)
			}
		}
	}},
	{"OnceIsOnes", func(e *env) {
		for range 10 {
			id, until := newKey(), e.now().Add(time.Minute)
			var won atomic.Int32
			e.together(8, func(_ int, s store.Store) error {
				err := s.Once(e.ctx, id, until)
				if err == nil {
					won.Add(1)
				} else if errors.Is(err, store.ErrConflict) {
					err = nil
				}
				return err
			})
			if won.Load() != 1 {
				e.Fatalf("%d calls were the first", won.Load())
			}
		}
	}},
	{"OneLeaseAtATime", func(e *env) { // C4
		id := newKey()
		var holders, grants atomic.Int32
		var last atomic.Uint64
		e.together(6, func(_ int, s store.Store) error {
			for mine := 0; mine < 4; {
				l, err := s.Acquire(e.ctx, id, time.Minute)
				if errors.Is(err, store.ErrConflict) {
					continue
				} else if err != nil {
					return err
				}
				if holders.Add(1) != 1 {
					return errors.New("two hold the lease")
				}
				if before := last.Swap(l.Fence); before >= l.Fence {
					return fmt.Errorf("fence %d after %d", l.Fence, before)
				}
				if err := s.Renew(e.ctx, l, time.Minute); err != nil {
					return err
				}
				mine++
				grants.Add(1)
				holders.Add(-1)
				if err := s.Release(e.ctx, l); err != nil {
					return err
				}
			}
			return nil
		})
		if grants.Load() != 24 {
			e.Fatalf("%d grants", grants.Load())
		}
	}},
	{"EverythingAtOnce", func(e *env) {
		const sessions, workers, rounds = 12, 8, 60
		ref := newKey()
		keys := make([]store.Key, sessions)
		for i := range keys {
			keys[i] = e.create(e.session(ref, newKey())).Key
		}
		var over [sessions]atomic.Bool // an End of it has returned
		var ends [sessions]atomic.Int32
		end, now := e.ending(time.Hour), e.now()
		e.together(workers, func(w int, s store.Store) error {
			rnd := rand.New(rand.NewPCG(1, uint64(w)))
			var version [sessions]uint64
			var active [sessions]time.Time
			for round := range rounds {
				i := rnd.IntN(sessions)
				wasOver := over[i].Load() && len(e.stores()) == 1
				rec, err := s.Load(e.ctx, keys[i])
				switch {
				case err != nil && !errors.Is(err, store.ErrEnded):
					return err
				case err == nil && wasOver:
					return errors.New("a session lives after End has returned")
				case rec.Version < version[i] || rec.Active.Before(active[i]):
					return errors.New("a Load went back in time")
				}
				version[i], active[i] = rec.Version, rec.Active
				a := now.Add(time.Duration(round*workers+w) * time.Millisecond)
				switch rnd.IntN(10) {
				case 0, 1, 2:
					err = s.Touch(e.ctx, keys[i], a, a.Add(time.Minute))
					if err == nil {
						active[i] = laterOf(active[i], a)
					}
				case 3, 4, 5:
					rec.Active, rec.Sealed = a, newBytes(50)
					if err = s.Replace(e.ctx, rec); err == nil {
						version[i]++
					}
				case 6:
					_, err = s.Claim(e.ctx, owner, now.Add(time.Hour), time.Second, 3)
				case 7:
					_, err = s.List(e.ctx, ref)
				case 8:
					err = s.Settle(e.ctx, keys[i], newBytes(20), time.Time{})
				case 9:
					if round < rounds/2 {
						continue
					}
					var got []store.Record
					if got, err = s.End(e.ctx, store.Selector{Key: keys[i]}, end); err == nil {
						ends[i].Add(int32(len(got)))
						over[i].Store(true)
					}
				}
				if err != nil && !isAnswer(err) {
					return err
				}
			}
			return nil
		})
		rest, err := e.Store.End(context.WithoutCancel(e.ctx), store.Selector{Ref: ref}, end)
		e.want(err, nil)
		for i, k := range keys {
			for _, r := range rest {
				if r.Key == k {
					ends[i].Add(1)
				}
			}
			if n := ends[i].Load(); n != 1 {
				e.Fatalf("a session was ended %d times", n)
			}
			e.load(k, store.ErrEnded)
		}
	}},
}

func laterOf(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
