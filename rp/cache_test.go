package rp

import (
	"sync"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/lifetime"
)

func (c *cache) add(key Key, version uint64) {
	now := time.Unix(1e9, 0)
	c.put(&state{rec: Record{Key: key, Version: version, Sealed: []byte("sealed")}}, lifetime.Span{From: now, Until: now.Add(time.Minute)})
}

// keyIn returns one of many keys that have the same places.
func keyIn(set, i byte) (k Key) {
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
	if o == nil || o.rec.Sealed != nil {
		t.Fatalf("%+v", o)
	}
	from := time.Unix(1e9, 0)
	for at, want := range map[time.Duration]bool{-time.Millisecond: false, 0: true, time.Minute - time.Millisecond: true, time.Minute: false} {
		if got := o.quiet(from.Add(at)); got != want {
			t.Errorf("quiet after %v: %v", at, got)
		}
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

// What comes last is there, what is kept is bounded, and room is used before
// anything has to leave.
func TestCacheIsBounded(t *testing.T) {
	c := new(cache)
	ways := len(c[0])
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

// Many at once: a reader gets what it asked for or nothing, and at the end the
// newest version of a key is there, if no other key has taken its place.
func TestCacheAtOnce(t *testing.T) {
	c := new(cache)
	keys := []Key{keyIn(9, 1), keyIn(9, 2), keyIn(9, 3), keyIn(9, 4)}
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for version := range uint64(500) {
				for i := range keys {
					c.add(keys[i], version)
					if o := c.get(&keys[i], version); o != nil && (o.rec.Key != keys[i] || o.rec.Version != version) {
						t.Errorf("asked for %d of %d, got %+v", version, i, o.rec)
					}
				}
			}
		})
	}
	wait.Wait()
	key := keyIn(9, 1)
	c.add(key, 500)
	if c.get(&key, 500) == nil {
		t.Error("the newest version is not there")
	}
}
