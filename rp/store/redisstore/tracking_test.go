package redisstore

import (
	"errors"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/tandem-sso/tandem/internal/servertest"
	"github.com/tandem-sso/tandem/rp/store"
)

// A new connection brings no word of what changed before it. rueidis says when one
// is lost, but the answer on the next one may come first; then memory goes with
// that answer, not a moment later.
func TestNewConnectionNewMemory(t *testing.T) { // C4
	server, err := servertest.StartRedis()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	s, err := New(t.Context(), Options{Client: rueidis.ClientOption{InitAddress: []string{server.Addr}}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	now := time.Now()
	rec := store.Record{
		Key: store.Key{1}, Owner: store.Key{2}, Refs: []store.Key{{3}}, Begun: now, Active: now,
		Due: now.Add(time.Hour)}
	if err := s.Create(t.Context(), rec); err != nil {
		t.Fatal(err)
	}
	inMemory := func() bool {
		r, _ := s.cache.get(&rec.Key)
		return r != nil
	}
	load := func() {
		t.Helper()
		if _, err := s.Load(t.Context(), rec.Key); err != nil || !inMemory() {
			t.Fatalf("in memory: %v, %v", inMemory(), err)
		}
	}
	load()
	if s.catchUp(t.Context()); !inMemory() {
		t.Error("memory is given up on the same connection")
	}
	s.tracked.mu.Lock()
	for addr := range s.tracked.ids {
		s.tracked.ids[addr]-- // as if it had been another
	}
	s.tracked.mu.Unlock()
	if s.catchUp(t.Context()); inMemory() {
		t.Error("what another connection has read is still in memory")
	}
	load()
	server.Kill()
	if s.catchUp(t.Context()); inMemory() {
		t.Error("nothing proves that memory is right, and it is not given up")
	}
	if _, err := s.Load(t.Context(), rec.Key); err == nil || errors.Is(err, store.ErrNotFound) {
		t.Errorf("Load without a server: %v", err)
	}
}
