package keyset

import (
	"context"
	"encoding/json"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Ready reads the keys unless they are known and not old.
func (s *Set) Ready(ctx context.Context) error {
	keys, tried, old := s.snapshot()
	if len(keys) > 0 && !old {
		return nil
	}
	_, err := s.refresh(ctx, tried, false)
	return err
}

// From says where the keys are. Those of another place go on until they could be read
// there, which is tried at their next use.
func (s *Set) From(url string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.url != url {
		s.url, s.due, s.tried = url, time.Time{}, time.Time{}
	}
}

// Kept returns the keys as a JSON Web Key Set that Restore reads, and when they were
// read; nil if there are none. Certificates are left out: they are not looked at.
func (s *Set) Kept() (set []byte, read time.Time) {
	s.mu.Lock()
	keys, read := s.keys, s.read
	s.mu.Unlock()
	if len(keys) == 0 {
		return nil, time.Time{}
	}
	var doc jose.JSONWebKeySet
	for _, k := range keys {
		doc.Keys = append(doc.Keys, jose.JSONWebKey{Key: k.Key, KeyID: k.KeyID, Algorithm: k.Algorithm, Use: k.Use})
	}
	set, err := json.Marshal(doc)
	if err != nil {
		return nil, time.Time{}
	}
	return set, read
}

// Restore takes what Kept has returned, unless newer keys are known. They count as
// old: their next use tries to read them again, and they go on where that fails, for as
// long as any others would.
func (s *Set) Restore(set []byte, read time.Time) error {
	keys, err := Parse(set)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if read.After(s.read) && !read.After(s.now()) {
		s.keys, s.read, s.due = keys, read, time.Time{}
	}
	return nil
}
