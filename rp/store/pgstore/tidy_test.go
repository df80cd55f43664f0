package pgstore_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/pgstore"
	"github.com/tandem-sso/tandem/rp/store/storetest"
)

func count(t *testing.T, c *pgx.Conn, schema, table string) (n int) {
	t.Helper()
	if err := c.QueryRow(t.Context(), "SELECT count(*) FROM "+schema+"."+table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// What is over leaves the tables with Claim, whoever's it is.
func TestForgets(t *testing.T) {
	ctx, clock := t.Context(), storetest.NewClock()
	o := pgstore.Options{Now: clock.Now, Schema: newSchema()}
	s := open(t, shared(t).URL, o)
	s.KeepChanges(0)
	end := store.End{Reason: "admin", At: clock.Now(), Until: clock.Now().Add(time.Minute)}
	for i := range 20 {
		for _, rec := range []store.Record{record(i), record(100 + i)} {
			if err := s.Create(ctx, rec); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.End(ctx, store.Selector{Ref: nth('s', i)}, end); err != nil {
			t.Fatal(err)
		}
		if err := s.Once(ctx, nth('o', i), end.Until); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Acquire(ctx, nth('l', i), time.Second); err != nil {
			t.Fatal(err)
		}
	}
	c := connect(t, shared(t).URL)
	if n := count(t, c, o.Schema, "change"); n != 20 {
		t.Errorf("%d changes are in the log, want 20", n)
	}
	clock.Advance(2*time.Hour + store.Abandoned)
	if _, err := s.Claim(ctx, store.Key{2}, clock.Now(), time.Minute, 1); err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"session", "session_ref", "tombstone", "once", "lease", "change"} {
		if n := count(t, c, o.Schema, table); n != 0 {
			t.Errorf("%d rows are left in %s", n, table)
		}
	}
}

// A busy day leaves more behind than one round takes along, and one Claim is to
// keep up; but it does not go on for ever.
func TestForgetsALot(t *testing.T) {
	schema := newSchema()
	s := open(t, shared(t).URL, pgstore.Options{Schema: schema})
	c := connect(t, shared(t).URL)
	const some, most = 3500, 10_000
	exec(t, c, inSchema(schema, `INSERT INTO {s}.once SELECT sha256(i::text::bytea), 1 FROM generate_series(1, 3500) i;
		INSERT INTO {s}.tombstone SELECT sha256(i::text::bytea), 1, 0, 1 FROM generate_series(1, 11000) i`))
	if _, err := s.Claim(t.Context(), store.Key{1}, time.Now(), time.Minute, 1); err != nil {
		t.Fatal(err)
	}
	if n := count(t, c, schema, "once"); n != 0 {
		t.Errorf("%d of %d once-ids are left", n, some)
	}
	if n := count(t, c, schema, "tombstone"); n != 11_000-most {
		t.Errorf("%d tombstones are left, want %d", n, 11_000-most)
	}
}

// Where nothing can be forgotten somebody has to hear of it.
func TestForgettingFails(t *testing.T) {
	schema := newSchema()
	s := open(t, shared(t).URL, pgstore.Options{Schema: schema})
	if err := s.Create(t.Context(), record(1)); err != nil {
		t.Fatal(err)
	}
	exec(t, connect(t, shared(t).URL), inSchema(schema, "ALTER TABLE {s}.once RENAME TO elsewhere"))
	recs, err := s.Claim(t.Context(), store.Key{1}, time.Now().Add(2*time.Hour), time.Minute, 1)
	if err != nil || len(recs) != 1 {
		t.Errorf("with something to claim: %d records, %v", len(recs), err)
	}
	if _, err := s.Claim(t.Context(), store.Key{1}, time.Now(), time.Minute, 1); err == nil {
		t.Error("nobody hears that nothing is forgotten")
	}
}
