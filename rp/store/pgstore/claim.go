package pgstore

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/internal/storekit"
)

// forgetRounds bounds what one Claim forgets: so many times forgetLimit of each.
const forgetRounds = 10

// Claim implements store.Store. Rows that another instance is about to change are
// left to it.
func (s *Store) Claim(
	ctx context.Context, owner store.Key, now time.Time, hold time.Duration, limit int,
) ([]store.Record, error) {
	if hold < time.Millisecond {
		return nil, errors.New("pgstore: Claim: hold is below 1 ms")
	}
	at := storekit.Millis(now)
	claimed, err := s.many(ctx, false, s.sql.claim, s.clock(), owner[:], at, at+hold.Milliseconds(), max(limit, 0))
	if err != nil {
		return nil, err
	}
	for range forgetRounds {
		var more bool
		if more, err = s.forget(ctx); !more {
			break
		}
	}
	if err != nil && len(claimed) == 0 { // what is claimed counts more; the rest goes next time
		return nil, err
	}
	return claimed, nil
}

// Count implements store.CountingStore. It reads the client's part of an index: about
// a second for a million sessions.
func (s *Store) Count(ctx context.Context, owner store.Key) (n int, err error) {
	err = s.one(ctx, true, s.sql.count, []any{owner[:]}, &n)
	return n, err
}

// forget drops some of what is past its time; more: there may be more of it.
func (s *Store) forget(ctx context.Context) (more bool, err error) {
	err = s.do(ctx, false, func(ctx context.Context) error {
		batch := new(pgx.Batch)
		for _, sql := range s.sql.forget {
			batch.Queue(sql, s.clock())
		}
		batch.Queue(s.sql.forgetChanges, s.keep.Milliseconds())
		results := s.pool.SendBatch(ctx, batch)
		for range batch.Len() {
			tag, err := results.Exec()
			if err != nil {
				_ = results.Close()
				return err
			}
			more = more || tag.RowsAffected() >= forgetLimit
		}
		return results.Close()
	})
	return more && err == nil, err
}
