package memstore

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/rp/store"
)

// holdings counts what a Store without calls in flight keeps in its maps and heaps.
func holdings(s *Store) (n int) {
	for i := range shardCount {
		sh, r := &s.sessions[i], &s.refs[i]
		n += len(sh.byKey) + len(sh.forget) + len(r.one) + len(r.many) + len(r.tombs) + len(r.forget)
		for _, h := range sh.due {
			n += len(h.live) + len(h.ended)
		}
	}
	return n
}

// Clients that are gone have left very much in one shard, or it was put off in
// time: no lock is held for 1 ms while that is found out and what they left leaves.
func TestManyAbandoned(t *testing.T) {
	const owners, day = 50, 24 * time.Hour
	n := 60_000
	if raceEnabled || testing.Short() {
		n = 6_000
	}
	ctx, now := context.Background(), time.Now()
	s := New(Options{Now: func() time.Time { return now }})
	key := func(i int) store.Key {
		k := nth('k', i)
		k[0] = 7
		return k
	}
	create := func() {
		for i := range n {
			err := s.Create(ctx, store.Record{
				Key: key(i), Owner: nth('c', i%owners), Refs: []store.Key{nth('s', i), nth('u', i/2)},
				Begun: now, Active: now, Due: now,
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	var h holds
	create()
	for round := range 3 { // each entry has to find its new place
		for i := range n {
			if err := s.Touch(ctx, key(i), now.Add(time.Second), now.Add(store.Abandoned+10*day)); err != nil {
				t.Fatal(err)
			}
		}
		now = now.Add(store.Abandoned + 5*day)
		h.sweep(s, round, now, 0)
	}
	if _, err := s.Load(ctx, key(0)); err != nil {
		t.Fatalf("Load of what was put off: %v", err)
	}
	now = now.Add(store.Abandoned + 5*day + 1)
	h.sweep(s, 6, now, 0)
	for round := range 3 {
		if left := holdings(s); left != 0 {
			t.Fatalf("%d things are left", left)
		}
		create()
		now = now.Add(store.Abandoned + day)
		h.sweep(s, 3+round, now, 0)
	}
	h.report(t, "put off", 0)
	h.report(t, "abandoned", 3)
}

// Sessions are abandoned while others create, replace, end and list them: none is
// left in an index, and none comes back.
func TestAbandonedMeanwhile(t *testing.T) {
	const workers, rounds, keys, refs = 4, 4000, 40, 6
	ctx := context.Background()
	var clock atomic.Int64
	clock.Store(time.Now().UnixMilli())
	s := New(Options{Now: func() time.Time { return time.UnixMilli(clock.Load()) }})

	someRefs := func(rnd *rand.Rand) (list []store.Key) {
		for _, i := range rnd.Perm(refs)[:1+rnd.IntN(3)] {
			list = append(list, nth('r', i))
		}
		return list
	}
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(1, uint64(w)))
			for range rounds {
				now := s.now()
				rec := store.Record{
					Key: nth('k', rnd.IntN(keys)), Owner: nth('c', rnd.IntN(3)), Refs: someRefs(rnd),
					Begun: now, Active: now, Due: now,
				}
				var err error
				switch rnd.IntN(6) {
				case 0, 1:
					err = s.Create(ctx, rec)
				case 2, 3:
					if old, missing := s.Load(ctx, rec.Key); missing == nil {
						rec.Version = old.Version
						err = s.Replace(ctx, rec)
					}
				case 4:
					var live []store.Record
					live, err = s.List(ctx, rec.Refs[0])
					for i := range live {
						if live[i].Ended() {
							t.Error("List shows one that is over")
						}
					}
				case 5:
					end := store.End{Reason: "admin", At: now, Until: now.Add(time.Millisecond)}
					sel := store.Selector{Key: rec.Key}
					if rnd.IntN(2) == 0 {
						sel = store.Selector{Ref: rec.Refs[0], BegunBy: now.Add(-time.Hour)}
					}
					_, err = s.End(ctx, sel, end)
				}
				if err != nil && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrConflict) &&
					!errors.Is(err, store.ErrEnded) {
					t.Error(err)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	sweep := func() {
		clock.Add(store.Abandoned.Milliseconds() + 2)
		if got, err := s.Claim(ctx, nth('c', -1), s.now(), time.Minute, 10); err != nil || len(got) != 0 {
			t.Errorf("Claim: %d, %v", len(got), err)
		}
	}
	for busy := true; busy; {
		select {
		case <-done:
			busy = false
		default:
			sweep()
		}
	}
	sweep()
	if left := holdings(s); left != 0 {
		t.Errorf("%d things are left of sessions that are all forgotten", left)
	}
}
