package boltstore

import (
	"context"
	"fmt"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/internal/storekit"
)

// Load implements rp.Store.
func (s *Store) Load(ctx context.Context, key rp.Key) (rp.Record, error) {
	if err := s.open(ctx); err != nil {
		return rp.Record{}, err
	}
	r, err := s.read(key)
	if err != nil {
		return rp.Record{}, err
	}
	if err := s.verdict(r); err == rp.ErrNotFound {
		return rp.Record{}, err
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
func (s *Store) verdict(r *rp.Record) error {
	switch {
	case r == nil || r.Ended() && storekit.Millis(r.End.Until) < s.clock():
		return rp.ErrNotFound
	case r.Ended():
		return rp.ErrEnded
	}
	return nil
}

// Create implements rp.Store.
func (s *Store) Create(ctx context.Context, rec rp.Record) error {
	if err := rec.Check(); err != nil {
		return err
	}
	rec.Version, rec.End = 1, rp.End{}
	normalize(&rec)
	return s.write(ctx, func(t *txn) error {
		st, err := t.load(rec.Key)
		if err != nil {
			return err
		}
		if st.rec != nil {
			return rp.ErrConflict
		}
		for i := range rec.Refs {
			if t.forbids(&rec.Refs[i], &rec) {
				return rp.ErrEnded
			}
		}
		st.rec = &rec
		t.save(st)
		t.putSealed(st.rec)
		return nil
	})
}

// normalize makes rec what a later Load reads from disk.
func normalize(rec *rp.Record) {
	for _, t := range []*time.Time{&rec.Begun, &rec.Issued, &rec.Active, &rec.Due} {
		*t = whole(*t)
	}
	rec.Refs, rec.Sealed = slices.Clip(rec.Refs), slices.Clip(rec.Sealed)
}

// whole is t as the file keeps it: in whole milliseconds, and the epoch is zero.
func whole(t time.Time) time.Time { return storekit.Time(storekit.Millis(t)) }

// Replace implements rp.Store.
func (s *Store) Replace(ctx context.Context, rec rp.Record) error {
	if err := rec.Check(); err != nil {
		return err
	}
	rec.End = rp.End{}
	normalize(&rec)
	return s.write(ctx, func(t *txn) error {
		st, err := t.load(rec.Key)
		if err != nil {
			return err
		}
		switch old := st.rec; {
		case old == nil:
			return rp.ErrNotFound
		case old.Ended():
			return rp.ErrEnded
		case old.Version != rec.Version:
			return rp.ErrConflict
		}
		for i := range rec.Refs {
			if !slices.Contains(st.refs, rec.Refs[i]) && t.forbids(&rec.Refs[i], st.rec) {
				return rp.ErrEnded
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
		t.changes = append(t.changes, rp.Change{Key: next.Key, Version: next.Version})
		return nil
	})
}

// Touch implements rp.Store. It returns before the disk has it; see FlushEvery.
func (s *Store) Touch(ctx context.Context, key rp.Key, active, due time.Time) error {
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

// Settle implements rp.Store.
func (s *Store) Settle(ctx context.Context, key rp.Key, sealed []byte, due time.Time) error {
	if len(sealed) > rp.MaxSealed {
		return fmt.Errorf("boltstore: Settle: sealed has %d bytes: at most %d are allowed", len(sealed), rp.MaxSealed)
	}
	return s.write(ctx, func(t *txn) error {
		st, err := t.load(key)
		if err != nil {
			return err
		}
		if st.rec == nil || !st.rec.Ended() {
			return rp.ErrNotFound
		}
		next := *st.rec
		next.Sealed, next.Due = slices.Clip(sealed), whole(due)
		st.rec = &next
		t.save(st)
		t.putSealed(st.rec)
		return nil
	})
}

// List implements rp.Store.
func (s *Store) List(ctx context.Context, ref rp.Key) ([]rp.Record, error) {
	if err := s.open(ctx); err != nil {
		return nil, err
	}
	var keys []rp.Key
	err := s.db.View(func(tx *bolt.Tx) error {
		keys = under(tx.Bucket(bucketRefs), ref)
		return nil
	})
	if err != nil {
		return nil, failure("list", err)
	}
	var live []rp.Record
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
