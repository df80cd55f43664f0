package boltstore

import (
	"context"
	"fmt"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/internal/storekit"
)

// Load implements store.Store.
func (s *Store) Load(ctx context.Context, key store.Key) (store.Record, error) {
	if err := s.open(ctx); err != nil {
		return store.Record{}, err
	}
	r, err := s.read(key)
	if err != nil {
		return store.Record{}, err
	}
	if err := s.verdict(r); err == store.ErrNotFound {
		return store.Record{}, err
	} else {
		return *r, err
	}
}

func (s *Store) open(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case <-s.closing:
		return ErrClosed
	default:
		return nil
	}
}

// verdict is what Load and Touch answer for r.
func (s *Store) verdict(r *store.Record) error {
	switch {
	case r == nil || r.Ended() && storekit.Millis(r.End.Until) < s.clock():
		return store.ErrNotFound
	case r.Ended():
		return store.ErrEnded
	}
	return nil
}

// Create implements store.Store.
func (s *Store) Create(ctx context.Context, rec store.Record) error {
	if err := rec.Check(); err != nil {
		return err
	}
	rec.Version, rec.End = 1, store.End{}
	normalize(&rec)
	return s.write(ctx, func(t *txn) error {
		st, err := t.load(rec.Key)
		if err != nil {
			return err
		}
		if st.rec != nil {
			return store.ErrConflict
		}
		for i := range rec.Refs {
			if t.forbids(&rec.Refs[i], &rec) {
				return store.ErrEnded
			}
		}
		st.rec = &rec
		t.save(st)
		t.putSealed(st.rec)
		return nil
	})
}

// normalize makes rec what a later Load reads from disk.
func normalize(rec *store.Record) {
	for _, t := range []*time.Time{&rec.Begun, &rec.Issued, &rec.Active, &rec.Due} {
		*t = whole(*t)
	}
	rec.Refs, rec.Sealed = slices.Clip(rec.Refs), slices.Clip(rec.Sealed)
}

// whole is t as the file keeps it: in whole milliseconds, and the epoch is zero.
func whole(t time.Time) time.Time { return storekit.Time(storekit.Millis(t)) }

// Replace implements store.Store.
func (s *Store) Replace(ctx context.Context, rec store.Record) error {
	if err := rec.Check(); err != nil {
		return err
	}
	rec.End = store.End{}
	normalize(&rec)
	return s.write(ctx, func(t *txn) error {
		st, err := t.load(rec.Key)
		if err != nil {
			return err
		}
		switch old := st.rec; {
		case old == nil:
			return store.ErrNotFound
		case old.Ended():
			return store.ErrEnded
		case old.Version != rec.Version:
			return store.ErrConflict
		}
		for i := range rec.Refs {
			if !slices.Contains(st.refs, rec.Refs[i]) && t.forbids(&rec.Refs[i], st.rec) {
				return store.ErrEnded
			}
		}
		next := rec
		next.Version++
		next.Owner, next.Begun, next.Issued = st.rec.Owner, st.rec.Begun, st.rec.Issued
		if st.rec.Active.After(rec.Active) {
			next.Active, next.Due = st.rec.Active, st.rec.Due
		}
		st.rec = &next
		t.save(st)
		t.putSealed(st.rec)
		t.changes = append(t.changes, store.Change{Key: next.Key, Version: next.Version})
		return nil
	})
}

// Touch implements store.Store. It returns before the disk has it; see FlushEvery.
func (s *Store) Touch(ctx context.Context, key store.Key, active, due time.Time) error {
	if err := s.open(ctx); err != nil {
		return err
	}
	touched := touch{storekit.Millis(active), storekit.Millis(due)}
	for range 2 {
		if s.failing.Load() {
			break
		}
		r, done := s.shard(&key).tryTouch(&key, touched)
		if done {
			s.wakeFlush()
			return s.verdict(r)
		}
		if r, err := s.read(key); err != nil {
			return err
		} else if err := s.verdict(r); err != nil {
			return err
		}
	}
	// It is being written, or cannot be kept in memory.
	return s.write(ctx, func(t *txn) error {
		st, err := t.load(key)
		if err != nil {
			return err
		}
		if err := s.verdict(st.rec); err != nil {
			return err
		}
		if touched.active > storekit.Millis(st.rec.Active) {
			moved := *st.rec
			touched.apply(&moved)
			st.rec = &moved
			t.save(st)
		}
		return nil
	})
}

func (s *Store) wakeFlush() {
	select {
	case s.touched <- struct{}{}:
	default:
	}
}

// Settle implements store.Store.
func (s *Store) Settle(ctx context.Context, key store.Key, sealed []byte, due time.Time) error {
	if len(sealed) > store.MaxSealed {
		return fmt.Errorf("boltstore: Settle: sealed has %d bytes: at most %d are allowed", len(sealed),
			store.MaxSealed)
	}
	return s.write(ctx, func(t *txn) error {
		st, err := t.load(key)
		if err != nil {
			return err
		}
		if st.rec == nil || !st.rec.Ended() {
			return store.ErrNotFound
		}
		next := *st.rec
		next.Sealed, next.Due = slices.Clip(sealed), whole(due)
		st.rec = &next
		t.save(st)
		t.putSealed(st.rec)
		return nil
	})
}

// List implements store.Store.
func (s *Store) List(ctx context.Context, ref store.Key) ([]store.Record, error) {
	if err := s.open(ctx); err != nil {
		return nil, err
	}
	var keys []store.Key
	err := s.db.View(func(tx *bolt.Tx) error {
		keys = under(tx.Bucket(bucketRefs), ref)
		return nil
	})
	if err != nil {
		return nil, failure("list", err)
	}
	var live []store.Record
	for _, key := range keys {
		r, err := s.read(key)
		if err != nil {
			return nil, err
		}
		if r != nil && !r.Ended() && slices.Contains(r.Refs, ref) {
			live = append(live, *r)
		}
	}
	return live, nil
}
