package pgstore_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/pgstore"
)

// Whatever is done at once to the same sessions and references, nobody waits in
// a circle: the server would break it with an error, after a second.
func TestNoDeadlock(t *testing.T) {
	ctx, schema := t.Context(), newSchema()
	s := open(t, shared(t).URL+"&pool_max_conns=8", pgstore.Options{Schema: schema})
	const workers, rounds, refs = 8, 40, 10
	var created, ended atomic.Int64
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(1, uint64(w)))
			some := func() (list []store.Key) {
				for _, i := range rnd.Perm(refs)[:1+rnd.IntN(store.MaxRefs)] {
					list = append(list, nth('r', i))
				}
				return list
			}
			for round := range rounds {
				rec := record(w*rounds + round)
				rec.Refs, rec.Due = some(), time.Now()
				sel := store.Selector{Ref: nth('r', rnd.IntN(refs)), BegunBy: rec.Begun}
				if round%2 == 0 {
					sel = store.Selector{Key: nth('k', rnd.IntN(workers*rounds))}
				}
				for what, call := range map[string]func() error{
					"Create": func() error { return s.Create(ctx, rec) },
					"Replace": func() error {
						next := record(rnd.IntN(workers * rounds))
						next.Version, next.Refs = 1, some()
						return s.Replace(ctx, next)
					},
					"End": func() error {
						recs, err := s.End(ctx, sel, ending())
						ended.Add(int64(len(recs)))
						return err
					},
					"Claim": func() error {
						_, err := s.Claim(ctx, rec.Owner, time.Now(), time.Millisecond, 5)
						return err
					},
				} {
					err := call()
					if err == nil && what == "Create" {
						created.Add(1)
					}
					if err != nil && !isAnswer(err) {
						t.Errorf("%s: %v", what, err)
					}
				}
			}
		})
	}
	wg.Wait()
	if created.Load() == 0 || ended.Load() == 0 {
		t.Errorf("%d sessions were created, %d ended: nothing was shown", created.Load(), ended.Load())
	}
}

// Nor do those who end the same many sessions by different references.
func TestNoDeadlockOfEnds(t *testing.T) {
	ctx, schema := t.Context(), newSchema()
	s := open(t, shared(t).URL+"&application_name="+schema, pgstore.Options{Schema: schema})
	holder, admin := connect(t, shared(t).URL), connect(t, shared(t).URL)
	const sessions, rounds = 50, 4
	for round := range rounds {
		refs := []store.Key{nth('a', round), nth('b', round), nth('c', round)}
		for i := range sessions {
			rec := record(round*sessions + i)
			rec.Refs = refs
			if err := s.Create(ctx, rec); err != nil {
				t.Fatal(err)
			}
		}
		// All of them have begun before one can go on.
		exec(t, holder, inSchema(schema, `BEGIN;
			SELECT FROM {s}.session WHERE reason = '' ORDER BY key DESC LIMIT 1 FOR UPDATE`))
		var ended atomic.Int64
		var wg sync.WaitGroup
		for _, ref := range refs {
			wg.Go(func() {
				recs, err := s.End(ctx, store.Selector{Ref: ref}, ending())
				if err != nil {
					t.Errorf("End: %v", err)
				}
				ended.Add(int64(len(recs)))
			})
		}
		for waiting, deadline := 0, time.Now().Add(10*time.Second); waiting < len(refs) &&
			time.Now().Before(deadline); {
			if err := admin.QueryRow(ctx, `SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
				WHERE NOT granted AND application_name = $1`, schema).Scan(&waiting); err != nil {
				t.Fatal(err)
			}
		}
		exec(t, holder, "ROLLBACK")
		wg.Wait()
		if n := ended.Load(); n != sessions {
			t.Errorf("%d sessions were ended, want %d", n, sessions)
		}
	}
}

// One who keeps a reference's lock, as a machine does that stopped in the midst of
// a statement, costs others their time and not their lives.
func TestLockIsKept(t *testing.T) {
	ctx, schema := t.Context(), newSchema()
	s := open(t, shared(t).URL, pgstore.Options{Schema: schema, Timeout: time.Second})
	holder := connect(t, shared(t).URL)
	exec(t, holder, inSchema(schema, "BEGIN; SELECT FROM {s}.ref_lock FOR UPDATE"))
	start := time.Now()
	if err := s.Create(ctx, record(1)); err == nil || isAnswer(err) {
		t.Errorf("Create: %v, want a system failure", err)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("Create took %v, the timeout is a second", took)
	}
	exec(t, holder, "ROLLBACK")
	if err := s.Create(ctx, record(2)); err != nil { // record(1) may or may not be there
		t.Errorf("Create after it: %v", err)
	}
}

// Who empties all tables, to log everybody out, empties the locks too.
func TestLocksAreEmptied(t *testing.T) {
	ctx, schema := t.Context(), newSchema()
	s, admin := open(t, shared(t).URL, pgstore.Options{Schema: schema}), connect(t, shared(t).URL)
	all := count(t, admin, schema, "ref_lock")
	if all == 0 {
		t.Fatal("Migrate leaves no locks")
	}
	for i := range 3 {
		exec(t, admin, inSchema(schema, "TRUNCATE {s}.session, {s}.session_ref, {s}.tombstone, {s}.ref_lock"))
		if err := s.Create(ctx, record(i)); err != nil {
			t.Errorf("Create: %v", err)
		}
		if recs, err := s.End(ctx, store.Selector{Ref: nth('s', i)}, ending()); err != nil || len(recs) != 1 {
			t.Errorf("End: %d records, %v", len(recs), err)
		}
		if n := count(t, admin, schema, "ref_lock"); n != all {
			t.Errorf("%d locks, want %d", n, all)
		}
	}
}

// What the statements and the locks count on is set on every connection.
func TestSettings(t *testing.T) {
	// The role has other ideas.
	admin := connect(t, shared(t).URL)
	role, url := newRole(t, admin)
	exec(t, admin, "ALTER ROLE "+role+" SET default_transaction_isolation = 'serializable'")
	exec(t, admin, "ALTER ROLE "+role+" SET search_path = public, pg_catalog")
	schema := newSchema()
	if err := pgstore.Migrate(t.Context(), shared(t).URL, schema); err != nil {
		t.Fatal(err)
	}
	grant(t, admin, schema, role)
	s := open(t, url, pgstore.Options{Schema: schema, Timeout: 1234 * time.Millisecond})
	for name, want := range map[string]string{
		"transaction_isolation": "read committed",
		"search_path":           "pg_catalog, pg_temp",
		"statement_timeout":     "1234ms",
		"tcp_keepalives_idle":   "10",
	} {
		var got string
		if err := s.Pool().QueryRow(t.Context(), "SHOW "+name).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %q, want %q, %v", name, got, want, err)
		}
	}
}

// A standby shows sessions as they were; so does nobody who takes no writes.
func TestReadOnlyServer(t *testing.T) {
	admin := connect(t, shared(t).URL)
	role, url := newRole(t, admin)
	exec(t, admin, fmt.Sprintf("ALTER ROLE %s SET default_transaction_read_only = on", role))
	_, err := pgstore.Open(t.Context(), url, pgstore.Options{Schema: newSchema()})
	says(t, "Open", err, "read only")
}
