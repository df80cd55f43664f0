package boltstore

import (
	"bytes"
	"context"
	"errors"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/internal/storekit"
)

// Once implements store.Store.
func (s *Store) Once(ctx context.Context, id store.Key, until time.Time) error {
	return s.write(ctx, func(t *txn) error {
		old := t.once.Get(id[:])
		if number(old) >= t.now {
			return store.ErrConflict
		}
		if u := storekit.Millis(until); u >= t.now {
			t.put(t.once, id[:], bytesOf(u))
			t.mark(u, markOnce, id[:])
		}
		return nil
	})
}

var errTTL = errors.New("boltstore: the ttl of a lease is below 1 ms")

// Acquire implements store.Store.
func (s *Store) Acquire(ctx context.Context, id store.Key, ttl time.Duration) (store.Lease, error) {
	if ttl < time.Millisecond {
		return store.Lease{}, errTTL
	}
	var fence uint64
	err := s.write(ctx, func(t *txn) error {
		if _, until := lease(t.leases.Get(id[:])); t.now < until {
			return store.ErrConflict
		}
		var err error
		if fence, err = t.leases.NextSequence(); err != nil {
			t.fail(err)
			return err
		}
		until := t.now + ttl.Milliseconds()
		t.put(t.leases, id[:], bytesOf(int64(fence), until))
		t.mark(until, markLease, id[:])
		return nil
	})
	if err != nil {
		return store.Lease{}, err
	}
	return store.Lease{ID: id, Fence: fence}, nil
}

func lease(b []byte) (fence uint64, until int64) {
	if len(b) != 16 {
		return 0, 0
	}
	return uint64(number(b)), number(b[8:])
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
	return s.write(ctx, func(t *txn) error {
		fence, until := lease(t.leases.Get(l.ID[:]))
		if fence != l.Fence || t.now >= until {
			return store.ErrConflict
		}
		t.put(t.leases, l.ID[:], bytesOf(int64(fence), t.now+ttl))
		t.mark(t.now+ttl, markLease, l.ID[:])
		return nil
	})
}

// Kinds of marks in bucketForget.
const (
	markSession = 's'
	markTomb    = 't'
	markOnce    = 'o'
	markLease   = 'l'
)

const forgetPerWrite = 32 // more than one call adds

// mark notes that the thing is to be looked at after until. A thing whose time
// is put off gets a second mark; the first then finds it still valid.
func (t *txn) mark(until int64, kind byte, id []byte) {
	t.put(t.marks, append(append(bytesOf(until), kind), id...), nil)
}

// forget looks at n marks whose time has come and removes what is over.
func (t *txn) forget(n int) {
	var due [][]byte
	c := t.marks.Cursor()
	for k, _ := c.First(); k != nil && number(k) < t.now && len(due) < n; k, _ = c.Next() {
		due = append(due, bytes.Clone(k))
	}
	for _, k := range due {
		t.del(t.marks, k)
		if len(k) < 9 {
			continue
		}
		switch id := k[9:]; k[8] {
		case markSession:
			if len(id) == len(store.Key{}) {
				_, _ = t.load(store.Key(id)) // removes it if it is over
			}
		case markTomb:
			t.forgetIf(t.tombs, id, number)
		case markOnce:
			t.forgetIf(t.once, id, number)
		case markLease:
			t.forgetIf(t.leases, id, func(b []byte) int64 { _, until := lease(b); return until })
		}
	}
}

func (t *txn) forgetIf(b *bolt.Bucket, key []byte, until func([]byte) int64) {
	if v := b.Get(key); v != nil && until(v) < t.now {
		t.del(b, key)
	}
}
