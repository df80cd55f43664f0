package memstore

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/internal/storekit"
)

// idShard keeps once-ids and leases. Each key of a map has exactly one item in
// the heap beside it.
type idShard struct {
	mu           sync.Mutex
	busy         atomic.Bool         // false: both maps are empty, so Claim need not take mu
	once         map[store.Key]int64 // until
	leases       map[store.Key]lease
	forgetOnce   expiries[store.Key]
	forgetLeases expiries[store.Key]
	_            [64]byte
}

type lease struct {
	fence uint64
	until int64 // it is nobody's from then on
}

func (s *Store) id(id *store.Key) *idShard { return &s.ids[id[0]] }

func (sh *idShard) forgetSome(now int64, n int) (more bool) {
	for range n {
		id, once := sh.forgetOnce.pop(now)
		if once {
			if until := sh.once[id]; until >= now {
				sh.forgetOnce.push(until, id)
			} else {
				delete(sh.once, id)
			}
		}
		lid, leased := sh.forgetLeases.pop(now)
		if leased {
			if until := sh.leases[lid].until; until >= now {
				sh.forgetLeases.push(until, lid)
			} else {
				delete(sh.leases, lid)
			}
		}
		if !once && !leased {
			return false
		}
	}
	return true
}

// Once implements store.Store.
func (s *Store) Once(ctx context.Context, id store.Key, until time.Time) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	now, u := s.clock(), storekit.Millis(until)
	sh := s.id(&id)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.forgetSome(now, forgetPerCall)
	old, known := sh.once[id]
	if known && old >= now {
		return store.ErrConflict
	}
	if u < now {
		return nil
	}
	sh.once[id] = u
	if !known {
		sh.forgetOnce.push(u, id)
		sh.busy.Store(true)
	}
	return nil
}

var errTTL = errors.New("memstore: the ttl of a lease is below 1 ms")

// Acquire implements store.Store.
func (s *Store) Acquire(ctx context.Context, id store.Key, ttl time.Duration) (store.Lease, error) {
	if ttl < time.Millisecond {
		return store.Lease{}, errTTL
	}
	if err := ctx.Err(); err != nil {
		return store.Lease{}, err
	}
	now := s.clock()
	sh := s.id(&id)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.forgetSome(now, forgetPerCall)
	old, known := sh.leases[id]
	if known && now < old.until {
		return store.Lease{}, store.ErrConflict
	}
	l := lease{s.fence.Add(1), now + ttl.Milliseconds()}
	sh.leases[id] = l
	if !known {
		sh.forgetLeases.push(l.until, id)
		sh.busy.Store(true)
	}
	return store.Lease{ID: id, Fence: l.fence}, nil
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
	now := s.clock()
	sh := s.id(&l.ID)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	held := sh.leases[l.ID]
	if held.fence != l.Fence || now >= held.until {
		return store.ErrConflict
	}
	held.until = now + ttl
	sh.leases[l.ID] = held
	return nil
}
