package storekit

import "github.com/tandem-sso/tandem/rp/store"

// Shelf keeps some records in memory, up to a number of bytes. What it drops
// when it is full is left to chance: cheap, and good enough where the back end
// has it anyway. It is not safe for concurrent use; records on it are never
// written.
type Shelf struct {
	max, used int
	byKey     map[store.Key]*store.Record
}

// perRecord is about what a record takes beside its slices.
const perRecord = 400

// NewShelf returns a Shelf of at most so many bytes.
func NewShelf(maxBytes int) *Shelf {
	return &Shelf{max: maxBytes, byKey: make(map[store.Key]*store.Record)}
}

// Get returns the record under key, or nil.
func (s *Shelf) Get(key *store.Key) *store.Record { return s.byKey[*key] }

// Put keeps r, in place of what was under its key.
func (s *Shelf) Put(r *store.Record) {
	s.Drop(&r.Key)
	size := sizeOf(r)
	for key := range s.byKey {
		if s.used+size <= s.max {
			break
		}
		s.Drop(&key)
	}
	if s.used+size > s.max {
		return
	}
	s.used += size
	s.byKey[r.Key] = r
}

// Drop forgets the record under key.
func (s *Shelf) Drop(key *store.Key) {
	if r := s.byKey[*key]; r != nil {
		s.used -= sizeOf(r)
		delete(s.byKey, *key)
	}
}

// Clear forgets all.
func (s *Shelf) Clear() {
	clear(s.byKey)
	s.used = 0
}

func sizeOf(r *store.Record) int { return perRecord + len(r.Sealed) + len(r.Refs)*len(store.Key{}) }
