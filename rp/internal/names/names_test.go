package names_test

import (
	"bytes"
	"encoding/hex"
	"slices"
	"testing"

	"github.com/tandem-sso/tandem/rp/internal/cookie"
	"github.com/tandem-sso/tandem/rp/internal/names"
	"github.com/tandem-sso/tandem/rp/internal/record"
	"github.com/tandem-sso/tandem/rp/store"
)

const issuer, client = "https://idp.example", "notes"

func keyOf(b byte) []byte { return bytes.Repeat([]byte{b}, 32) }

func party(t *testing.T, issuer, client string, keys ...byte) *names.Party {
	t.Helper()
	var masters [][]byte
	for _, b := range keys {
		masters = append(masters, keyOf(b))
	}
	p, err := names.New(issuer, client, masters)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func idOf(b byte) *cookie.ID {
	id := cookie.ID(bytes.Repeat([]byte{b}, cookie.IDLen))
	return &id
}

// all are one name of each kind.
func all(p *names.Party) map[string]store.Key {
	session := p.Session(idOf('a'))
	return map[string]store.Key{
		"owner": p.Owner, "session": session, "once": p.Once("jti", "x"), "lease": names.LeaseID("ask", session),
		"subject": p.Ref(0, names.BySubject, "ada"), "sid": p.Ref(0, names.BySID, "ada"),
		"subject alone": p.Ref(0, names.BySubjectAlone, "ada"), "kept": p.KeptKey(),
	}
}

// Two releases share a Store while one replaces the other: each finds what the other has
// written, so no name ever changes.
func TestNamesNeverChange(t *testing.T) {
	want := map[string]string{
		"owner":         "a2fe952a5f35f36b0ed62f8707466eb13c19c9654246d3b4e06ebbca582d245b",
		"session":       "9ec5d43da1fc30d933f3faf3e362323f65061a535b8e0ee49852d9ac047b4522",
		"once":          "3b8fa59f5542a1d94bdda68e0867785103562e7c1cf9e7e400c9a3bd148e0e2d",
		"lease":         "8ea375985429471434db013f413a6fac17e3eed2733d0c9a16b292fd3031b4c0",
		"subject":       "dd1ef70aabd2c984ead8a51815d44375ee1b0799b05d2314ea32a7e332666cac",
		"sid":           "13dd43e61debb57eae296e6da5ee4ca0445b401a114b80337612077539aa9325",
		"subject alone": "783875a4298c682dd9c7c23e8d7e8662b23a02cd8b43e29a007c29971b165b01",
		"kept":          "fc41dbab17cf100c2affb0bdfcad83a7f3dae3d1554e11ba6e95a539c8413fb9",
	}
	got := all(party(t, issuer, client, 1))
	for kind, name := range want {
		key := got[kind]
		if hex.EncodeToString(key[:]) != name {
			t.Errorf("%s: %x", kind, key)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d names, %d are held", len(got), len(want))
	}
}

// C9: no name of one client is a name of another, nor of another kind, although all have the
// same keys.
func TestNamesAreOneClients(t *testing.T) {
	seen := map[store.Key]string{}
	for _, who := range [][2]string{{issuer, client}, {issuer, "wiki"}, {"https://other.example", client},
		{issuer + "n", "otes"}} {
		for kind, name := range all(party(t, who[0], who[1], 1)) {
			if other, taken := seen[name]; taken {
				t.Errorf("%s of %v is %s, too", kind, who, other)
			}
			seen[name] = kind + " of " + who[1] + " at " + who[0]
		}
	}
}

// Keys and leases need none of Config.Keys: instances that roll theirs meet. References do:
// whoever reads a Store does not learn a subject by trying names.
func TestNamesAndKeys(t *testing.T) {
	one, two := all(party(t, issuer, client, 1)), all(party(t, issuer, client, 2))
	for kind, name := range one {
		keyed := kind == "subject" || kind == "sid" || kind == "subject alone"
		if (two[kind] != name) != keyed {
			t.Errorf("%s depends on the keys: %v", kind, !keyed)
		}
	}
	if p := party(t, issuer, client, 1); p.Session(idOf('a')) == p.Session(idOf('b')) ||
		p.Once("jti", "x") == p.Once("jti", "y") || p.Once("jti", "x") == p.Once("state", "x") ||
		p.Ref(0, names.BySID, "a") == p.Ref(0, names.BySID, "b") {
		t.Error("two things have one name")
	}
	if _, err := names.New(issuer, client, [][]byte{keyOf(1), make([]byte, 31)}); err == nil {
		t.Error("a key of 31 bytes is taken")
	}
}

// While keys are rolled, what one instance writes under its first key, another one finds
// under its second (C9).
func TestRolledKeys(t *testing.T) {
	old, rolled := party(t, issuer, client, 1), party(t, issuer, client, 2, 1)
	under := rolled.Under(names.BySID, "s")
	if want := []store.Key{rolled.Ref(0, names.BySID, "s"), old.Ref(0, names.BySID, "s")}; !slices.Equal(under, want) {
		t.Errorf("%x, want %x", under, want)
	}
}

// BCL-15: a session is found by its subject, and by its sid or, without one, by the subject
// alone. The sid before a change stays.
func TestRefsOf(t *testing.T) {
	p := party(t, issuer, client, 2, 1)
	type ref struct {
		kind string
		id   string
	}
	of := func(i int, r ref) store.Key {
		switch r.kind {
		case "sid":
			return p.Ref(i, names.BySID, r.id)
		case "alone":
			return p.Ref(i, names.BySubjectAlone, r.id)
		}
		return p.Ref(i, names.BySubject, r.id)
	}
	for name, row := range map[string]struct {
		data record.Data
		want []ref
	}{
		"no sid": {record.Data{Subject: "ada"}, []ref{{"sub", "ada"}, {"alone", "ada"}}},
		"a sid":  {record.Data{Subject: "ada", SID: "s"}, []ref{{"sub", "ada"}, {"sid", "s"}}},
		"another before": {record.Data{Subject: "ada", SID: "s", OldSID: "o"},
			[]ref{{"sub", "ada"}, {"sid", "s"}, {"sid", "o"}}},
		"the same before": {record.Data{Subject: "ada", SID: "s", OldSID: "s"}, []ref{{"sub", "ada"}, {"sid", "s"}}},
		"one before only": {record.Data{Subject: "ada", OldSID: "o"}, []ref{{"sub", "ada"}, {"sid", "o"}}},
	} {
		var first, both []store.Key
		for i := range 2 {
			for _, r := range row.want {
				both = append(both, of(i, r))
			}
		}
		first = both[:len(row.want)]
		if got := p.RefsOf(&row.data); !slices.Equal(got, first) {
			t.Errorf("%s: %x, want %x", name, got, first)
		}
		if got := p.RefsAtBegin(&row.data); !slices.Equal(got, both) {
			t.Errorf("%s at the begin: %x, want %x", name, got, both)
		}
	}
}

// BCL-18: a new session is found under each of Config.Keys, as far as a Store takes
// references; those of the key that writes come first.
func TestRefsAtBeginFit(t *testing.T) {
	for keys, want := range map[int]int{1: 2, store.MaxRefs / 2: store.MaxRefs, store.MaxRefs/2 + 1: store.MaxRefs} {
		p := party(t, issuer, client, []byte{1, 2, 3, 4, 5, 6, 7, 8}[:keys]...)
		d := &record.Data{Subject: "ada", SID: "s"}
		got := p.RefsAtBegin(d)
		if len(got) != want || !slices.Equal(got[:2], p.RefsOf(d)) {
			t.Errorf("%d keys: %d references, want %d", keys, len(got), want)
		}
	}
}

// C9: a sealed record is bound to its client and its key, and to bind one leaves the owner as
// it is.
func TestBound(t *testing.T) {
	p := party(t, issuer, client, 1)
	owner := p.Owner
	a, b := p.Session(idOf('a')), p.Session(idOf('b'))
	boundA, boundB := p.Bound(&a), p.Bound(&b)
	if want := slices.Concat(owner[:], a[:]); !bytes.Equal(boundA, want) {
		t.Errorf("%x, want %x", boundA, want)
	}
	if bytes.Equal(boundA, boundB) || p.Owner != owner {
		t.Error("two records are bound to the same, or the owner has changed")
	}
}

// No two lists of parts have one hash, where their texts in a row are the same.
func TestHashTellsPartsApart(t *testing.T) {
	seen := map[store.Key][]string{}
	for _, parts := range [][]string{{}, {""}, {"", ""}, {"ab"}, {"a", "b"}, {"ab", ""}, {"", "ab"}} {
		key := names.Hash(parts...)
		if other, taken := seen[key]; taken {
			t.Errorf("%q and %q", parts, other)
		}
		seen[key] = parts
	}
}

// A new id is never an old one, and its key is that of the session with that cookie.
func TestNewID(t *testing.T) {
	p := party(t, issuer, client, 1)
	a, key := p.NewID()
	b, _ := p.NewID()
	if a == b || key != p.Session(&a) {
		t.Error("an id comes twice, or has another session's key")
	}
}
