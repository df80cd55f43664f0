package memstore

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/internal/storekit"
)

// Options of a Store. The zero value is right for production.
type Options struct {
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Store is a store.Store in memory.
//
// Order of locks: reference shards by rising index, then one session shard,
// then a watcher. id shards and the owners are taken alone.
type Store struct {
	now      func() time.Time
	sessions [shardCount]sessionShard
	refs     [shardCount]refShard
	ids      [shardCount]idShard
	fence    atomic.Uint64
	watchers storekit.Watchers

	ownersMu sync.RWMutex
	owners   map[store.Key]*owner
}

// owner is a client with sessions here. There are few, and they stay.
type owner struct {
	key store.Key
	n   int // its place in the heaps of each shard
}

var (
	_ store.Store         = (*Store)(nil)
	_ store.CountingStore = (*Store)(nil)
)

const shardCount = 256 // one byte of the key

// New returns an empty Store.
func New(o Options) *Store {
	s := &Store{now: o.Now, owners: make(map[store.Key]*owner)}
	if s.now == nil {
		s.now = time.Now
	}
	for i := range shardCount {
		s.sessions[i].byKey = make(map[uint64]*entry)
		s.refs[i].one = make(map[uint64]*entry)
		s.refs[i].many = make(map[uint64][]*entry)
		s.refs[i].tombs = make(map[store.Key][]storekit.Tombstone)
		s.ids[i].once = make(map[store.Key]int64)
		s.ids[i].leases = make(map[store.Key]lease)
	}
	return s
}

// Format prints a name, by every verb: fmt must not read what other goroutines write.
func (s *Store) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "memstore.Store()") }

func (s *Store) clock() int64 { return storekit.Millis(s.now()) }

// owned returns the client with that key, nil if it has never had a session here.
func (s *Store) owned(key store.Key) *owner {
	s.ownersMu.RLock()
	defer s.ownersMu.RUnlock()
	return s.owners[key]
}

// own is owned for a client that comes with a session.
func (s *Store) own(key store.Key) *owner {
	if o := s.owned(key); o != nil {
		return o
	}
	s.ownersMu.Lock()
	defer s.ownersMu.Unlock()
	o := s.owners[key]
	if o == nil {
		o = &owner{key, len(s.owners)}
		s.owners[key] = o
	}
	return o
}

// entry is one session, live or ended. Its fields are guarded by its shard's
// lock; key, owner, begun and issued never change.
//
// The size counts: a million of them are to stay below 400 bytes each, the maps
// and heaps that point to them included. Hence maps keyed by eight bytes of the
// hash instead of 32, with a chain for the keys that share them, and times as
// milliseconds. An entry is 144 bytes, which is a size class.
type entry struct {
	key     store.Key
	refs    []store.Key
	sealed  []byte
	owner   *owner
	begun   int64
	issued  int64
	active  int64
	due     int64
	end     *ending // nil while it lives
	next    *entry  // another key with the same eight bytes
	version uint32  // enough for a change each second of 136 years
	pos     int32   // 1 + index in its heap; 0: in none
}

type ending struct {
	reason    string
	at, until int64
}

func (e *entry) forgotten(now int64) bool { return e.end != nil && e.end.until < now }

func (e *entry) hasRef(ref store.Key) bool {
	for i := range e.refs {
		if e.refs[i] == ref {
			return true
		}
	}
	return false
}

func (e *entry) record() (r store.Record) {
	e.copyTo(&r)
	return r
}

// copyTo fills an empty r: every request does it, and a Record is large.
func (e *entry) copyTo(r *store.Record) {
	r.Key, r.Version, r.Refs, r.Sealed = e.key, uint64(e.version), e.refs, e.sealed
	r.Owner, r.Issued = e.owner.key, storekit.Time(e.issued)
	r.Begun, r.Active, r.Due = storekit.Time(e.begun), storekit.Time(e.active), storekit.Time(e.due)
	if e.end != nil {
		r.End = store.End{Reason: e.end.reason, At: storekit.Time(e.end.at), Until: storekit.Time(e.end.until)}
	}
}

type sessionShard struct {
	mu     sync.RWMutex
	busy   atomic.Bool // false: byKey is empty, so Claim need not take mu
	byKey  map[uint64]*entry
	due    []dueHeaps       // what Claim hands out, by owner
	forget expiries[*entry] // ended entries by End.Until
	_      [64]byte         // keeps the locks of neighbours off one cache line
}

func (s *Store) session(key *store.Key) *sessionShard { return &s.sessions[key[0]] }

// prefix is what the maps are keyed by. Keys are SHA-256 values, so any eight
// bytes do.
func prefix(key *store.Key) uint64 { return binary.LittleEndian.Uint64(key[8:16]) }

func (sh *sessionShard) find(key *store.Key) *entry {
	e := sh.byKey[prefix(key)]
	for e != nil && e.key != *key {
		e = e.next
	}
	return e
}

func (sh *sessionShard) insert(e *entry) {
	p := prefix(&e.key)
	e.next = sh.byKey[p]
	sh.byKey[p] = e
	sh.busy.Store(true)
}

func (sh *sessionShard) remove(e *entry) {
	p := prefix(&e.key)
	at := sh.byKey[p]
	switch {
	case at == e && e.next == nil:
		delete(sh.byKey, p)
	case at == e:
		sh.byKey[p] = e.next
	default:
		for at.next != e {
			at = at.next
		}
		at.next = e.next
	}
	sh.heap(e).remove(e)
}

func (sh *sessionShard) heap(e *entry) *dueHeap {
	for len(sh.due) <= e.owner.n {
		sh.due = append(sh.due, dueHeaps{})
	}
	return sh.due[e.owner.n].of(e)
}

// schedule puts e under its due.
func (sh *sessionShard) schedule(e *entry) { sh.heap(e).set(e) }

// forgetSome drops at most n ended entries that are past their time.
func (sh *sessionShard) forgetSome(now int64, n int) (more bool) {
	for ; n > 0; n-- {
		e, ok := sh.forget.pop(now)
		if !ok {
			return false
		}
		sh.remove(e)
	}
	return true
}

// Watch implements store.Store. fn runs in the caller's goroutine.
func (s *Store) Watch(ctx context.Context, fn func(store.Change)) error {
	return s.watchers.Watch(ctx, nil, nil, fn)
}
