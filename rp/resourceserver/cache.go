package resourceserver

import (
	"container/list"
	"crypto/sha256"
	"sync"
	"time"
)

type key = [sha256.Size]byte

// memory keeps answers: those about good tokens apart from the others, of which
// anybody can cause as many as they like.
type memory struct{ good, bad *cache }

func newMemory(size int) *memory { return &memory{newCache(size), newCache(size)} }

// get answers with what is known at now; ok false: the IdP has to be asked. A nil
// memory knows nothing.
func (m *memory) get(k key, now time.Time) (t *Token, ok bool, err error) {
	if m == nil {
		return nil, false, nil
	}
	if t, ok := m.good.get(k, now); ok {
		return t, true, nil
	}
	if _, ok := m.bad.get(k, now); ok {
		return nil, true, ErrInactive
	}
	return nil, false, nil
}

// put keeps the newest answer; t is nil for a token that is not active.
func (m *memory) put(k key, t *Token, until time.Time) {
	switch {
	case m == nil:
	case t == nil:
		m.good.drop(k)
		m.bad.put(k, nil, until)
	default:
		m.bad.drop(k)
		m.good.put(k, t, until)
	}
}

// cache keeps the answers that were used last, at most size of them. Tokens are
// known by their hash: the cache holds none that could be stolen.
type cache struct {
	mu      sync.Mutex
	size    int
	entries map[key]*list.Element
	recent  list.List // of *entry, the last used one first
}

type entry struct {
	key   key
	token *Token // nil: not active
	until time.Time
}

func newCache(size int) *cache { return &cache{size: size, entries: map[key]*list.Element{}} }

// get answers with what is known at now; ok false: the IdP has to be asked.
func (c *cache) get(k key, now time.Time) (t *Token, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.entries[k]
	if e == nil {
		return nil, false
	}
	known := e.Value.(*entry)
	if !now.Before(known.until) {
		c.remove(e)
		return nil, false
	}
	c.recent.MoveToFront(e)
	return known.token, true
}

func (c *cache) put(k key, t *Token, until time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.entries[k]; e != nil {
		c.remove(e)
	}
	c.entries[k] = c.recent.PushFront(&entry{k, t, until})
	if c.recent.Len() > c.size {
		c.remove(c.recent.Back())
	}
}

func (c *cache) drop(k key) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.entries[k]; e != nil {
		c.remove(e)
	}
}

func (c *cache) remove(e *list.Element) {
	delete(c.entries, e.Value.(*entry).key)
	c.recent.Remove(e)
}
