package pgstore_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/internal/servertest"
	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/pgstore"
)

// A transaction that began to write first and is over last is reported too. Nor
// does one hold up the rest that is never over; every role can have such a one.
func TestLateCommit(t *testing.T) {
	ctx, schema := t.Context(), newSchema()
	s := open(t, shared(t).URL, pgstore.Options{Schema: schema})
	for i := range 3 {
		if err := s.Create(ctx, record(i)); err != nil {
			t.Fatal(err)
		}
	}
	never, late := powerless(t), connect(t, shared(t).URL)
	exec(t, never, "BEGIN; SELECT pg_current_xact_id()")
	w := watch(t, s)
	exec(t, late, inSchema(schema,
		"BEGIN; INSERT INTO {s}.change (key, version, reason) VALUES (sha256('late'), 7, '')"))
	want := []store.Change{{}}
	for i := range 3 {
		rec := record(i)
		rec.Version = 1
		if err := s.Replace(ctx, rec); err != nil {
			t.Fatal(err)
		}
		want = append(want, store.Change{Key: rec.Key, Version: 2})
		w.wait(t, want[i+1])
	}
	exec(t, late, "COMMIT")
	var key store.Key
	var b []byte
	if err := late.QueryRow(ctx, "SELECT sha256('late')").Scan(&b); err != nil {
		t.Fatal(err)
	}
	key = store.Key(b)
	want = append(want, store.Change{Key: key, Version: 7})
	w.wait(t, want[4])
	last := record(0)
	last.Version = 2
	if err := s.Replace(ctx, last); err != nil {
		t.Fatal(err)
	}
	want = append(want, store.Change{Key: last.Key, Version: 3})
	w.wait(t, want[5])
	if got := w.list(); !slices.Equal(got, want) {
		t.Errorf("got %d changes, want each of the %d once: %+v", len(got), len(want), got)
	}
}

// A notification is a courtesy: without one a change is seen within a second.
func TestNobodyNotifies(t *testing.T) { // C8
	schema := newSchema()
	s := open(t, shared(t).URL, pgstore.Options{Schema: schema})
	w := watch(t, s)
	exec(t, connect(t, shared(t).URL), inSchema(schema,
		"INSERT INTO {s}.change (key, version, reason) VALUES (decode(repeat('ab', 32), 'hex'), 4, 'idle')"))
	var key store.Key
	for i := range key {
		key[i] = 0xab
	}
	if took := w.wait(t, store.Change{Key: key, Version: 4, Reason: "idle"}); took > time.Second {
		t.Errorf("it took %v", took)
	}
}

// The calls may have every connection of the pool: Watch has its own.
func TestThePoolIsBusy(t *testing.T) { // C8
	ctx, schema := t.Context(), newSchema()
	busy := open(t, shared(t).URL+"&pool_max_conns=1", pgstore.Options{Schema: schema})
	near := open(t, shared(t).URL, pgstore.Options{Schema: schema})
	for i := range 2 {
		if err := near.Create(ctx, record(i)); err != nil {
			t.Fatal(err)
		}
	}
	w := watch(t, busy)
	holder := connect(t, shared(t).URL)
	exec(t, holder, inSchema(schema, "BEGIN; LOCK TABLE {s}.once"))
	waiting := make(chan error)
	go func() { waiting <- busy.Once(ctx, nth('o', 1), time.Now().Add(time.Hour)) }()
	for busy.Pool().Stat().AcquiredConns() == 0 {
		time.Sleep(time.Millisecond)
	}
	if _, err := near.End(ctx, store.Selector{Key: nth('k', 1)}, ending()); err != nil {
		t.Fatal(err)
	}
	if took := w.wait(t, store.Change{Key: nth('k', 1), Version: 1, Reason: "admin"}); took > time.Second {
		t.Errorf("it took %v", took)
	}
	exec(t, holder, "ROLLBACK")
	if err := <-waiting; err != nil {
		t.Error(err)
	}
}

// An instance that was stopped for longer than changes are kept looks at
// everything again.
func TestAfterALongPause(t *testing.T) {
	ctx, schema := t.Context(), newSchema()
	s := open(t, shared(t).URL, pgstore.Options{Schema: schema})
	if err := s.Create(ctx, record(1)); err != nil {
		t.Fatal(err)
	}
	s.KeepChanges(400 * time.Millisecond)
	paused, goOn := make(chan struct{}), make(chan struct{})
	var changes []store.Change
	ctx, stop := context.WithTimeout(ctx, 20*time.Second)
	defer stop()
	done := make(chan error)
	go func() {
		done <- s.Watch(ctx, func(c store.Change) {
			changes = append(changes, c)
			switch len(changes) {
			case 1:
				close(paused)
				<-goOn
			case 2:
				stop()
			}
		})
	}()
	<-paused
	if _, err := s.End(t.Context(), store.Selector{Key: nth('k', 1)}, ending()); err != nil {
		t.Fatal(err)
	}
	admin := connect(t, shared(t).URL)
	for count(t, admin, schema, "change") > 0 {
		if _, err := s.Claim(t.Context(), store.Key{1}, time.Now(), time.Minute, 1); err != nil {
			t.Fatal(err)
		}
	}
	close(goOn)
	<-done
	if want := []store.Change{{}, {}}; !slices.Equal(changes, want) {
		t.Errorf("Watch reports %+v, want a second zero Change", changes)
	}
}

// Who gets a lease sees what its former holder wrote, however far away the server
// is and however late it hears of it.
func TestLoadAfterAcquire(t *testing.T) { // C4
	ctx, schema, server := t.Context(), newSchema(), shared(t)
	proxy, err := servertest.StartProxy(server.Addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Close)
	near := open(t, server.URL, pgstore.Options{Schema: schema})
	far := open(t, strings.Replace(server.URL, server.Addr, proxy.Addr, 1), pgstore.Options{Schema: schema})
	watch(t, far)
	proxy.Delay(20 * time.Millisecond)
	rec := record(1)
	if err := near.Create(ctx, rec); err != nil {
		t.Fatal(err)
	}
	for n := range uint64(6) {
		s := []store.Store{near, far}[n%2]
		if _, err := far.Load(ctx, rec.Key); err != nil { // into a cache, if there were one
			t.Fatal(err)
		}
		lease, err := s.Acquire(ctx, nth('l', 1), time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.Load(ctx, rec.Key)
		if err != nil || got.Version != n+1 {
			t.Fatalf("version %d, %v, want %d", got.Version, err, n+1)
		}
		if err := s.Replace(ctx, got); err != nil {
			t.Fatal(err)
		}
		if err := s.Release(ctx, lease); err != nil {
			t.Fatal(err)
		}
	}
}
