package boltstore

import (
	"sync"

	bolt "go.etcd.io/bbolt"

	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/internal/storekit"
)

const shardCount = 64

// shard is what is in memory of the sessions whose keys fall to it: a part of
// what is on disk, and the touches that are not there yet. No I/O happens under
// its lock.
type shard struct {
	mu      sync.RWMutex
	shelf   *storekit.Shelf
	touches map[store.Key]touch
	busy    map[store.Key]struct{} // the writer changes them now
	changes uint64                 // how often something here changed
}

type touch struct{ active, due int64 }

func (sh *shard) init(cacheBytes int) {
	sh.shelf = storekit.NewShelf(cacheBytes)
	sh.touches = make(map[store.Key]touch)
	sh.busy = make(map[store.Key]struct{})
}

func (s *Store) shard(key *store.Key) *shard { return &s.shards[key[0]%shardCount] }

// apply puts a touch over a record that was read from disk.
func (t touch) apply(r *store.Record) {
	if !r.Ended() && t.active > storekit.Millis(r.Active) {
		r.Active, r.Due = storekit.Time(t.active), storekit.Time(t.due)
	}
}

// read returns the record under key as all writes that have returned left it;
// nil if there is none. Nobody may write to it.
func (s *Store) read(key store.Key) (*store.Record, error) {
	sh := s.shard(&key)
	sh.mu.RLock()
	if r := sh.shelf.Get(&key); r != nil {
		sh.mu.RUnlock()
		return r, nil
	}
	// The touch before the disk: one that is flushed in between is on the disk.
	t, changes := sh.touches[key], sh.changes
	sh.mu.RUnlock()

	var r *store.Record
	err := s.db.View(func(tx *bolt.Tx) (err error) {
		r, err = fetch(tx.Bucket(bucketHead), tx.Bucket(bucketSealed), key)
		return err
	})
	if err != nil || r == nil {
		return nil, failure("read", err)
	}
	t.apply(r)
	sh.mu.Lock()
	if _, busy := sh.busy[key]; !busy && sh.changes == changes {
		sh.shelf.Put(r)
	}
	sh.mu.Unlock()
	return r, nil
}

// tryTouch touches a session that is on the shelf and not being written.
func (sh *shard) tryTouch(key *store.Key, t touch) (r *store.Record, done bool) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	r = sh.shelf.Get(key)
	if _, busy := sh.busy[*key]; busy || r == nil || r.Ended() {
		return r, r != nil && r.Ended()
	}
	if t.active > storekit.Millis(r.Active) {
		moved := *r
		t.apply(&moved)
		sh.shelf.Put(&moved)
		sh.touches[*key] = t
		sh.changes++
	}
	return r, true
}

// begin marks key as being written: from now on a touch waits for the writer.
// It returns the touch that has to go to disk with it.
func (sh *shard) begin(key *store.Key) touch {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.busy[*key] = struct{}{}
	sh.changes++
	return sh.touches[*key]
}

// finish takes over what is now on disk; nil: nothing.
func (sh *shard) finish(key *store.Key, r *store.Record) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	delete(sh.busy, *key)
	delete(sh.touches, *key)
	sh.changes++
	if r == nil {
		sh.shelf.Drop(key)
	} else {
		sh.shelf.Put(r)
	}
}

// abandon is finish after a failure: what is on disk has to be read again, and
// the touch is still to be written.
func (sh *shard) abandon(key *store.Key) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	delete(sh.busy, *key)
	sh.changes++
	sh.shelf.Drop(key)
}

// flushed forgets a touch that is on disk, unless a later one took its place.
func (sh *shard) flushed(key *store.Key, t touch) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.touches[*key] == t {
		delete(sh.touches, *key)
	}
}
