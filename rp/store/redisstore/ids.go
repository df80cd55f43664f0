package redisstore

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/internal/storekit"
)

var (
	// scriptOnce: KEYS id. ARGV now, until.
	scriptOnce = newScript(keeps, `
local now, till = clock(ARGV[1]), tonumber(ARGV[2])
local before = redis.call('GET', KEYS[1])
if before and tonumber(before) >= now then return 'conflict' end
if till >= now then redis.call('SET', KEYS[1], ARGV[2], 'PX', ttl(till - now)) end
return 'ok'
`)

	// scriptAcquire: KEYS lease. ARGV now, ttl. The fence outlives the lease by an
	// hour; after that the clock alone makes the next one greater.
	scriptAcquire = newScript(keeps, `
local now, before = clock(ARGV[1]), redis.call('GET', KEYS[1])
local fence = now * 1000
if before then
  local f, till = before:match('^(%d+) (%d+)$')
  if now < tonumber(till) then return false end
  fence = math.max(fence, tonumber(f) + 1)
end
redis.call('SET', KEYS[1], num(fence) .. ' ' .. num(now + ARGV[2]), 'PX', num(ARGV[2] + 3600000))
return num(fence)
`)

	// scriptLease prolongs a lease, or gives it back: KEYS lease. ARGV now, fence, ttl.
	scriptLease = newScript(keeps, `
local now, before = clock(ARGV[1]), redis.call('GET', KEYS[1])
if not before then return 'conflict' end
local f, till = before:match('^(%d+) (%d+)$')
if f ~= ARGV[2] or now >= tonumber(till) then return 'conflict' end
redis.call('SET', KEYS[1], f .. ' ' .. num(now + ARGV[3]), 'PX', num(ARGV[3] + 3600000))
return 'ok'
`)
)

// Once implements store.Store.
func (s *Store) Once(ctx context.Context, id store.Key, until time.Time) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	msg, err := s.eval(ctx, scriptOnce, []string{s.keyOnce(&id)}, s.clock(), decimal(storekit.Millis(until)))
	return s.answer(ctx, msg, err)
}

var errTTL = errors.New("redisstore: the ttl of a lease is below 1 ms")

// Acquire implements store.Store.
func (s *Store) Acquire(ctx context.Context, id store.Key, ttl time.Duration) (store.Lease, error) {
	if ttl < time.Millisecond {
		return store.Lease{}, errTTL
	}
	if err := ctx.Err(); err != nil {
		return store.Lease{}, err
	}
	msg, err := s.eval(ctx, scriptAcquire, []string{s.keyLease(&id)}, s.clock(), decimal(ttl.Milliseconds()))
	if err != nil {
		return store.Lease{}, err
	}
	if msg.IsNil() {
		return store.Lease{}, store.ErrConflict
	}
	text, err := msg.ToString()
	if err != nil {
		return store.Lease{}, s.failure(ctx, err)
	}
	fence, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return store.Lease{}, s.failure(ctx, err)
	}
	s.catchUp(ctx)
	return store.Lease{ID: id, Fence: fence}, nil
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
	if err := ctx.Err(); err != nil {
		return err
	}
	msg, err := s.eval(ctx, scriptLease, []string{s.keyLease(&l.ID)},
		s.clock(), strconv.FormatUint(l.Fence, 10), decimal(ttl))
	return s.answer(ctx, msg, err)
}
