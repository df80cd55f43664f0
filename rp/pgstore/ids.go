package pgstore

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/internal/storekit"
)

// conflict turns "no row" into rp.ErrConflict.
func conflict(err error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return rp.ErrConflict
	}
	return err
}

// Once implements rp.Store.
func (s *Store) Once(ctx context.Context, id rp.Key, until time.Time) error {
	var answer string
	return conflict(s.one(ctx, false, s.sql.once, []any{s.clock(), id[:], storekit.Millis(until)}, &answer))
}

var errTTL = errors.New("pgstore: the ttl of a lease is below 1 ms")

// Acquire implements rp.Store.
func (s *Store) Acquire(ctx context.Context, id rp.Key, ttl time.Duration) (rp.Lease, error) {
	if ttl < time.Millisecond {
		return rp.Lease{}, errTTL
	}
	var fence int64
	err := s.one(ctx, false, s.sql.acquire, []any{s.clock(), id[:], ttl.Milliseconds()}, &fence)
	if err != nil {
		return rp.Lease{}, conflict(err)
	}
	return rp.Lease{ID: id, Fence: uint64(fence)}, nil
}

// Renew implements rp.Store.
func (s *Store) Renew(ctx context.Context, l rp.Lease, ttl time.Duration) error {
	if ttl < time.Millisecond {
		return errTTL
	}
	return s.setLease(ctx, l, ttl.Milliseconds())
}

// Release implements rp.Store.
func (s *Store) Release(ctx context.Context, l rp.Lease) error { return s.setLease(ctx, l, 0) }

func (s *Store) setLease(ctx context.Context, l rp.Lease, ttl int64) error {
	var answer string
	return conflict(s.one(ctx, false, s.sql.lease, []any{s.clock(), l.ID[:], signed(l.Fence), ttl}, &answer))
}
