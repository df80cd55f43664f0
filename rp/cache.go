package rp

import (
	"sync"

	"github.com/tandem-sso/tandem/rp/internal/record"
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
	m  map[Key]opened
}

type opened struct {
	version uint64
	data    *record.Data // never written to
}

func newCache() *cache {
	c := &cache{}
	for i := range c.shards {
		c.shards[i].m = map[Key]opened{}
	}
	return c
}

func (c *cache) get(key Key, version uint64) *record.Data {
	s := &c.shards[key[0]%cacheShards]
	s.mu.RLock()
	o := s.m[key]
	s.mu.RUnlock()
	if o.version != version {
		return nil
	}
	return o.data
}

func (c *cache) put(key Key, version uint64, d *record.Data) {
	s := &c.shards[key[0]%cacheShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	if o, ok := s.m[key]; ok && o.version > version {
		return
	} else if !ok && len(s.m) >= cachePerShard {
		for victim := range s.m { // map order is random enough
			delete(s.m, victim)
			break
		}
	}
	s.m[key] = opened{version, d}
}

func (c *cache) drop(key Key) {
	s := &c.shards[key[0]%cacheShards]
	s.mu.Lock()
	delete(s.m, key)
	s.mu.Unlock()
}
