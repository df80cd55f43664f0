package redisstore

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"

	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/internal/storekit"
)

const (
	// maxStale is for how long a record may be served from memory after the
	// server was last known to have sent all its words of change.
	maxStale  = time.Second
	beatEvery = 250 * time.Millisecond
)

// cache keeps decoded records that the server has promised to tell us about.
// rueidis' own DoCache would do as well, at five commands instead of one for each
// record that it does not have, a decoding for each one that it has, and without
// a way to forget what this very instance has just replaced.
type cache struct {
	shards [cacheShards]cacheShard
	start  time.Time
	fresh  atomic.Int64 // since start: until when what is here may be served
}

const cacheShards = 64

type cacheShard struct {
	mu      sync.RWMutex
	shelf   *storekit.Shelf
	changes uint64 // how often something here changed
}

func newCache(maxBytes int) *cache {
	c := &cache{start: time.Now()}
	for i := range c.shards {
		c.shards[i].shelf = storekit.NewShelf(maxBytes / cacheShards)
	}
	return c
}

func (c *cache) shard(key *rp.Key) *cacheShard { return &c.shards[key[0]%cacheShards] }

// get returns a record that may be served, or a ticket for put.
func (c *cache) get(key *rp.Key) (r *rp.Record, ticket uint64) {
	fresh := time.Since(c.start) < time.Duration(c.fresh.Load())
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
func (c *cache) put(r *rp.Record, ticket uint64) {
	sh := c.shard(&r.Key)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.changes == ticket {
		sh.shelf.Put(r)
	}
}

func (c *cache) drop(key *rp.Key) {
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

// invalidated is called by the connection's reader, in the order in which the
// server has sent; nil means that a connection is lost or the server flushed.
func (s *Store) invalidated(keys []rueidis.RedisMessage) {
	if keys == nil {
		s.cache.clear()
		return
	}
	for _, k := range keys {
		name, err := k.ToString()
		if key, ok := s.parseRecordKey(name); ok && err == nil {
			s.cache.drop(&key)
		}
	}
}

// heartbeat proves again and again that the words of change arrive. A connection
// that is silently dead must not let an ended session live on in memory.
func (s *Store) heartbeat(ctx context.Context) {
	defer close(s.stopped)
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.beat(ctx)
		}
	}
}

// beat asks every node for an answer on the connection on which the words come.
// What was sent before it has then been handled.
func (s *Store) beat(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, maxStale)
	defer cancel()
	asked := time.Since(s.cache.start)
	var failed atomic.Bool
	var wg sync.WaitGroup
	for _, node := range s.reader.Nodes() {
		wg.Go(func() {
			if node.Do(ctx, node.B().Ping().Build()).Error() != nil {
				failed.Store(true)
			}
		})
	}
	wg.Wait()
	if !failed.Load() {
		s.cache.fresh.Store(int64(asked + maxStale))
	}
}
