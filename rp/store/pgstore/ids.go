package pgstore

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/internal/storekit"
)

// conflict turns "no row" into store.ErrConflict.
func conflict(err error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return store.ErrConflict
	}
	return err
}

// Once implements store.Store.
func (s *Store) Once(ctx context.Context, id store.Key, until time.Time) error {
	var answer string
	return conflict(s.one(ctx, false, s.sql.once, []any{s.clock(), id[:], storekit.Millis(until)}, &answer))
}

var errTTL = errors.New("pgstore: the ttl of a lease is below 1 ms")

// Acquire implements store.Store.
func (s *Store) Acquire(ctx context.Context, id store.Key, ttl time.Duration) (store.Lease, error) {
	if ttl < time.Millisecond {
		return store.Lease{}, errTTL
	}
	var fence int64
	err := s.one(ctx, false, s.sql.acquire, []any{s.clock(), id[:], ttl.Milliseconds()}, &fence)
	if err != nil {
		return store.Lease{}, conflict(err)
	}
	return store.Lease{ID: id, Fence: uint64(fence)}, nil
}

// Renew implements store.Store.
func (s *Store) Renew(ctx context.Context, l store.Lease, ttl time.Duration) error {
	if ttl < time.Millisecond {
		return errTTL
	}
	return s.setLease(ctx, l, ttl.Milliseconds())
}

// Release implements store.Store.
func (s *Store) Release(ctx context.Context, l store.Lease) error { return s.setLease(ctx, l, 0) }

func (s *Store) setLease(ctx context.Context, l store.Lease, ttl int64) error {
	var answer string
	return conflict(s.one(ctx, false, s.sql.lease, []any{s.clock(), l.ID[:], signed(l.Fence), ttl}, &answer))
}
