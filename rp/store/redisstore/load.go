package redisstore

import (
	"context"
	"fmt"
	"slices"
	"unsafe"

	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/internal/storekit"
)

// parse reads a stored record. Sealed stays where it arrived: nobody writes to
// what a Store hands out, so it may be the memory of a string.
func parse(key store.Key, blob string) (*store.Record, error) {
	b := unsafe.Slice(unsafe.StringData(blob), len(blob))
	r, _, sealed, err := storekit.ParseHead(b)
	if err != nil {
		return nil, fmt.Errorf("redisstore: session %x…: %w", key[:4], err)
	}
	r.Key = key
	r.Sealed = slices.Clip(sealed)
	return &r, nil
}

// read returns the record under key, nil if there is none. Nobody may write to it.
func (s *Store) read(ctx context.Context, key *store.Key) (r *store.Record, err error) {
	r, ticket := s.cache.get(key)
	if r == nil {
		if r, err = s.fetch(ctx, key, ticket); err != nil {
			return nil, err
		}
	}
	if r == nil || s.forgotten(r) {
		return nil, nil
	}
	return r, nil
}

// fetch asks the server, and remembers the answer.
func (s *Store) fetch(ctx context.Context, key *store.Key, ticket uint64) (*store.Record, error) {
	limited, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	blob, err := s.reader.Do(limited, s.reader.B().Get().Key(s.keyRecord(key)).Build()).ToString()
	if err != nil {
		return nil, s.failure(ctx, err)
	}
	r, err := parse(*key, blob)
	if err != nil {
		return nil, err
	}
	s.cache.put(r, ticket)
	return r, nil
}

// forgotten tells whether a record that is still there is past its time.
func (s *Store) forgotten(r *store.Record) bool {
	if r.Ended() {
		return storekit.Millis(r.End.Until) < s.localTime()
	}
	due := storekit.Millis(r.Due)
	return due != 0 && due+store.Abandoned.Milliseconds() <= s.roughTime()
}

// Load implements store.Store.
func (s *Store) Load(ctx context.Context, key store.Key) (store.Record, error) {
	if err := ctx.Err(); err != nil {
		return store.Record{}, err
	}
	r, err := s.read(ctx, &key)
	switch {
	case err != nil:
		return store.Record{}, err
	case r == nil:
		return store.Record{}, store.ErrNotFound
	case r.Ended():
		return *r, store.ErrEnded
	}
	return *r, nil
}

// List implements store.Store.
func (s *Store) List(ctx context.Context, ref store.Key) ([]store.Record, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	fields, err := s.db.Do(limited, s.db.B().Hkeys().Key(s.keysRef(&ref)[0]).Build()).AsStrSlice()
	if err != nil {
		return nil, s.failure(ctx, err)
	}
	seen := make(map[store.Key]bool)
	var live []store.Record
	for _, f := range fields {
		key, _, ok := parseField(f)
		if !ok || seen[key] {
			continue
		}
		seen[key] = true
		r, err := s.read(ctx, &key)
		if err != nil {
			return nil, err
		}
		if r != nil && !r.Ended() && slices.Contains(r.Refs, ref) {
			live = append(live, *r)
		}
	}
	return live, nil
}
