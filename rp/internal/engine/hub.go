package engine

import (
	"context"
	"sync"

	"github.com/tandem-sso/tandem/rp/store"
)

// hub tells those in this process who wait for something to happen to a session:
// streams, Session.Done, and requests that wait for another instance's refresh.
type hub struct {
	mu     sync.Mutex
	topics map[store.Key]*Topic
}

// Topic is one session that somebody watches.
type Topic struct {
	hub  *hub
	key  store.Key
	subs int           // those who release it, and one for all who hold it
	Done chan struct{} // closed at the end

	// guarded by hub.mu
	held    bool
	reason  string
	changed chan struct{} // closed and renewed at every change
}

func newHub() *hub { return &hub{topics: map[store.Key]*Topic{}} }

func (h *hub) subscribe(key store.Key) *Topic {
	h.mu.Lock()
	defer h.mu.Unlock()
	t := h.topic(key)
	t.subs++
	return t
}

// hold returns a channel that is closed at the end of a session. It lasts until then:
// a few hundred bytes for a session that somebody has held.
func (h *hub) hold(key store.Key) <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	t := h.topic(key)
	if !t.held && t.reason == "" { // after the end nothing would take it back
		t.held = true
		t.subs++
	}
	return t.Done
}

// topic is the one of a session, a new one if nobody watches. The caller holds mu.
func (h *hub) topic(key store.Key) *Topic {
	t := h.topics[key]
	if t == nil {
		t = &Topic{hub: h, key: key, Done: make(chan struct{}), changed: make(chan struct{})}
		h.topics[key] = t
	}
	return t
}

// Release gives a subscription back, once.
func (t *Topic) Release() {
	t.hub.mu.Lock()
	defer t.hub.mu.Unlock()
	if t.subs--; t.subs == 0 && t.hub.topics[t.key] == t {
		delete(t.hub.topics, t.key)
	}
}

// Change returns a channel that is closed at the next change.
func (t *Topic) Change() <-chan struct{} {
	t.hub.mu.Lock()
	defer t.hub.mu.Unlock()
	return t.changed
}

// Why is valid once done is closed.
func (t *Topic) Why() string {
	t.hub.mu.Lock()
	defer t.hub.mu.Unlock()
	return t.reason
}

// announce passes a change on. An end is announced once; the reason of the first
// announcement stays.
func (h *hub) announce(c store.Change) {
	h.mu.Lock()
	defer h.mu.Unlock()
	t := h.topics[c.Key]
	if t == nil {
		return
	}
	close(t.changed)
	t.changed = make(chan struct{})
	if c.Reason == "" || t.reason != "" {
		return
	}
	t.reason = c.Reason
	close(t.Done)
	if t.held {
		t.subs--
	}
	if t.subs == 0 {
		delete(h.topics, c.Key)
	}
}

// watches reports whether somebody watches a session.
func (h *hub) watches(key store.Key) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.topics[key] != nil
}

// watched lists the sessions that somebody watches.
func (h *hub) watched() []store.Key {
	h.mu.Lock()
	defer h.mu.Unlock()
	keys := make([]store.Key, 0, len(h.topics))
	for k := range h.topics {
		keys = append(keys, k)
	}
	return keys
}

// Subscribe watches a session until the topic is released.
func (p *Engine) Subscribe(key store.Key) *Topic { return p.hub.subscribe(key) }

// WhenEnded returns a channel that is closed at the end of a session, also one that came
// between the caller's look at it and now.
func (p *Engine) WhenEnded(key store.Key) <-chan struct{} {
	done := p.hub.hold(key)
	p.Go(func(context.Context) { p.lookAgain(p.ctx, []store.Key{key}) })
	return done
}
