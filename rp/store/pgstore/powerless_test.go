package pgstore_test

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/pgstore"
)

// powerless connects as a role that may connect and nothing else.
func powerless(t *testing.T) *pgx.Conn {
	t.Helper()
	_, url := newRole(t, connect(t, shared(t).URL))
	return connect(t, url)
}

// Anybody who may connect may NOTIFY. What he says is not believed.
func TestForgedChanges(t *testing.T) {
	ctx, schema := t.Context(), newSchema()
	s := open(t, shared(t).URL, pgstore.Options{Schema: schema})
	rec, last := record(1), record(2)
	for _, r := range []store.Record{rec, last} {
		if err := s.Create(ctx, r); err != nil {
			t.Fatal(err)
		}
	}
	w := watch(t, s)
	forger := powerless(t)
	key := hex.EncodeToString(rec.Key[:])
	for _, payload := range []string{key + ":1:user_logout", key + ":9:", key, "junk", "", strings.Repeat("x", 7000)} {
		exec(t, forger, "SELECT pg_notify($1, $2)", schema+"_changes", payload)
	}
	last.Version = 1
	if err := s.Replace(ctx, last); err != nil {
		t.Fatal(err)
	}
	w.wait(t, store.Change{Key: last.Key, Version: 2})
	if want := []store.Change{{}, {Key: last.Key, Version: 2}}; !slices.Equal(w.list(), want) {
		t.Errorf("%d changes are reported, want the real one alone: %+v", len(w.list()), w.list())
	}
	if _, err := s.Load(ctx, rec.Key); err != nil {
		t.Errorf("the session: %v", err)
	}
}

// A flood of forged notifications neither delays what is real nor has anybody
// look at everything again and again.
func TestFloodOfForgedChanges(t *testing.T) { // C8
	ctx, schema := t.Context(), newSchema()
	admin := connect(t, shared(t).URL)
	named := shared(t).URL + "&application_name=" + schema
	s, err := pgstore.Open(ctx, named, pgstore.Options{Schema: schema, Migrate: true, Timeout: patience})
	if err != nil {
		t.Fatal(err)
	}
	near := open(t, shared(t).URL, pgstore.Options{Schema: schema})
	w := watch(t, s)

	flooding, stop := context.WithTimeout(ctx, 4*time.Second)
	defer stop()
	began := time.Now()
	flood(t, flooding, schema)
	var waits []time.Duration
	for i := 0; flooding.Err() == nil; i++ {
		rec := record(i)
		if err := near.Create(ctx, rec); err != nil {
			t.Fatal(err)
		}
		if _, err := near.End(ctx, store.Selector{Key: rec.Key}, ending()); err != nil {
			t.Fatal(err)
		}
		waits = append(waits, w.wait(t, store.Change{Key: rec.Key, Version: 1, Reason: "admin"}))
	}
	took := time.Since(began)
	slices.Sort(waits)
	if p90 := waits[len(waits)*9/10]; p90 > time.Second { // the flood has this machine's cores, too
		t.Errorf("one of ten ends is reported %v after it or later", p90)
	}
	var everything int
	for _, c := range w.list() {
		if c.Key == (store.Key{}) {
			everything++
		}
	}
	if everything != 1 {
		t.Errorf("in %v Watch said %d times that everything is to be looked at again", took, everything)
	}
	w.stop(t)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	// A look is two scans of an index, and there are a hundred a second at most.
	looks := scansOf(t, admin, schema, schema)["change"].index / 2
	if limit := 110 * int64(took/time.Second+1); looks > limit {
		t.Errorf("in %v Watch looked %d times, want %d at most", took, looks, limit)
	}
	t.Logf("in %v %d ends: median %v, slowest %v; %d looks",
		took, len(waits), waits[len(waits)/2], waits[len(waits)-1], looks)
}

// flood notifies as fast as two connections can, until ctx is done.
func flood(t *testing.T, ctx context.Context, schema string) {
	t.Helper()
	var wg sync.WaitGroup
	for range 2 {
		c := powerless(t)
		wg.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				_, _ = c.Exec(ctx, `SELECT count(pg_notify($1, $2 || ':' || i || repeat('x', 200))::text)
					FROM generate_series(1, 20000) i`, schema+"_changes", fmt.Sprint(n))
			}
		})
	}
	t.Cleanup(wg.Wait)
}

// Anybody who may connect may take advisory locks. Nobody waits for them.
func TestAdvisoryLocksOfOthers(t *testing.T) {
	ctx, schema := t.Context(), newSchema()
	s := open(t, shared(t).URL, pgstore.Options{Schema: schema})
	before, rec := record(1), record(2)
	if err := s.Create(ctx, before); err != nil {
		t.Fatal(err)
	}
	blocker := powerless(t)
	// Those that can be guessed from what is in the tables or in this package.
	for _, ref := range slices.Concat(before.Refs, rec.Refs) {
		exec(t, blocker, "SELECT pg_advisory_lock($1)", int64(binary.BigEndian.Uint64(ref[:])))
	}
	exec(t, blocker, "SELECT pg_advisory_lock($1)", 0x74616e64656d)
	// And those that somebody is seen to hold or to wait for.
	blocking, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		for blocking.Err() == nil {
			_, _ = blocker.Exec(blocking, `SELECT pg_try_advisory_lock((classid::bigint << 32) | objid::bigint),
				pg_try_advisory_lock(classid::int, objid::int)
				FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid()`)
		}
	})
	defer wg.Wait()
	defer stop()

	limited, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	before.Version, before.Refs = 1, rec.Refs
	for what, call := range map[string]func() error{
		"Create":  func() error { return s.Create(limited, rec) },
		"Replace": func() error { return s.Replace(limited, before) },
		"End":     func() error { _, err := s.End(limited, store.Selector{Ref: nth('e', 1)}, ending()); return err },
		"Migrate": func() error { return pgstore.Migrate(limited, shared(t).URL, newSchema()) },
	} {
		if err := call(); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	for range 50 {
		if _, err := s.End(limited, store.Selector{Ref: nth('x', 1)}, ending()); err != nil {
			t.Fatalf("End: %v", err)
		}
	}
}
