package memstore

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/internal/storekit"
)

const forgetPerCall = 4 // more than one call can add, so that what is over never piles up

// Load implements store.Store.
func (s *Store) Load(ctx context.Context, key store.Key) (rec store.Record, err error) {
	if err = ctx.Err(); err != nil {
		return rec, err
	}
	sh := s.session(&key)
	sh.mu.RLock()
	e := sh.find(&key)
	if e == nil {
		sh.mu.RUnlock()
		return rec, store.ErrNotFound
	}
	e.copyTo(&rec)
	sh.mu.RUnlock()
	if !rec.Ended() {
		return rec, nil
	}
	if storekit.Millis(rec.End.Until) < s.clock() {
		return store.Record{}, store.ErrNotFound
	}
	return rec, store.ErrEnded
}

// Create implements store.Store.
func (s *Store) Create(ctx context.Context, rec store.Record) error {
	if err := rec.Check(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	e := &entry{
		key: rec.Key, owner: s.own(rec.Owner), version: 1,
		refs: slices.Clip(rec.Refs), sealed: slices.Clip(rec.Sealed),
		begun: storekit.Millis(rec.Begun), issued: storekit.Millis(rec.Issued),
		active: storekit.Millis(rec.Active), due: storekit.Millis(rec.Due),
	}
	now := s.clock()
	refs := e.refs // once others see e, its own may only be read under its shard's lock
	defer s.lockRefs(refs)()
	for i := range refs {
		r := s.ref(&refs[i])
		r.forgetSome(now, forgetPerCall)
		if r.forbids(refs[i], e, now) {
			return store.ErrEnded
		}
	}
	if !s.session(&e.key).add(e, now) {
		return store.ErrConflict
	}
	for i := range refs {
		s.ref(&refs[i]).link(&refs[i], e)
	}
	return nil
}

func (sh *sessionShard) add(e *entry, now int64) bool {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.forgetSome(now, forgetPerCall)
	if other := sh.find(&e.key); other != nil {
		if !other.forgotten(now) {
			return false
		}
		for sh.forgetSome(now, forgetPerCall) { // it is among those
		}
	}
	sh.insert(e)
	sh.schedule(e)
	return true
}

// Replace implements store.Store.
func (s *Store) Replace(ctx context.Context, rec store.Record) error {
	if err := rec.Check(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	rec.Refs, rec.Sealed = slices.Clip(rec.Refs), slices.Clip(rec.Sealed)
	sh := s.session(&rec.Key)
	now := s.clock()

	sh.mu.Lock()
	e, err := sh.at(&rec, now)
	if err != nil || slices.Equal(e.refs, rec.Refs) {
		if err == nil {
			s.swap(sh, e, &rec)
		}
		sh.mu.Unlock()
		return err
	}
	first, old := e, e.refs
	sh.mu.Unlock()

	// Other references: their shards come first in the order of locks. As long
	// as the session and its version are the same, so are the old refs.
	defer s.lockRefs(old, rec.Refs)()
	sh.mu.Lock()
	switch e, err = sh.at(&rec, now); {
	case err != nil:
	case e != first: // that was forgotten, and another took its key
		err = store.ErrConflict
	case s.forbidden(e, rec.Refs, now):
		err = store.ErrEnded
	}
	if err == nil {
		s.swap(sh, e, &rec)
	}
	sh.mu.Unlock()
	if err != nil {
		return err
	}
	for i := range old {
		s.ref(&old[i]).unlink(&old[i], e)
	}
	for i := range rec.Refs {
		s.ref(&rec.Refs[i]).link(&rec.Refs[i], e)
	}
	return nil
}

// at returns the live entry that rec wants to replace.
func (sh *sessionShard) at(rec *store.Record, now int64) (*entry, error) {
	e := sh.find(&rec.Key)
	switch {
	case e == nil || e.forgotten(now):
		return nil, store.ErrNotFound
	case e.end != nil:
		return nil, store.ErrEnded
	case uint64(e.version) != rec.Version:
		return nil, store.ErrConflict
	}
	return e, nil
}

func (s *Store) forbidden(e *entry, refs []store.Key, now int64) bool {
	for i := range refs {
		if !e.hasRef(refs[i]) && s.ref(&refs[i]).forbids(refs[i], e, now) {
			return true
		}
	}
	return false
}

func (s *Store) swap(sh *sessionShard, e *entry, rec *store.Record) {
	e.version++
	e.refs, e.sealed = rec.Refs, rec.Sealed
	if active := storekit.Millis(rec.Active); active >= e.active {
		e.active, e.due = active, storekit.Millis(rec.Due)
		sh.schedule(e)
	}
	s.watchers.Tell(store.Change{Key: e.key, Version: uint64(e.version)})
}

// Touch implements store.Store.
func (s *Store) Touch(ctx context.Context, key store.Key, active, due time.Time) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	sh := s.session(&key)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	e := sh.find(&key)
	switch {
	case e == nil:
		return store.ErrNotFound
	case e.end != nil:
		if e.forgotten(s.clock()) {
			return store.ErrNotFound
		}
		return store.ErrEnded
	}
	if a := storekit.Millis(active); a > e.active {
		e.active, e.due = a, storekit.Millis(due)
		sh.schedule(e)
	}
	return nil
}

// Settle implements store.Store.
func (s *Store) Settle(ctx context.Context, key store.Key, sealed []byte, due time.Time) error {
	if len(sealed) > store.MaxSealed {
		return fmt.Errorf("memstore: Settle: sealed has %d bytes: at most %d are allowed", len(sealed), store.MaxSealed)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	sh := s.session(&key)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	e := sh.find(&key)
	if e == nil || e.end == nil || e.forgotten(s.clock()) {
		return store.ErrNotFound
	}
	e.sealed, e.due = slices.Clip(sealed), storekit.Millis(due)
	sh.schedule(e)
	return nil
}
