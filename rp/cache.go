package rp

import (
	"sync"

	"github.com/tandem-sso/tandem/rp/internal/lifetime"
)

// cache keeps opened records of sessions in use, so that a request costs neither
// decryption nor decoding. It is only ever used together with a Load: an entry
// counts only while the store is at the same version, so it can be neither stale
// nor alive after the end.
type cache struct{ shards [cacheShards]cacheShard }

const (
	cacheShards   = 64
	cachePerShard = 256 // 16 384 sessions at about 3 KB
)

type cacheShard struct {
	mu sync.RWMutex
	m  map[Key]*opened
}

// opened is a state as it was when it was opened: rec.Active and rec.Due may have
// moved since, and rec.Sealed is left out. Requests share it; nobody writes to it.
type opened struct {
	state
	quiet lifetime.Span // in which the clocks have nothing to say about it
}

func newCache() *cache {
	c := &cache{}
	for i := range c.shards {
		c.shards[i].m = map[Key]*opened{}
	}
	return c
}

func (c *cache) get(key Key, version uint64) *opened {
	s := &c.shards[key[0]%cacheShards]
	s.mu.RLock()
	o := s.m[key]
	s.mu.RUnlock()
	if o == nil || o.rec.Version != version {
		return nil
	}
	return o
}

func (c *cache) put(st *state, quiet lifetime.Span) {
	fresh := &opened{*st, quiet}
	fresh.rec.Sealed = nil
	key := st.rec.Key
	s := &c.shards[key[0]%cacheShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	if o := s.m[key]; o != nil && o.rec.Version > st.rec.Version {
		return
	} else if o == nil && len(s.m) >= cachePerShard {
		for victim := range s.m { // map order is random enough
			delete(s.m, victim)
			break
		}
	}
	s.m[key] = fresh
}

func (c *cache) drop(key Key) {
	s := &c.shards[key[0]%cacheShards]
	s.mu.Lock()
	delete(s.m, key)
	s.mu.Unlock()
}
