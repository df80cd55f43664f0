package pgstore

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/internal/storekit"
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
		return fmt.Errorf("pgstore: Options.Schema is %q: 1 to 48 lower-case letters, digits and underscores are allowed", o.Schema)
	}
	if o.Timeout < 0 {
		return fmt.Errorf("pgstore: Options.Timeout is %v: it must not be negative", o.Timeout)
	}
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	return nil
}

// Store is an rp.Store in PostgreSQL.
type Store struct {
	pool    *pgxpool.Pool
	sql     *statements
	channel string
	timeout time.Duration
	now     func() time.Time // nil: the server's clock
}

var _ rp.Store = (*Store)(nil)

// Open connects to the database that url names (postgres://…, or keywords and
// values; pgxpool.ParseConfig says what it can contain, pool_max_conns among it).
// Close the Store when done with it.
func Open(ctx context.Context, url string, o Options) (*Store, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	config, err := parseURL(url)
	if err != nil {
		return nil, err
	}
	if o.Migrate {
		if err := Migrate(ctx, url, o.Schema); err != nil {
			return nil, err
		}
	}
	params := config.ConnConfig.RuntimeParams
	params["default_transaction_isolation"] = "read committed" // the statements count on it
	params["statement_timeout"] = strconv.FormatInt(o.Timeout.Milliseconds(), 10)
	config.ConnConfig.ConnectTimeout = o.Timeout
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("pgstore: %w", err)
	}
	s := &Store{pool: pool, sql: newStatements(o.Schema), channel: o.Schema + "_changes", timeout: o.Timeout, now: o.Now}
	if err := s.checkVersion(ctx, o.Schema); err != nil {
		pool.Close()
		return nil, err
	}
	return s, nil
}

func parseURL(url string) (*pgxpool.Config, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil { // err may quote the password
		return nil, errors.New("pgstore: the URL is not one of PostgreSQL: postgres://user:password@host:5432/database")
	}
	return config, nil
}

// Close ends the connections. Calls in flight are waited for.
func (s *Store) Close() error {
	s.pool.Close()
	return nil
}

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
		var refused *pgconn.PgError
		answered := errors.As(err, &refused) && refused.Code != "57P01" // it is being shut down
		again := pgconn.SafeToRetry(err) || reads && !answered
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
func (s *Store) many(ctx context.Context, reads bool, sql string, args ...any) (recs []rp.Record, err error) {
	err = s.do(ctx, reads, func(ctx context.Context) error {
		rows, err := s.pool.Query(ctx, sql, args...)
		if err != nil {
			return err
		}
		recs, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (rp.Record, error) {
			var r columns
			if err := row.Scan(r.into()...); err != nil {
				return rp.Record{}, err
			}
			return r.record()
		})
		return err
	})
	return recs, err
}

// columns is a record as it is in the table.
type columns struct {
	key, owner, refs, sealed                             []byte
	version, begun, issued, active, due, endAt, endUntil int64
	reason                                               string
}

// columnList fits into. It is prefixed with the table's alias.
const columnList = `%[1]s.key, %[1]s.owner, %[1]s.version, %[1]s.begun, %[1]s.issued, %[1]s.active, %[1]s.due, ` +
	`%[1]s.refs, %[1]s.sealed, %[1]s.reason, %[1]s.end_at, %[1]s.end_until`

func (c *columns) into() []any {
	return []any{&c.key, &c.owner, &c.version, &c.begun, &c.issued, &c.active, &c.due,
		&c.refs, &c.sealed, &c.reason, &c.endAt, &c.endUntil}
}

func (c *columns) record() (rp.Record, error) {
	if len(c.key) != keySize || len(c.owner) != keySize || len(c.refs)%keySize != 0 {
		return rp.Record{}, errors.New("a stored session is damaged")
	}
	r := rp.Record{
		Key: rp.Key(c.key), Owner: rp.Key(c.owner), Version: uint64(c.version),
		Begun: storekit.Time(c.begun), Issued: storekit.Time(c.issued), Active: storekit.Time(c.active), Due: storekit.Time(c.due),
		Refs: make([]rp.Key, len(c.refs)/keySize), Sealed: c.sealed[:len(c.sealed):len(c.sealed)],
	}
	for i := range r.Refs {
		copy(r.Refs[i][:], c.refs[i*keySize:])
	}
	if c.reason != "" {
		r.End = rp.End{Reason: rp.Reason(c.reason), At: storekit.Time(c.endAt), Until: storekit.Time(c.endUntil)}
	}
	return r, nil
}

const keySize = len(rp.Key{})

func join(refs []rp.Key) []byte {
	b := make([]byte, 0, len(refs)*keySize)
	for i := range refs {
		b = append(b, refs[i][:]...)
	}
	return b
}

func split(refs []rp.Key) [][]byte {
	list := make([][]byte, len(refs))
	for i := range refs {
		list[i] = refs[i][:]
	}
	return list
}
