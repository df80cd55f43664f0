package pgstore

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/internal/storekit"
)

// Load implements store.Store.
func (s *Store) Load(ctx context.Context, key store.Key) (store.Record, error) {
	var c columns
	err := s.one(ctx, true, s.sql.load, []any{key[:]}, c.into()...)
	if errors.Is(err, pgx.ErrNoRows) {
		return store.Record{}, store.ErrNotFound
	} else if err != nil {
		return store.Record{}, err
	}
	r, err := c.record()
	switch {
	case err != nil:
		return store.Record{}, failure(ctx, err)
	case r.Ended() && c.endUntil < s.localTime():
		return store.Record{}, store.ErrNotFound
	case r.Ended():
		return r, store.ErrEnded
	}
	return r, nil
}

// List implements store.Store.
func (s *Store) List(ctx context.Context, ref store.Key) ([]store.Record, error) {
	return s.many(ctx, true, s.sql.list, ref[:])
}

// Create implements store.Store.
func (s *Store) Create(ctx context.Context, rec store.Record) error {
	if err := rec.Check(); err != nil {
		return err
	}
	var answer string
	err := s.locked(ctx, rec.Refs, func(b *pgx.Batch) {
		b.Queue(s.sql.create, s.clock(), rec.Key[:], storekit.Millis(rec.Begun), storekit.Millis(rec.Active),
			storekit.Millis(rec.Due), join(rec.Refs), split(rec.Refs), notNil(rec.Sealed),
			rec.Owner[:], storekit.Millis(rec.Issued)).
			QueryRow(func(row pgx.Row) error { return row.Scan(&answer) })
	})
	if err != nil {
		return err
	}
	return storekit.Verdict("pgstore", answer)
}

func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// signed is a version as the table has it. One that it cannot have matches none.
func signed(version uint64) int64 {
	if version > math.MaxInt64 {
		return -1
	}
	return int64(version)
}

// Replace implements store.Store.
func (s *Store) Replace(ctx context.Context, rec store.Record) error {
	if err := rec.Check(); err != nil {
		return err
	}
	var answer string
	args := []any{s.clock(), rec.Key[:], signed(rec.Version), storekit.Millis(rec.Active), storekit.Millis(rec.Due),
		join(rec.Refs), notNil(rec.Sealed)}
	err := s.one(ctx, false, s.sql.replace, args, &answer)
	if err == nil && answer == "refs" {
		err = s.locked(ctx, rec.Refs, func(b *pgx.Batch) {
			b.Queue(s.sql.rerefer, append(args, split(rec.Refs))...).
				QueryRow(func(row pgx.Row) error { return row.Scan(&answer) })
		})
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return store.ErrNotFound
	} else if err != nil {
		return err
	}
	if answer == "ok" {
		s.bell.ring()
	}
	return storekit.Verdict("pgstore", answer)
}

// Touch implements store.Store. It does not wait for the server's disk.
func (s *Store) Touch(ctx context.Context, key store.Key, active, due time.Time) error {
	for {
		var answer string
		err := s.one(ctx, false, s.sql.touch,
			[]any{s.clock(), key[:], storekit.Millis(active), storekit.Millis(due)}, &answer)
		if errors.Is(err, pgx.ErrNoRows) {
			return store.ErrNotFound
		} else if err != nil {
			return err
		}
		if answer != "again" {
			return storekit.Verdict("pgstore", answer)
		}
	}
}

// Settle implements store.Store.
func (s *Store) Settle(ctx context.Context, key store.Key, sealed []byte, due time.Time) error {
	if len(sealed) > store.MaxSealed {
		return fmt.Errorf("pgstore: Settle: sealed has %d bytes: at most %d are allowed", len(sealed), store.MaxSealed)
	}
	var answer string
	err := s.one(ctx, false, s.sql.settle, []any{s.clock(), key[:], notNil(sealed), storekit.Millis(due)}, &answer)
	if errors.Is(err, pgx.ErrNoRows) {
		return store.ErrNotFound
	}
	return err
}
