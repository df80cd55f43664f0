package pgstore_test

import (
	"context"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/pgstore"
)

// No call reads a whole table, also where its plan was made while they were empty.
func TestNoCallReadsAWholeTable(t *testing.T) {
	ctx, schema := t.Context(), newSchema()
	named := shared(t).URL + "&pool_max_conns=1&application_name=" + schema
	s, err := pgstore.Open(ctx, named, pgstore.Options{Schema: schema, Migrate: true, Timeout: patience})
	if err != nil {
		t.Fatal(err)
	}
	admin := connect(t, shared(t).URL)
	before := map[string]scans{}
	for i := range 12 { // from the sixth on the server keeps a plan for all arguments
		if i == 8 {
			for _, sql := range []string{
				`INSERT INTO {s}.session SELECT sha256(('k' || i)::bytea), '\x01', 1, 0, 0, 0, 4e12, sha256(('r' || i)::bytea),
					'', '', 0, 0 FROM generate_series(1, 30000) i`,
				`INSERT INTO {s}.session_ref SELECT sha256(('r' || i)::bytea), sha256(('k' || i)::bytea)
					FROM generate_series(1, 30000) i`,
				`INSERT INTO {s}.tombstone SELECT sha256(('r' || i)::bytea), 0, 0, 4e12 FROM generate_series(1, 3000) i`,
				`INSERT INTO {s}.once SELECT sha256(('o' || i)::bytea), 4e12 FROM generate_series(1, 3000) i`,
				`INSERT INTO {s}.lease SELECT sha256(('l' || i)::bytea), i, 4e12 FROM generate_series(1, 3000) i`,
			} {
				exec(t, admin, inSchema(schema, sql))
			}
			exec(t, admin, "SELECT pg_stat_force_next_flush()")
			before = scansOf(t, admin, "nobody's", schema)
		}
		everyCall(t, ctx, s, i)
	}
	w := watch(t, s)
	everyCall(t, ctx, s, 100)
	w.wait(t, store.Change{Key: nth('k', 100), Version: 3, Reason: "admin"})
	w.stop(t)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	for table, n := range scansOf(t, admin, schema, schema) {
		if n.whole != before[table].whole {
			t.Errorf("%s was read as a whole %d times", table, n.whole-before[table].whole)
		}
		if n.index == 0 {
			t.Errorf("%s was never looked into", table)
		}
	}
}

// everyCall makes each call of a store once, with success.
func everyCall(t *testing.T, ctx context.Context, s store.Store, i int) {
	t.Helper()
	rec := record(i)
	rec.Due = time.Now().Add(-time.Second)
	moved := rec
	moved.Version, moved.Refs = 2, []store.Key{nth('t', i), rec.Refs[0]}
	var lease store.Lease
	for _, call := range []struct {
		what string
		do   func() error
	}{
		{"Create", func() error { return s.Create(ctx, rec) }},
		{"Load", func() error { _, err := s.Load(ctx, rec.Key); return err }},
		{"Replace", func() error { rec := rec; rec.Version = 1; return s.Replace(ctx, rec) }},
		{"Replace of references", func() error { return s.Replace(ctx, moved) }},
		{"Touch", func() error { return s.Touch(ctx, rec.Key, time.Now().Add(time.Second), rec.Due) }},
		{"List", func() error { _, err := s.List(ctx, moved.Refs[0]); return err }},
		{"Claim", func() error { _, err := s.Claim(ctx, rec.Owner, time.Now(), time.Minute, 10); return err }},
		{"End", func() error { _, err := s.End(ctx, store.Selector{Key: rec.Key}, ending()); return err }},
		{"End of a reference", func() error {
			_, err := s.End(ctx, store.Selector{Ref: rec.Refs[0]}, ending())
			return err
		}},
		{"Settle", func() error { return s.Settle(ctx, rec.Key, nil, time.Time{}) }},
		{"Once", func() error { return s.Once(ctx, nth('o', i), time.Now().Add(time.Hour)) }},
		{"Acquire", func() (err error) { lease, err = s.Acquire(ctx, nth('l', i), time.Minute); return err }},
		{"Renew", func() error { return s.Renew(ctx, lease, time.Minute) }},
		{"Release", func() error { return s.Release(ctx, lease) }},
	} {
		if err := call.do(); err != nil {
			t.Errorf("%s: %v", call.what, err)
		}
	}
}
