package redisstore

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
)

const (
	// maxStale is for how long a record may be served from memory after the
	// server was last known to have sent all its words of change.
	maxStale  = time.Second
	beatEvery = 250 * time.Millisecond
)

// tracked are the connections to the nodes on which the words of change come: the
// id that the server has given to each. A new connection brings no word of what
// changed before it.
type tracked struct {
	mu    sync.Mutex
	ids   map[string]int64 // by the node's address
	moved chan struct{}    // closed when one of them is lost or new
}

// is notes the connection to a node, and reports whether it is a new one.
func (t *tracked) is(addr string, id int64) (fresh bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ids[addr] == id {
		return false
	}
	t.ids[addr] = id
	t.move()
	return true
}

func (t *tracked) lost() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.move()
}

func (t *tracked) move() {
	close(t.moved)
	t.moved = make(chan struct{})
}

// next returns what is closed when a connection to a node is lost or new.
func (t *tracked) next() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.moved
}

// invalidated is called by the connection's reader, in the order in which the
// server has sent; nil means that a connection is lost or the server flushed.
func (s *Store) invalidated(keys []rueidis.RedisMessage) {
	if keys == nil {
		s.cache.clear()
		s.tracked.lost()
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

func (s *Store) beat(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, maxStale)
	defer cancel()
	s.cache.seen.Store(time.Now().UnixMilli())
	asked := time.Since(s.cache.start)
	if s.prove(ctx) {
		s.cache.fresh.Store(int64(asked + maxStale))
	}
}

// catchUp sees to it that no Load that begins after it is served from memory what
// was changed before it (C4). The words of these changes are on another connection
// than the one from which the caller knows of them: they are asked for, which is a
// round trip, or all memory is given up.
func (s *Store) catchUp(ctx context.Context) {
	if s.cache.isFresh() { // else there is little hope, and Load asks the server anyway
		ctx, cancel := context.WithTimeout(ctx, min(s.timeout, maxStale))
		defer cancel()
		if s.prove(ctx) {
			return
		}
	}
	s.cache.clear()
}

// prove asks every node for an answer on the connection on which the words come.
// What was sent before it has then been handled. HELLO is a question that every
// user of the server may ask, and tells which connection it is.
func (s *Store) prove(ctx context.Context) bool {
	var failed atomic.Bool
	var wg sync.WaitGroup
	for addr, node := range s.reader.Nodes() {
		wg.Go(func() {
			id, _, err := hello(ctx, node)
			if err != nil {
				failed.Store(true)
				return
			}
			if s.tracked.is(addr, id) {
				s.cache.clear() // rueidis says so too, but maybe later
			}
		})
	}
	wg.Wait()
	return !failed.Load()
}
