package engine

import (
	"testing"

	"github.com/tandem-sso/tandem/rp/store"
)

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// C8: whoever watches a session hears of each change, and of its end once, with its first reason.
func TestHubAnnounces(t *testing.T) {
	h := newHub()
	key := store.Key{1}
	h.announce(store.Change{Key: key}) // nobody watches
	one, two, other := h.subscribe(key), h.subscribe(key), h.subscribe(store.Key{2})
	before := one.Change()
	h.announce(store.Change{Key: key, Version: 2})
	if !closed(before) || closed(two.Change()) || closed(one.Done) || closed(other.Change()) || one.Why() != "" {
		t.Error("a change is told once, to those who watch that session, and is no end")
	}
	h.announce(store.Change{Key: key, Reason: "idle"})
	h.announce(store.Change{Key: key, Reason: "admin"})
	h.announce(store.Change{Key: key})
	if !closed(one.Done) || !closed(two.Done) || two.Why() != "idle" || closed(other.Done) {
		t.Errorf("the end is told as %q", two.Why())
	}
}

// The hub forgets a session when the last one who watches has gone, and what was held at its end:
// a handler that keeps the channel has nothing to release.
func TestHubForgets(t *testing.T) {
	h := newHub()
	key := store.Key{1}
	one, two := h.subscribe(key), h.subscribe(key)
	if one.Release(); !h.watches(key) || len(h.watched()) != 1 || h.watched()[0] != key {
		t.Error("one is left who watches")
	}
	if two.Release(); h.watches(key) || len(h.watched()) != 0 {
		t.Error("nobody watches")
	}
	held := h.hold(key)
	if again := h.hold(key); again != held {
		t.Error("a session has one end")
	}
	if h.subscribe(key).Release(); !h.watches(key) || closed(held) {
		t.Error("who holds it still waits")
	}
	late := h.subscribe(key)
	h.announce(store.Change{Key: key, Reason: "idle"})
	if !closed(held) || !h.watches(key) {
		t.Error("one is left who watches")
	}
	if !closed(h.hold(key)) {
		t.Error("it is over already")
	}
	if late.Release(); h.watches(key) {
		t.Error("it is over, and nobody watches: who held it after the end has nothing to wait for")
	}
	h.hold(key)
	if h.announce(store.Change{Key: key, Reason: "idle"}); h.watches(key) {
		t.Error("it is over, and nobody watches")
	}
}

// A release that comes after the session's next watcher does not take that one's place.
func TestHubReleaseOfAFormerTopic(t *testing.T) {
	h := newHub()
	key := store.Key{1}
	held := h.subscribe(key)
	h.hold(key)
	h.announce(store.Change{Key: key, Reason: "idle"})
	held.Release()
	next := h.subscribe(key)
	if next == held || closed(next.Done) || next.Why() != "" {
		t.Error("the next one hears of the former end")
	}
}
