package redisstore

import (
	"testing"

	"github.com/tandem-sso/tandem/rp/store"
)

// What others publish on the channel must not upset Watch.
func FuzzParseMessage(f *testing.F) {
	f.Add(message(store.Change{Key: store.Key{1}, Version: 7, Reason: "idle"}))
	f.Add("hello")
	f.Fuzz(func(t *testing.T, m string) {
		c, ok := parseMessage(m)
		if ok && message(c) != m {
			t.Fatalf("%q became %+v", m, c)
		}
		if !ok && c != (store.Change{}) {
			t.Fatalf("%q is refused and yields %+v", m, c)
		}
	})
}

func FuzzParseRecordKey(f *testing.F) {
	s := &Store{prefix: "tandem:"}
	key := store.Key{1, 2, 3}
	f.Add(s.keyRecord(&key))
	f.Add(s.keyDue(3, &key))
	f.Add("tandem:{1}:s:")
	f.Fuzz(func(t *testing.T, name string) {
		key, ok := s.parseRecordKey(name)
		if !ok {
			return
		}
		if again, ok := s.parseRecordKey(s.keyRecord(&key)); !ok || again != key {
			t.Fatalf("%q became %x", name, key)
		}
	})
}
