package pgstore_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tandem-sso/tandem/rp/store"
)

// as is url with another user, who needs no password.
func as(url, role string) string { return strings.Replace(url, "//tandem@", "//"+role+"@", 1) }

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(context.Background()) })
	return c
}

func exec(t *testing.T, c *pgx.Conn, sql string, args ...any) {
	t.Helper()
	if _, err := c.Exec(t.Context(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func ending() store.End {
	return store.End{Reason: "admin", At: time.Now(), Until: time.Now().Add(time.Minute)}
}

// scans is how often a table was looked into.
type scans struct{ whole, index int64 }

// scansOf counts for all tables of a schema. It waits until the connections with
// an application_name are gone: then they have reported.
func scansOf(t *testing.T, c *pgx.Conn, name, schema string) map[string]scans {
	t.Helper()
	for deadline, n := time.Now().Add(20*time.Second), 1; n > 0; {
		err := c.QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1",
			name).Scan(&n)
		if err != nil {
			t.Fatal(err)
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d connections stay open", n)
		}
	}
	rows, err := c.Query(t.Context(), `SELECT relname, seq_scan, coalesce(idx_scan, 0)
		FROM pg_stat_user_tables WHERE schemaname = $1`, schema)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]scans{}
	var table string
	var n scans
	if _, err := pgx.ForEachRow(rows, []any{&table, &n.whole, &n.index}, func() error {
		all[table] = n
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

// reports is what a running Watch has reported.
type reports struct {
	mu    sync.Mutex
	all   []store.Change
	fresh chan struct{}
	stop  func(*testing.T) // and wait until it has returned
}

func watch(t *testing.T, s store.Store) *reports {
	t.Helper()
	r := &reports{fresh: make(chan struct{}, 1)}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		done <- s.Watch(ctx, func(c store.Change) {
			r.mu.Lock()
			r.all = append(r.all, c)
			r.mu.Unlock()
			select {
			case r.fresh <- struct{}{}:
			default:
			}
		})
	}()
	var once sync.Once
	r.stop = func(t *testing.T) {
		once.Do(func() {
			stop()
			if err := <-done; err != context.Canceled {
				t.Errorf("Watch returned %v", err)
			}
		})
	}
	t.Cleanup(func() { r.stop(t) })
	r.wait(t, store.Change{})
	return r
}

func (r *reports) list() []store.Change {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.all)
}

// wait waits for a change and returns how long that took.
func (r *reports) wait(t *testing.T, c store.Change) time.Duration {
	t.Helper()
	start := time.Now()
	timeout := time.After(20 * time.Second)
	for !slices.Contains(r.list(), c) {
		select {
		case <-r.fresh:
		case <-timeout:
			t.Fatalf("%+v is not reported", c)
		}
	}
	return time.Since(start)
}

// isAnswer reports whether an error is what a Store may answer.
func isAnswer(err error) bool {
	return errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrEnded)
}

func inSchema(schema, sql string) string { return strings.ReplaceAll(sql, "{s}", schema) }
