package boltstore_test

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/boltstore"
	"github.com/tandem-sso/tandem/rp/store/storetest"
)

// Clients that are gone have left more than one Claim may look at, and what has
// ended among it is remembered for longer than the rest is kept. All that lived
// leaves the file all the same, little by little, with what it was found by.
func TestForgetsManyAbandoned(t *testing.T) { // C9
	const n, owners, step = 2600, 30, 1000 // step: abandonedPerClaim
	ctx, path, clock := t.Context(), filepath.Join(t.TempDir(), "sessions.db"), storetest.NewClock()
	s := open(t, path, boltstore.Options{Now: clock.Now})
	subject := nth('u', -1)
	create := func(i int) error {
		rec := record(i)
		rec.Owner, rec.Refs, rec.Sealed = nth('c', 1+i%owners), []store.Key{subject, nth('s', i)}, nil
		rec.Due = clock.Now().Add(time.Duration(i) * time.Second)
		return s.Create(ctx, rec)
	}
	each(t, n, create)
	end := store.End{Reason: "admin", At: clock.Now(), Until: clock.Now().Add(3 * store.Abandoned)}
	each(t, n/2, func(i int) error {
		_, err := s.End(ctx, store.Selector{Key: nth('k', i)}, end)
		return err
	})
	claim := func() (living int) {
		if got, err := s.Claim(ctx, owner, clock.Now(), time.Minute, 10); err != nil || len(got) != 0 {
			t.Fatalf("Claim: %d, %v", len(got), err)
		}
		left, err := s.List(ctx, subject)
		if err != nil {
			t.Fatal(err)
		}
		return len(left)
	}
	if living := claim(); living != n/2 {
		t.Fatalf("%d of %d live before it is time", living, n/2)
	}

	clock.Advance(store.Abandoned + n*time.Second)
	if living := claim(); living < n/2-step || living == n/2 {
		t.Fatalf("%d of %d are left after one Claim", living, n/2)
	}
	turns := 1
	for living := n; living > 0; turns++ {
		if living = claim(); turns > n/step+1 {
			t.Fatalf("%d of %d are left after %d Claims", living, n/2, turns)
		}
	}
	for i := range n {
		want := store.ErrNotFound
		if i < n/2 {
			want = store.ErrEnded
		}
		if _, err := s.Load(ctx, nth('k', i)); !errors.Is(err, want) {
			t.Fatalf("Load: %v, want %v", err, want)
		}
	}

	// It starts again from the front.
	each(t, owners, func(i int) error { return create(n + i) })
	clock.Advance(store.Abandoned + 2*n*time.Second)
	for range 2 + n/step {
		claim()
	}
	if living := claim(); living != 0 {
		t.Fatalf("%d are left of those that came later", living)
	}

	clock.Advance(3 * store.Abandoned)
	claim()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if left := entries(t, path); left != 0 {
		t.Errorf("%d entries are left", left)
	}
}

// A touch that is in memory only counts as well.
func TestTouchedIsNotAbandoned(t *testing.T) { // C1
	ctx, clock := t.Context(), storetest.NewClock()
	s := open(t, filepath.Join(t.TempDir(), "sessions.db"), boltstore.Options{Now: clock.Now, FlushEvery: time.Hour})
	rec := record(1)
	rec.Due = clock.Now()
	if err := s.Create(ctx, rec); err != nil {
		t.Fatal(err)
	}
	clock.Advance(store.Abandoned + time.Second)
	active := clock.Now()
	if err := s.Touch(ctx, rec.Key, active, active.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Claim(ctx, nth('c', 1), clock.Now(), time.Minute, 10); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Load(ctx, rec.Key); err != nil || !got.Active.Equal(active) {
		t.Fatalf("Load: active %v, want %v; %v", got.Active, active, err)
	}
}
