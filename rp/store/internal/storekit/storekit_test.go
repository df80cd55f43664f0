package storekit

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/rp/store"
)

func sample() store.Record {
	at := time.Date(2026, 5, 4, 3, 2, 1, 999e6, time.UTC)
	return store.Record{
		Owner: store.Key{9}, Version: 1 << 40, Refs: []store.Key{{1}, {2}, {3}},
		Begun: at, Issued: at.Add(time.Minute), Active: at.Add(time.Hour), Due: at.Add(2 * time.Hour),
		End: store.End{Reason: "idle", At: at.Add(3 * time.Hour), Until: at.Add(4 * time.Hour)},
	}
}

func TestHead(t *testing.T) {
	live := sample()
	live.End, live.Due = store.End{}, time.Time{}
	for _, want := range []store.Record{sample(), live} {
		b := append(AppendHead([]byte("before"), &want, 42), "sealed"...)
		got, tag, rest, err := ParseHead(b[len("before"):])
		if err != nil || tag != 42 || string(rest) != "sealed" {
			t.Fatalf("ParseHead: tag %d, rest %q, %v", tag, rest, err)
		}
		if got.Version != want.Version || !slices.Equal(got.Refs, want.Refs) || got.Begun != want.Begun ||
			got.Owner != want.Owner || got.Issued != want.Issued ||
			got.Active != want.Active || got.Due != want.Due || got.End != want.End {
			t.Fatalf("got %+v\nwant %+v", got, want)
		}
	}
}

func TestHeadDamaged(t *testing.T) {
	want := sample()
	whole := AppendHead(nil, &want, 7)
	for n := range whole {
		if _, _, _, err := ParseHead(whole[:n]); err == nil {
			t.Fatalf("%d of %d bytes are accepted", n, len(whole))
		}
	}
	newer := bytes.Clone(whole)
	newer[0] = layout + 1
	if _, _, _, err := ParseHead(newer); err == nil {
		t.Fatal("another layout is accepted")
	}
}

func FuzzParseHead(f *testing.F) {
	r := sample()
	f.Add(AppendHead(nil, &r, 1))
	r.End = store.End{}
	f.Add(append(AppendHead(nil, &r, 2), "rest"...))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, tag, rest, err := ParseHead(b)
		if err != nil {
			return
		}
		again, tag2, rest2, err := ParseHead(append(AppendHead(nil, &r, tag), rest...))
		if err != nil || tag != tag2 || !bytes.Equal(rest, rest2) || again.Version != r.Version ||
			!slices.Equal(again.Refs, r.Refs) || again.End.Reason != r.End.Reason {
			t.Fatalf("%+v became %+v, %v", r, again, err)
		}
	})
}

func TestShelf(t *testing.T) {
	const max = 100 * (perRecord + 100)
	s := NewShelf(max)
	for i := range 1000 {
		s.Put(&store.Record{Key: store.Key{byte(i), byte(i >> 8)}, Sealed: make([]byte, i%200)})
		if s.used > max {
			t.Fatalf("%d bytes are used, %d allowed", s.used, max)
		}
	}
	if n := len(s.byKey); n < 50 {
		t.Fatalf("only %d records are kept", n)
	}
	last := store.Record{Key: store.Key{1}, Sealed: []byte("x")}
	s.Put(&last)
	s.Put(&last)
	if s.Get(&last.Key) != &last {
		t.Fatal("the last record is not kept")
	}
	s.Put(&store.Record{Key: last.Key, Sealed: make([]byte, max)}) // does not fit
	if s.Get(&last.Key) != nil {
		t.Fatal("the record before is still kept")
	}
	for key := range s.byKey {
		s.Drop(&key)
	}
	if s.used != 0 {
		t.Fatalf("the empty shelf uses %d bytes", s.used)
	}
	s.Put(&last)
	s.Clear()
	if s.used != 0 || s.Get(&last.Key) != nil {
		t.Fatal("Clear leaves something")
	}
}
