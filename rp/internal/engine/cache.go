package engine

import (
	"encoding/binary"
	"math/rand/v2"
	"sync/atomic"

	"github.com/tandem-sso/tandem/rp/internal/lifetime"
	"github.com/tandem-sso/tandem/rp/store"
)

// cache keeps opened records of sessions in use, so that a request costs neither
// decryption nor decoding. It is only ever used together with a Load: an entry
// counts only while the store is at the same version, so it can be neither stale
// nor alive after the end.
//
// It is a table without locks, because every request looks here: a key has four
// places, and is in one of them or not at all. (Two that put the same key at once
// can take two places; that costs a place, until it is needed.)
type cache struct {
	sets [cacheSets]cacheSet
	used atomic.Int64 // bytes
}

type cacheSet [4]atomic.Pointer[opened]

const (
	cacheSets = 1 << 12  // 16 384 sessions at about 3 KB
	cacheMost = 64 << 20 // bytes; sessions that are larger leave room for fewer
	perOpened = 600      // bytes of one beside its contents
)

// opened is a state as it was when it was opened: rec.Active and rec.Due may have
// moved since, and rec.Sealed is left out. Requests share it; nobody writes to it,
// but for item. What every request reads comes first, close together.
type opened struct {
	Quiet lifetime.Span // in which the clocks have nothing to say about it
	Item  *Item         // where it was on the agenda; guarded by the agenda's shard
	State
	size int64
}

func (o *opened) bytes() int64 {
	if o == nil {
		return 0
	}
	return o.size
}

// set is where a key can be. Keys are SHA-256 values, so any twelve bits do.
func (c *cache) set(key *store.Key) *cacheSet {
	return &c.sets[binary.LittleEndian.Uint16(key[2:])%cacheSets]
}

func (c *cache) get(key *store.Key, version uint64) *opened {
	set := c.set(key)
	for i := range set {
		if o := set[i].Load(); o != nil && o.Rec.Version == version && o.Rec.Key == *key {
			return o
		}
	}
	return nil
}

func (c *cache) put(st *State, quiet lifetime.Span) {
	fresh := &opened{Quiet: quiet, State: *st, size: perOpened + int64(len(st.Rec.Sealed))}
	fresh.Rec.Sealed = nil
	set := c.set(&fresh.Rec.Key)
	for {
		i, old := set.place(&fresh.Rec.Key)
		if old != nil && old.Rec.Key == fresh.Rec.Key && old.Rec.Version > fresh.Rec.Version {
			return
		}
		if set[i].CompareAndSwap(old, fresh) {
			c.used.Add(fresh.bytes() - old.bytes())
			c.makeRoom(fresh)
			return
		}
	}
}

// makeRoom drops others by chance until all fit again.
func (c *cache) makeRoom(fresh *opened) {
	for tries := 0; c.used.Load() > cacheMost && tries < 16*cacheSets; tries++ {
		n := rand.Uint32()
		place := &c.sets[n%cacheSets][n>>30]
		if o := place.Load(); o != nil && o != fresh && place.CompareAndSwap(o, nil) {
			c.used.Add(-o.bytes())
		}
	}
}

// place returns where to put a key and what is there now: the key itself, else nothing, else
// another key, chosen at random, which is dropped.
func (s *cacheSet) place(key *store.Key) (at int, old *opened) {
	free := -1
	for i := range s {
		o := s[i].Load()
		switch {
		case o == nil:
			free = i
		case o.Rec.Key == *key:
			return i, o
		}
	}
	if free >= 0 {
		return free, nil
	}
	at = rand.IntN(len(s))
	return at, s[at].Load()
}

func (c *cache) drop(key *store.Key) {
	set := c.set(key)
	for i := range set {
		if o := set[i].Load(); o != nil && o.Rec.Key == *key && set[i].CompareAndSwap(o, nil) {
			c.used.Add(-o.bytes())
		}
	}
}

// Cached is the opened state of a record, nil if it has to be opened.
func (p *Engine) Cached(rec *store.Record) *opened { return p.cache.get(&rec.Key, rec.Version) }
