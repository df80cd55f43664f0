package memstore_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/memstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// In a bubble time.Now is virtual; the store follows it, and no goroutine of it
// keeps the bubble from ending.
func TestSynctest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s := memstore.New(memstore.Options{})
		var changes []store.Change
		done := make(chan error)
		go func() { done <- s.Watch(ctx, func(c store.Change) { changes = append(changes, c) }) }()
		synctest.Wait()

		now := time.Now()
		key := store.Key{1}
		rec := store.Record{Key: key, Owner: store.Key{9}, Refs: []store.Key{{2}}, Begun: now, Active: now,
			Due: now.Add(time.Hour)}
		if err := s.Create(ctx, rec); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		due, err := s.Claim(ctx, store.Key{9}, time.Now(), time.Minute, 10)
		if err != nil || len(due) != 1 {
			t.Fatalf("Claim: %d, %v", len(due), err)
		}
		end := store.End{Reason: "idle", At: time.Now(), Until: time.Now().Add(time.Hour)}
		if _, err := s.End(ctx, store.Selector{Key: key}, end); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if _, err := s.Load(ctx, key); !errors.Is(err, store.ErrEnded) {
			t.Fatalf("Load: %v", err)
		}
		time.Sleep(time.Millisecond)
		if _, err := s.Load(ctx, key); !errors.Is(err, store.ErrNotFound) {
			t.Fatalf("Load: %v", err)
		}
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Fatalf("Watch: %v", err)
		}
		if len(changes) != 2 || changes[1] != (store.Change{Key: key, Version: 1, Reason: "idle"}) {
			t.Fatalf("changes: %+v", changes)
		}
	})
}

// A watcher that cannot follow is told to look at everything again, instead of
// being waited for or piling up changes.
func TestSlowWatcher(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		s := memstore.New(memstore.Options{})
		blocked, calls := make(chan struct{}), make(chan store.Change, 100_000)
		go s.Watch(ctx, func(c store.Change) { <-blocked; calls <- c })
		synctest.Wait()
		now := time.Now()
		rec := store.Record{Key: store.Key{1}, Owner: store.Key{9}, Refs: []store.Key{{2}}, Begun: now, Active: now}
		if err := s.Create(ctx, rec); err != nil {
			t.Fatal(err)
		}
		const n = 10_000
		for v := range uint64(n) {
			rec.Version = v + 1
			if err := s.Replace(ctx, rec); err != nil {
				t.Fatal(err)
			}
		}
		close(blocked)
		synctest.Wait()
		<-calls // the first
		if c := <-calls; c != (store.Change{}) {
			t.Fatalf("after changes were missed the first is %+v, want a zero one", c)
		}
		var last store.Change
		for len(calls) > 0 {
			last = <-calls
		}
		if last.Version != n+1 {
			t.Fatalf("the last change is %+v", last)
		}
	})
}
