package pgstore

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tandem-sso/tandem/rp/store"
)

// locks are the numbers of the references' rows in ref_lock. References are
// hashes, so two of their bytes spread well.
func locks(refs []store.Key) []int32 {
	list := make([]int32, len(refs))
	for i := range refs {
		list[i] = int32(binary.BigEndian.Uint16(refs[i][:]) % lockRows)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// locked runs statements after the locks of references, in one transaction and
// one round trip. They come after the locks so that they see what was committed
// while these were waited for.
func (s *Store) locked(ctx context.Context, refs []store.Key, then func(*pgx.Batch)) error {
	rows := locks(refs)
	run := func(ctx context.Context) error {
		batch := new(pgx.Batch)
		batch.Queue(s.sql.lock, rows, len(rows))
		then(batch)
		return s.pool.SendBatch(ctx, batch).Close()
	}
	err := s.do(ctx, false, run)
	if code(err) != divisionByZero {
		return err
	}
	// Somebody has emptied ref_lock, as one does who empties all tables. Nothing
	// was done.
	return s.do(ctx, false, func(ctx context.Context) error {
		if _, err := s.pool.Exec(ctx, s.sql.fillLocks, lockRows); err != nil {
			return err
		}
		return run(ctx)
	})
}

const divisionByZero = "22012"

// code is what the server says of an error; empty if it has not said anything.
func code(err error) string {
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		return refused.Code
	}
	return ""
}
