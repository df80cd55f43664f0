package engine

import (
	"encoding/binary"
	"sync"
	"testing"

	"github.com/tandem-sso/tandem/rp/internal/lifetime"
	"github.com/tandem-sso/tandem/rp/store"
)

func (c *cache) add(key store.Key, version uint64) {
	c.put(&State{Rec: store.Record{Key: key, Version: version, Sealed: []byte("sealed")}}, lifetime.Span{})
}

// keyIn returns one of many keys that have the same places.
func keyIn(set, i byte) (k store.Key) {
	k[2], k[9] = set, i
	return k
}

func TestCache(t *testing.T) {
	c := new(cache)
	key, other := keyIn(1, 1), keyIn(1, 2)
	c.add(key, 2)
	if c.get(&key, 1) != nil || c.get(&key, 3) != nil || c.get(&other, 2) != nil {
		t.Error("another version or key is found")
	}
	o := c.get(&key, 2)
	if o == nil || o.Rec.Sealed != nil {
		t.Fatalf("%+v", o)
	}
	c.add(key, 1)
	if c.get(&key, 2) != o {
		t.Error("an older version takes the place of a newer one")
	}
	c.add(key, 3)
	if c.get(&key, 2) != nil || c.get(&key, 3) == nil {
		t.Error("a newer version does not take the place of an older one")
	}
	c.add(other, 7)
	c.drop(&key)
	if c.get(&key, 3) != nil || c.get(&other, 7) == nil {
		t.Error("drop drops something else")
	}
}

// The same version takes the place of itself: activity has moved how long the clocks have nothing to say. What
// is replaced or dropped takes no room.
func TestCacheReplaces(t *testing.T) {
	c := new(cache)
	key := keyIn(1, 1)
	c.add(key, 1)
	size := c.used.Load()
	quiet := lifetime.Span{From: 1, Until: 2}
	c.put(&State{Rec: store.Record{Key: key, Version: 1, Sealed: []byte("sealed")}}, quiet)
	if o := c.get(&key, 1); o == nil || o.Quiet != quiet {
		t.Errorf("%+v", o)
	}
	c.add(key, 2)
	if used := c.used.Load(); used != size || size == 0 {
		t.Errorf("one takes %d bytes, and after two changes %d", size, used)
	}
	if c.drop(&key); c.used.Load() != 0 {
		t.Errorf("nothing takes %d bytes", c.used.Load())
	}
}

// What comes last is there, what is kept is bounded, and room is used before
// anything has to leave.
func TestCacheIsBounded(t *testing.T) {
	c := new(cache)
	ways := len(c.sets[0])
	kept := func() (n int) {
		for i := range 100 {
			if key := keyIn(5, byte(i)); c.get(&key, 1) != nil {
				n++
			}
		}
		return n
	}
	for i := range 100 {
		key := keyIn(5, byte(i))
		c.add(key, 1)
		if c.get(&key, 1) == nil {
			t.Fatalf("%d is not there", i)
		}
		if n, want := kept(), min(i+1, ways); n != want {
			t.Fatalf("after %d: %d are kept, want %d", i+1, n, want)
		}
	}
	for i := range 100 {
		key := keyIn(5, byte(i))
		c.drop(&key)
	}
	if n := kept(); n != 0 {
		t.Errorf("%d are left", n)
	}
}

// Large sessions leave room for fewer of them, and what was counted is given back.
func TestCacheIsBoundedInBytes(t *testing.T) {
	c := new(cache)
	large := make([]byte, store.MaxSealed)
	key := func(i int) (k store.Key) { binary.LittleEndian.PutUint32(k[2:], uint32(i)); return k }
	const n = 8000
	for i := range n {
		k := key(i)
		c.put(&State{Rec: store.Record{Key: k, Version: 1, Sealed: large}}, lifetime.Span{})
		if c.get(&k, 1) == nil {
			t.Fatalf("%d is not there", i)
		}
		if used := c.used.Load(); used > cacheMost {
			t.Fatalf("after %d: %d bytes, want at most %d", i+1, used, cacheMost)
		}
	}
	kept := 0
	for i := range n {
		k := key(i)
		if c.get(&k, 1) != nil {
			kept++
		}
		c.drop(&k)
	}
	if most := cacheMost / store.MaxSealed; kept > most || kept < most*9/10 {
		t.Errorf("%d are kept, want about %d", kept, most)
	}
	if used := c.used.Load(); used != 0 {
		t.Errorf("the empty cache uses %d bytes", used)
	}
}

// Many at once: a version that was put is there until a newer one takes its place,
// as there is room for all.
func TestCacheAtOnce(t *testing.T) {
	c := new(cache)
	keys := []store.Key{keyIn(9, 1), keyIn(9, 2), keyIn(9, 3), keyIn(9, 4)}
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for version := range uint64(20_000) {
				key := &keys[version%4]
				c.add(*key, version)
				if _, o := c.set(key).place(key); o == nil || o.Rec.Key != *key || o.Rec.Version < version {
					t.Errorf("%d was put, and %+v is there", version, o)
					return
				}
			}
		})
	}
	wait.Wait()
}
