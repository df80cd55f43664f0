package pgstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/internal/storekit"
)

// Defaults of Options.
const (
	DefaultSchema  = "tandem"
	DefaultTimeout = 2 * time.Second
)

// Options of a Store. The zero value is right for production.
type Options struct {
	// Schema is the PostgreSQL schema that holds the tables: lower-case letters,
	// digits and underscores. Empty means "tandem".
	Schema string
	// Migrate has Open create the tables or bring them up to date, see Migrate.
	Migrate bool
	// Timeout bounds every call to the server, in addition to the caller's
	// context. 0 means 2 seconds.
	Timeout time.Duration
	// Now is the clock, for tests. nil means the server's, so that instances
	// whose clocks differ agree on leases and on what is forgotten. (Only a Load
	// compares End.Until with the instance's clock.)
	Now func() time.Time
}

var schemaName = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,47}$`)

func (o *Options) complete() error {
	if o.Schema == "" {
		o.Schema = DefaultSchema
	}
	if !schemaName.MatchString(o.Schema) {
		return fmt.Errorf("pgstore: Options.Schema is %q: 1 to 48 lower-case letters, digits and underscores are "+
			"allowed",
			o.Schema)
	}
	if o.Timeout < 0 {
		return fmt.Errorf("pgstore: Options.Timeout is %v: it must not be negative", o.Timeout)
	}
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	return nil
}

// Store is a store.Store in PostgreSQL.
type Store struct {
	pool    *pgxpool.Pool
	schema  string
	sql     *statements
	timeout time.Duration
	now     func() time.Time // nil: the server's clock
	keep    time.Duration    // how long a change stays in the log
	bell    *bell
}

var (
	_ store.Store         = (*Store)(nil)
	_ store.CountingStore = (*Store)(nil)
)

// Open connects to the database that url names (postgres://…, or keywords and
// values; pgxpool.ParseConfig says what it can contain, pool_max_conns among it).
// It refuses a connection without LISTEN, and tables that Migrate has not brought
// up to date or that the role has not every right on. Close the Store when done
// with it.
func Open(ctx context.Context, url string, o Options) (*Store, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	config, err := parseURL(url)
	if err != nil {
		return nil, err
	}
	config.ConnConfig.ConnectTimeout = o.Timeout
	if err := checkListen(ctx, config.ConnConfig, o.Timeout); err != nil {
		return nil, err
	}
	if o.Migrate {
		if err := Migrate(ctx, url, o.Schema); err != nil {
			return nil, err
		}
	}
	config.ConnConfig.AfterConnect = settings(o.Timeout)
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("pgstore: %w", err)
	}
	s := &Store{
		pool: pool, schema: o.Schema, sql: newStatements(o.Schema), timeout: o.Timeout, now: o.Now, keep: keepChanges,
	}
	if err := s.check(ctx, o.Schema); err != nil {
		pool.Close()
		return nil, err
	}
	s.bell = newBell(s.notify)
	return s, nil
}

// Close ends the connections. Calls in flight are waited for.
func (s *Store) Close() error {
	s.bell.close()
	s.pool.Close()
	return nil
}

// Format prints a name, by every verb: fmt must not read what other goroutines write, nor
// the password in the pool.
func (s *Store) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "pgstore.Store("+s.schema+")") }

// clock is the time for a statement: NULL is the server's.
func (s *Store) clock() *int64 {
	if s.now == nil {
		return nil
	}
	ms := storekit.Millis(s.now())
	return &ms
}

func (s *Store) localTime() int64 {
	if s.now == nil {
		return time.Now().UnixMilli()
	}
	return storekit.Millis(s.now())
}

// failure marks a system failure. ctx is the caller's.
func failure(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("pgstore: %w", err)
}

// attempts is how often a call is tried if it is certain that the server has
// done nothing: the pool may hold connections that a restart of it has ended.
const attempts = 3

const shuttingDown = "57P01"

// do runs f with the store's timeout and makes its error a system failure. A
// reading f is repeated after every loss of a connection, another one only if
// nothing was sent.
func (s *Store) do(ctx context.Context, reads bool, f func(context.Context) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	for n := 1; ; n++ {
		err := f(limited)
		if err == nil || errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		c := code(err)
		again := pgconn.SafeToRetry(err) || reads && (c == "" || c == shuttingDown)
		if !again || n == attempts || limited.Err() != nil {
			return failure(ctx, err)
		}
	}
}

// one runs a statement that returns one row at most.
func (s *Store) one(ctx context.Context, reads bool, sql string, args []any, into ...any) error {
	return s.do(ctx, reads, func(ctx context.Context) error {
		return s.pool.QueryRow(ctx, sql, args...).Scan(into...)
	})
}

// many runs a statement that returns records.
func (s *Store) many(ctx context.Context, reads bool, sql string, args ...any) (recs []store.Record, err error) {
	err = s.do(ctx, reads, func(ctx context.Context) error {
		rows, err := s.pool.Query(ctx, sql, args...)
		if err != nil {
			return err
		}
		recs, err = records(rows)
		return err
	})
	return recs, err
}
