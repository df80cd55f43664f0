package redisstore

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/internal/storekit"
)

// Once implements rp.Store.
func (s *Store) Once(ctx context.Context, id rp.Key, until time.Time) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	msg, err := s.eval(ctx, scriptOnce, []string{s.keyOnce(&id)}, s.clock(), decimal(storekit.Millis(until)))
	return s.answer(ctx, msg, err)
}

var errTTL = errors.New("redisstore: the ttl of a lease is below 1 ms")

// Acquire implements rp.Store.
func (s *Store) Acquire(ctx context.Context, id rp.Key, ttl time.Duration) (rp.Lease, error) {
	if ttl < time.Millisecond {
		return rp.Lease{}, errTTL
	}
	if err := ctx.Err(); err != nil {
		return rp.Lease{}, err
	}
	msg, err := s.eval(ctx, scriptAcquire, []string{s.keyLease(&id)}, s.clock(), decimal(ttl.Milliseconds()))
	if err != nil {
		return rp.Lease{}, err
	}
	if msg.IsNil() {
		return rp.Lease{}, rp.ErrConflict
	}
	text, err := msg.ToString()
	if err != nil {
		return rp.Lease{}, s.failure(ctx, err)
	}
	fence, err := strconv.ParseUint(text, 10, 64)
	return rp.Lease{ID: id, Fence: fence}, s.failure(ctx, err)
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
	if err := ctx.Err(); err != nil {
		return err
	}
	msg, err := s.eval(ctx, scriptLease, []string{s.keyLease(&l.ID)},
		s.clock(), strconv.FormatUint(l.Fence, 10), decimal(ttl))
	return s.answer(ctx, msg, err)
}
