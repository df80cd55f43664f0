package pgstore

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// migrations are run in order, each once. They are never edited after a release;
// what is new comes as a further one that instances of the version before can
// live with. {s} is the schema.
//
// Times are milliseconds since 1970. 0: zero. The greatest begun_by: any.
var migrations = []string{`
CREATE TABLE {s}.session (
	key       bytea PRIMARY KEY,
	owner     bytea  NOT NULL,
	version   bigint NOT NULL,
	begun     bigint NOT NULL,
	issued    bigint NOT NULL,
	active    bigint NOT NULL,
	due       bigint NOT NULL,
	refs      bytea  NOT NULL, -- one after the other
	sealed    bytea  NOT NULL,
	reason    text   NOT NULL, -- empty: it lives
	end_at    bigint NOT NULL,
	end_until bigint NOT NULL
) WITH (fillfactor = 80);
-- Sealed bytes cannot be compressed, and out of line a touch does not copy them.
ALTER TABLE {s}.session ALTER COLUMN sealed SET STORAGE EXTERNAL;
CREATE INDEX session_due ON {s}.session (owner, due) WHERE due > 0;
CREATE INDEX session_abandoned ON {s}.session (due) WHERE due > 0 AND reason = '';
CREATE INDEX session_end ON {s}.session (end_until) WHERE end_until > 0;

CREATE TABLE {s}.session_ref ( -- of live sessions
	ref bytea NOT NULL,
	key bytea NOT NULL,
	PRIMARY KEY (ref, key)
);

CREATE TABLE {s}.tombstone (
	ref      bytea  NOT NULL,
	begun_by bigint NOT NULL,
	until    bigint NOT NULL,
	PRIMARY KEY (ref, begun_by)
);
CREATE INDEX tombstone_until ON {s}.tombstone (until);

CREATE TABLE {s}.once (
	id    bytea PRIMARY KEY,
	until bigint NOT NULL
);
CREATE INDEX once_until ON {s}.once (until);

CREATE TABLE {s}.lease (
	id    bytea PRIMARY KEY,
	fence bigint NOT NULL,
	until bigint NOT NULL
);
CREATE INDEX lease_until ON {s}.lease (until);
CREATE SEQUENCE {s}.fence;
`}

// migrateLock keeps two instances that start together from migrating both.
const migrateLock = 0x74616e64656d // "tandem"

// Migrate creates the schema and its tables, or brings them up to date. It needs
// the right to create them; Open does with SELECT, INSERT, UPDATE, DELETE, and
// USAGE on the sequence. Running it again does nothing. An empty schema means
// "tandem".
func Migrate(ctx context.Context, url, schema string) error {
	o := Options{Schema: schema}
	if err := o.complete(); err != nil {
		return err
	}
	config, err := parseURL(url)
	if err != nil {
		return err
	}
	conn, err := pgx.ConnectConfig(ctx, config.ConnConfig)
	if err != nil {
		return failure(ctx, err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", migrateLock); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, strings.ReplaceAll(
			"CREATE SCHEMA IF NOT EXISTS {s}; CREATE TABLE IF NOT EXISTS {s}.migration (version int PRIMARY KEY)", "{s}", o.Schema)); err != nil {
			return err
		}
		version, err := versionOf(ctx, tx, o.Schema)
		if err != nil {
			return err
		}
		for ; version < len(migrations); version++ {
			if _, err := tx.Exec(ctx, strings.ReplaceAll(migrations[version], "{s}", o.Schema)); err != nil {
				return fmt.Errorf("migration %d: %w", version+1, err)
			}
			if _, err := tx.Exec(ctx, "INSERT INTO "+o.Schema+".migration VALUES ($1)", version+1); err != nil {
				return err
			}
		}
		return nil
	})
	return failure(ctx, err)
}

func versionOf(ctx context.Context, db interface {
	QueryRow(context.Context, string, ...any) pgx.Row
}, schema string) (version int, err error) {
	err = db.QueryRow(ctx, "SELECT coalesce(max(version), 0) FROM "+schema+".migration").Scan(&version)
	return version, err
}

// checkVersion connects and sees whether the tables are there. Newer ones will do.
func (s *Store) checkVersion(ctx context.Context, schema string) error {
	var version int
	err := s.do(ctx, true, func(ctx context.Context) (err error) {
		version, err = versionOf(ctx, s.pool, schema)
		return err
	})
	var refused *pgconn.PgError
	if errors.As(err, &refused) && (refused.Code == "42P01" || refused.Code == "3F000") {
		err, version = nil, 0 // no such table or schema
	}
	if err == nil && version < len(migrations) {
		return fmt.Errorf("pgstore: the tables in schema %q are at version %d, %d is needed: run pgstore.Migrate or set Options.Migrate",
			schema, version, len(migrations))
	}
	return err
}
