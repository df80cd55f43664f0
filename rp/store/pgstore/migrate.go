package pgstore

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// What the server says of a failed statement.
const (
	undefinedTable  = "42P01"
	undefinedSchema = "3F000"
	notAllowed      = "42501"

	// What one of two gets that create the same at once.
	uniqueViolation = "23505"
	duplicateTable  = "42P07"
	duplicateSchema = "42P06"
)

// migrateAttempts is how often Migrate looks again when somebody else is at it.
const migrateAttempts = 5

// Migrate creates the schema and its tables, or brings them up to date. Where
// they are up to date it only reads, so that a role will do that may create
// nothing. Tables of a newer version are an error and stay as they are.
//
// The role of an app needs, after each change of the tables:
//
//	GRANT USAGE ON SCHEMA tandem TO app;
//	GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA tandem TO app;
//	GRANT USAGE ON ALL SEQUENCES IN SCHEMA tandem TO app;
//
// An empty schema means "tandem". A lock that somebody else has on the tables is
// waited for, up to ten seconds.
func Migrate(ctx context.Context, url, schema string) error {
	o := Options{Schema: schema}
	if err := o.complete(); err != nil {
		return err
	}
	config, err := parseURL(url)
	if err != nil {
		return err
	}
	config.ConnConfig.AfterConnect = settings(0)
	conn, err := pgx.ConnectConfig(ctx, config.ConnConfig)
	if err != nil {
		return failure(ctx, err)
	}
	defer hangUp(ctx, conn.PgConn(), DefaultTimeout)
	for n := 1; ; n++ {
		err := migrate(ctx, conn, o.Schema)
		switch code(err) {
		case uniqueViolation, duplicateTable, duplicateSchema:
			if n < migrateAttempts && wait(ctx, time.After(time.Duration(n)*50*time.Millisecond)) {
				continue
			}
		}
		return failure(ctx, err)
	}
}

// migrate does it once. Whoever comes second waits for the first at the table
// migration, which only those can lock who have rights on it.
func migrate(ctx context.Context, conn *pgx.Conn, schema string) error {
	have, err := versionOf(ctx, conn, schema)
	if err != nil || have == version {
		return err
	}
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		run := func(sql string) error {
			_, err := tx.Exec(ctx, fill(schema, sql), pgx.QueryExecModeSimpleProtocol)
			return err
		}
		if err := createSchema(ctx, tx, schema); err != nil {
			return err
		}
		if err := run(`SET LOCAL lock_timeout = '10s';
CREATE TABLE IF NOT EXISTS {s}.migration (version int PRIMARY KEY);
LOCK TABLE {s}.migration IN ACCESS EXCLUSIVE MODE`); err != nil {
			return err
		}
		if have, err := versionOf(ctx, tx, schema); err != nil || have == version {
			return err
		}
		return run(tables + fmt.Sprintf("INSERT INTO {s}.migration VALUES (%d);\n"+
			"INSERT INTO {s}.ref_lock SELECT generate_series(0, %d)", version, lockRows-1))
	})
	if code(err) == notAllowed {
		return fmt.Errorf("the tables in schema %q are %s, and the role %q may not change that: "+
			"run pgstore.Migrate once as a role that may: %w", schema, describe(have), conn.Config().User, err)
	}
	return err
}

// createSchema is CREATE SCHEMA IF NOT EXISTS for one who may not create schemas,
// but owns the one that there is.
func createSchema(ctx context.Context, tx pgx.Tx, schema string) error {
	var exists bool
	err := tx.QueryRow(ctx, "SELECT to_regnamespace('"+schema+"') IS NOT NULL",
		pgx.QueryExecModeSimpleProtocol).Scan(&exists)
	if err == nil && !exists {
		_, err = tx.Exec(ctx, "CREATE SCHEMA "+schema)
	}
	return err
}

type queryRower interface {
	QueryRow(context.Context, string, ...any) pgx.Row
}

// versionOf returns the version of the tables, 0 if there are none. A newer one is
// an error.
func versionOf(ctx context.Context, db queryRower, schema string) (have int, err error) {
	err = db.QueryRow(ctx, "SELECT coalesce(max(version), 0) FROM "+schema+".migration",
		pgx.QueryExecModeSimpleProtocol).Scan(&have)
	switch c := code(err); {
	case c == undefinedTable || c == undefinedSchema:
		return 0, nil
	case c == notAllowed:
		return 0, fmt.Errorf("the role has no right to read the tables in schema %q: grant it what pgstore.Migrate "+
			"names: %w",
			schema, err)
	case err == nil && (have < 0 || have > version):
		return 0, fmt.Errorf("the tables in schema %q are %s, probably made by a newer Tandem: "+
			"this one is at version %d and leaves them alone", schema, describe(have), version)
	}
	return have, err
}

func describe(version int) string {
	if version == 0 {
		return "not there yet"
	}
	return fmt.Sprintf("of version %d", version)
}

// check sees whether the tables are there and whether the role may use them.
func (s *Store) check(ctx context.Context, schema string) error {
	var have int
	var lacking string
	err := s.do(ctx, true, func(ctx context.Context) (err error) {
		if have, err = versionOf(ctx, s.pool, schema); err != nil || have < version {
			return err
		}
		return s.pool.QueryRow(ctx, s.sql.rights, tableNames).Scan(&lacking)
	})
	switch {
	case err != nil:
		return err
	case have < version:
		return fmt.Errorf("pgstore: the tables in schema %q are %s, version %d is needed: "+
			"run pgstore.Migrate or set Options.Migrate", schema, describe(have), version)
	case lacking != "":
		return fmt.Errorf("pgstore: the role lacks rights in schema %q: %s: grant it what pgstore.Migrate names",
			schema, lacking)
	}
	return nil
}
