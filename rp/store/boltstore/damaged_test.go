package boltstore_test

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/boltstore"
	"github.com/tandem-sso/tandem/rp/store/storetest"
)

// Records that cannot be read are a failure of the calls that want them, and of
// no other: neither of those that share a commit with them, nor of Claim and what
// forgets, nor of another client.
func TestDamagedRecord(t *testing.T) { // C6, C9
	const n = 5
	ctx, path, clock := t.Context(), filepath.Join(t.TempDir(), "sessions.db"), storetest.NewClock()
	s := open(t, path, boltstore.Options{Now: clock.Now})
	subject := nth('u', -1)
	end := store.End{Reason: "admin", At: clock.Now(), Until: clock.Now().Add(time.Hour)}
	for i := range n {
		rec := record(i)
		rec.Refs, rec.Due = append(rec.Refs, subject), clock.Now()
		if err := s.Create(ctx, rec); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.End(ctx, store.Selector{Key: nth('k', 1)}, end); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	edit(t, path, func(tx *bolt.Tx) error { // the first lives, the second has ended
		var err error
		for i := range 2 {
			key := nth('k', i)
			err = errors.Join(err, tx.Bucket([]byte("head")).Put(key[:], []byte("junk")))
		}
		return err
	})

	s = open(t, path, boltstore.Options{Now: clock.Now})
	for i := range 2 {
		for what, err := range map[string]error{
			"Create":  s.Create(ctx, record(i)),
			"Replace": s.Replace(ctx, record(i)),
			"Touch":   s.Touch(ctx, nth('k', i), clock.Now(), clock.Now()),
			"Settle":  s.Settle(ctx, nth('k', i), nil, clock.Now()),
			"Load":    second(s.Load(ctx, nth('k', i))),
			"End":     second(s.End(ctx, store.Selector{Key: nth('k', i)}, end)),
		} {
			if err == nil || isAnswer(err) {
				t.Errorf("%s of a damaged record: %v, want a failure", what, err)
			}
		}
	}
	if got, err := s.End(ctx, store.Selector{Ref: subject}, end); err == nil || isAnswer(err) || len(got) != n-2 {
		t.Errorf("End of all: %d, %v; want the other %d and a failure", len(got), err, n-2)
	}
	// the end is forgotten, abandoned
	for _, after := range []time.Duration{0, 2 * time.Hour, store.Abandoned, 3 * time.Hour} {
		clock.Advance(after)
		if _, err := s.Claim(ctx, nth('c', 1), clock.Now(), time.Minute, 10); err != nil {
			t.Errorf("Claim of another client after %v: %v", after, err)
		}
	}
	for i := 2; i < n; i++ {
		rec := record(100 + i)
		rec.Due = clock.Now()
		if err := s.Create(ctx, rec); err != nil {
			t.Errorf("Create: %v", err)
		}
	}
	if got, err := s.Claim(ctx, owner, clock.Now(), time.Minute, 10); err != nil || len(got) != n-2 {
		t.Errorf("Claim: %d, %v; want the other %d", len(got), err, n-2)
	}
}

func second[T any](_ T, err error) error { return err }
