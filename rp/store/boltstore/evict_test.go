package boltstore_test

import (
	"path/filepath"
	"sync"
	"testing"

	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/boltstore"
)

// Two sessions that push each other out of memory, while one of them changes: a
// Load that was under way when the change was written must not leave the old
// record behind.
func TestEvictedWhileChanging(t *testing.T) {
	const shards, perShard = 64, 3800 // one record of 3 KB
	ctx := t.Context()
	s := open(t, filepath.Join(t.TempDir(), "sessions.db"), boltstore.Options{CacheBytes: shards * perShard})
	a, b := record(1), record(2)
	b.Key = a.Key
	b.Key[31] ^= 1
	for _, rec := range []store.Record{a, b} {
		if err := s.Create(ctx, rec); err != nil {
			t.Fatal(err)
		}
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				s.Load(ctx, a.Key)
				s.Load(ctx, b.Key)
			}
		})
	}
	for v := uint64(1); v < 100; v++ {
		a.Version = v
		if err := s.Replace(ctx, a); err != nil {
			t.Fatal(err)
		}
		for range 20 {
			if rec, err := s.Load(ctx, a.Key); err != nil || rec.Version != v+1 {
				t.Fatalf("Load after Replace: version %d, want %d; %v", rec.Version, v+1, err)
			}
			s.Load(ctx, b.Key)
		}
	}
	close(stop)
	wg.Wait()
}
