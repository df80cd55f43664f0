package pgstore_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/tandem-sso/tandem/rp/store/pgstore"
)

// Migrating again, or by several instances at once, does nothing.
func TestMigrateAgain(t *testing.T) {
	schema, url := newSchema(), shared(t).URL
	done := make(chan error)
	for range 4 {
		go func() { done <- pgstore.Migrate(t.Context(), url, schema) }()
	}
	for range 4 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if s, err := pgstore.Open(t.Context(), url, pgstore.Options{Schema: schema}); err != nil {
		t.Error(err)
	} else if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// newRole makes a role without rights and returns its URL.
func newRole(t *testing.T, admin *pgx.Conn) (name, url string) {
	t.Helper()
	name = newSchema() + "_role"
	exec(t, admin, "CREATE ROLE "+name+" LOGIN")
	return name, as(shared(t).URL, name)
}

func grant(t *testing.T, admin *pgx.Conn, schema, role string) {
	t.Helper()
	exec(t, admin, "GRANT USAGE ON SCHEMA "+schema+" TO "+role)
	exec(t, admin, "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA "+schema+" TO "+role)
	exec(t, admin, "GRANT USAGE ON ALL SEQUENCES IN SCHEMA "+schema+" TO "+role)
}

// says checks that an error has all of some words.
func says(t *testing.T, what string, err error, words ...string) {
	t.Helper()
	for _, w := range words {
		if err == nil || !strings.Contains(err.Error(), w) {
			t.Errorf("%s: %v, want %q in it", what, err, w)
		}
	}
}

// The role of an app may use the tables and create none. It migrates what is
// current without a word, and is told what to do about the rest.
func TestMigrateWithoutTheRight(t *testing.T) {
	ctx, schema, admin := t.Context(), newSchema(), connect(t, shared(t).URL)
	role, url := newRole(t, admin)
	o := pgstore.Options{Schema: schema, Migrate: true, Timeout: patience}
	opened := 0
	openIt := func() error {
		s, err := pgstore.Open(ctx, url, o)
		if err == nil {
			opened++
			everyCall(t, ctx, s, opened)
			err = s.Close()
		}
		return err
	}
	const cure = "run pgstore.Migrate once as a role that may"
	says(t, "no tables", pgstore.Migrate(ctx, url, schema), schema, "not there yet", role, cure)

	if err := pgstore.Migrate(ctx, shared(t).URL, schema); err != nil {
		t.Fatal(err)
	}
	says(t, "no right to read", pgstore.Migrate(ctx, url, schema), schema, "no right to read")
	says(t, "no right to read", openIt(), schema, "no right to read")

	grant(t, admin, schema, role)
	exec(t, admin, inSchema(schema, "REVOKE DELETE ON {s}.once FROM "+role))
	exec(t, admin, inSchema(schema, "REVOKE ALL ON SEQUENCE {s}.fence FROM "+role))
	says(t, "some rights", openIt(), "USAGE on fence, DELETE on once: grant it")

	grant(t, admin, schema, role)
	for range 2 {
		if err := pgstore.Migrate(ctx, url, schema); err != nil {
			t.Errorf("current tables: %v", err)
		}
		if err := openIt(); err != nil {
			t.Errorf("current tables: %v", err)
		}
	}

	exec(t, admin, inSchema(schema, "UPDATE {s}.migration SET version = version - 1"))
	for _, err := range []error{pgstore.Migrate(ctx, url, schema), openIt()} {
		says(t, "stale tables", err, schema, fmt.Sprintf("of version %d", pgstore.Version-1), role, cure)
	}
	o.Migrate = false
	says(t, "stale tables", openIt(), fmt.Sprintf("version %d is needed: run pgstore.Migrate", pgstore.Version))
}

// Tables of a version before the first release are made anew.
func TestMigrateFromBefore(t *testing.T) {
	ctx, schema, admin := t.Context(), newSchema(), connect(t, shared(t).URL)
	exec(t, admin, inSchema(schema, `CREATE SCHEMA {s};
		CREATE TABLE {s}.migration (version int PRIMARY KEY);
		INSERT INTO {s}.migration VALUES (1);
		CREATE TABLE {s}.session (key bytea PRIMARY KEY);
		CREATE TABLE {s}.once (id bytea PRIMARY KEY);
		CREATE SEQUENCE {s}.fence`))
	everyCall(t, ctx, open(t, shared(t).URL, pgstore.Options{Schema: schema}), 1)
}

// What a newer Tandem has made is left alone.
func TestMigrateBack(t *testing.T) {
	ctx, schema, admin := t.Context(), newSchema(), connect(t, shared(t).URL)
	s := open(t, shared(t).URL, pgstore.Options{Schema: schema})
	if err := s.Create(ctx, record(1)); err != nil {
		t.Fatal(err)
	}
	for _, version := range []int{pgstore.Version + 1, 1000, -1} {
		exec(t, admin, inSchema(schema, fmt.Sprintf("UPDATE {s}.migration SET version = %d", version)))
		words := []string{schema, fmt.Sprintf("of version %d", version),
			fmt.Sprintf("this one is at version %d and leaves them alone", pgstore.Version)}
		says(t, "Migrate", pgstore.Migrate(ctx, shared(t).URL, schema), words...)
		for _, o := range []pgstore.Options{{Schema: schema}, {Schema: schema, Migrate: true}} {
			_, err := pgstore.Open(ctx, shared(t).URL, o)
			says(t, "Open", err, words...)
		}
	}
	if _, err := s.Load(ctx, nth('k', 1)); err != nil {
		t.Errorf("the session: %v", err)
	}
}
