package pgstore_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/pgstore"
	"github.com/tandem-sso/tandem/rp/storetest"
)

// What is over leaves the tables with Claim.
func TestForgets(t *testing.T) {
	ctx, clock := t.Context(), storetest.NewClock()
	o := pgstore.Options{Now: clock.Now, Schema: newSchema()}
	s := open(t, shared(t).URL, o)
	end := rp.End{Reason: rp.Admin, At: clock.Now(), Until: clock.Now().Add(time.Minute)}
	for i := range 20 {
		if err := s.Create(ctx, record(i)); err != nil {
			t.Fatal(err)
		}
		if _, err := s.End(ctx, rp.Selector{Ref: nth('s', i)}, end); err != nil {
			t.Fatal(err)
		}
		if err := s.Once(ctx, nth('o', i), end.Until); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Acquire(ctx, nth('l', i), time.Second); err != nil {
			t.Fatal(err)
		}
	}
	clock.Advance(2 * time.Hour)
	if _, err := s.Claim(ctx, rp.Key{1}, clock.Now(), time.Minute, 1); err != nil {
		t.Fatal(err)
	}
	c, err := pgx.Connect(ctx, shared(t).URL)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(ctx)
	for _, table := range []string{"session", "session_ref", "tombstone", "once", "lease"} {
		var n int
		if err := c.QueryRow(ctx, "SELECT count(*) FROM "+o.Schema+"."+table).Scan(&n); err != nil || n != 0 {
			t.Errorf("%d rows are left in %s, %v", n, table, err)
		}
	}
}

// Migrating again, or by several instances at once, does nothing.
func TestMigrateAgain(t *testing.T) {
	schema := newSchema()
	done := make(chan error)
	for range 4 {
		go func() { done <- pgstore.Migrate(t.Context(), shared(t).URL, schema) }()
	}
	for range 4 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if s, err := pgstore.Open(t.Context(), shared(t).URL, pgstore.Options{Schema: schema}); err != nil {
		t.Error(err)
	} else if err := s.Close(); err != nil {
		t.Error(err)
	}
}
