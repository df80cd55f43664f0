package redisstore

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/internal/storekit"
)

// cache keeps decoded records that the server has promised to tell us about.
// rueidis' own DoCache would do as well, at five commands instead of one for each
// record that it does not have, a decoding for each one that it has, and without
// a way to forget what this very instance has just replaced.
type cache struct {
	shards [cacheShards]cacheShard
	start  time.Time
	fresh  atomic.Int64 // since start: until when what is here may be served
	seen   atomic.Int64 // the wall clock's time in ms when the heart last beat
}

const cacheShards = 64

type cacheShard struct {
	mu      sync.RWMutex
	shelf   *storekit.Shelf
	changes uint64 // how often something here changed
}

func newCache(maxBytes int) *cache {
	c := &cache{start: time.Now()}
	c.seen.Store(c.start.UnixMilli())
	for i := range c.shards {
		c.shards[i].shelf = storekit.NewShelf(maxBytes / cacheShards)
	}
	return c
}

func (c *cache) shard(key *store.Key) *cacheShard { return &c.shards[key[0]%cacheShards] }

// isFresh tells whether what is here may be served.
func (c *cache) isFresh() bool { return time.Since(c.start) < time.Duration(c.fresh.Load()) }

// get returns a record that may be served, or a ticket for put.
func (c *cache) get(key *store.Key) (r *store.Record, ticket uint64) {
	fresh := c.isFresh()
	sh := c.shard(key)
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	if !fresh {
		return nil, sh.changes
	}
	return sh.shelf.Get(key), sh.changes
}

// put keeps a record that was read from the server after get had given the
// ticket. If anything here has changed since then, the record may be old and the
// word about it may have come already: then it is not kept.
func (c *cache) put(r *store.Record, ticket uint64) {
	sh := c.shard(&r.Key)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.changes == ticket {
		sh.shelf.Put(r)
	}
}

func (c *cache) drop(key *store.Key) {
	sh := c.shard(key)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.changes++
	sh.shelf.Drop(key)
}

func (c *cache) clear() {
	for i := range c.shards {
		sh := &c.shards[i]
		sh.mu.Lock()
		sh.changes++
		sh.shelf.Clear()
		sh.mu.Unlock()
	}
}
