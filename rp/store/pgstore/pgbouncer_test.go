package pgstore_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/internal/servertest"
	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/pgstore"
)

func bouncer(t *testing.T, mode string) *servertest.PgBouncer {
	t.Helper()
	b, err := servertest.StartPgBouncer(shared(t), mode)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

// With session pooling and the defaults of both sides everything works, in every
// way that pgx has to run a statement.
func TestPgBouncerSessionPooling(t *testing.T) {
	b := bouncer(t, "session")
	for _, mode := range []string{"cache_statement", "cache_describe", "describe_exec", "exec", "simple_protocol"} {
		t.Run(mode, func(t *testing.T) {
			ctx, schema := t.Context(), newSchema()
			url := b.URL + "&default_query_exec_mode=" + mode
			if mode == "cache_statement" { // it is pgx's default
				url = b.URL
			}
			s := open(t, url, pgstore.Options{Schema: schema})
			w := watch(t, s)
			for i := range 3 {
				everyCall(t, ctx, s, i)
				w.wait(t, store.Change{Key: nth('k', i), Version: 3, Reason: "admin"})
				if _, err := s.Load(ctx, nth('k', i)); !errors.Is(err, store.ErrEnded) {
					t.Errorf("Load of an ended session: %v", err)
				}
			}
			w.stop(t)
		})
	}
}

// A pooler that gives each transaction another connection is refused, and the
// error says why.
func TestPgBouncerTransactionPooling(t *testing.T) {
	for _, mode := range []string{"transaction", "statement"} {
		b, schema := bouncer(t, mode), newSchema()
		start := time.Now()
		o := pgstore.Options{Schema: schema, Migrate: true, Timeout: patience}
		s, err := pgstore.Open(t.Context(), b.URL, o)
		if err == nil {
			s.Close()
			t.Fatalf("pool_mode = %s is accepted", mode)
		}
		for _, want := range []string{"LISTEN", "pool_mode = transaction",
			"use session pooling or a direct connection"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q in it", mode, err, want)
			}
		}
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("%s: it took %v", mode, took)
		}
		var left bool
		admin := connect(t, shared(t).URL)
		err = admin.QueryRow(t.Context(), "SELECT to_regnamespace($1) IS NOT NULL", schema).Scan(&left)
		if err != nil || left {
			t.Errorf("%s: tables were made before the check: %v, %v", mode, left, err)
		}
		// Nothing of ours stays with the connections that others will get.
		var timeout, path string
		if err := connect(t, b.URL+"&default_query_exec_mode=simple_protocol").QueryRow(t.Context(),
			"SELECT current_setting('statement_timeout'), current_setting('search_path')").Scan(&timeout,
			&path); err != nil ||
			timeout != "0" || !strings.Contains(path, "public") {
			t.Errorf("%s: the pooler's connection has statement_timeout %s, search_path %s, %v", mode, timeout, path,
				err)
		}
	}
}
