package seal

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

var owner = []byte("one client of one IdP")

func master(b byte) []byte { return bytes.Repeat([]byte{b}, KeySize) }

func ring(t testing.TB, purpose string, masters ...[]byte) *Ring {
	t.Helper()
	r, err := NewRing(purpose, owner, masters...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

var (
	plain   = []byte("a refresh token")
	context = []byte("the session's key")
)

func opens(r *Ring, sealed, context []byte) bool {
	got, err := r.Open(sealed, context)
	if err != nil && !errors.Is(err, ErrOpen) {
		panic(err) // every failure must be ErrOpen, so that none tells more than another
	}
	return err == nil && bytes.Equal(got, plain)
}

func TestRoundTrip(t *testing.T) {
	r := ring(t, "record", master(1))
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.SliceOf(rapid.Byte()).Draw(t, "plain")
		ctx := rapid.SliceOf(rapid.Byte()).Draw(t, "context")
		out, err := r.Open(r.Seal(in, ctx), ctx)
		if err != nil || !bytes.Equal(in, out) {
			t.Fatalf("%x became %x, %v", in, out, err)
		}
	})
}

// Rolling: put a new key in front, drop the old one later; nobody is logged out
// on the way.
func TestRolling(t *testing.T) {
	a, b := master(1), master(2)
	old := ring(t, "record", a).Seal(plain, context)
	rolled := ring(t, "record", b, a)
	fresh := rolled.Seal(plain, context)
	for _, row := range []struct {
		name   string
		r      *Ring
		sealed []byte
		want   bool
	}{
		{"the new ring opens old messages", rolled, old, true},
		{"the new ring opens its own", rolled, fresh, true},
		{"an instance that has not rolled yet cannot open new ones", ring(t, "record", a), fresh, false},
		{"an instance that knows both in another order can", ring(t, "record", a, b), fresh, true},
		{"the dropped key opens nothing", ring(t, "record", b), old, false},
		{"the ring without it opens the rest", ring(t, "record", b), fresh, true},
		{"the same key twice is no harm", ring(t, "record", a, a), old, true},
		{"a stranger", ring(t, "record", master(3), master(4)), old, false},
	} {
		if got := opens(row.r, row.sealed, context); got != row.want {
			t.Errorf("%s: opened %v", row.name, got)
		}
	}
}

// A message is good for one purpose and one context: a record cannot be put in
// another one's place.
func TestPurposeAndContext(t *testing.T) {
	r := ring(t, "record", master(1))
	sealed := r.Seal(plain, context)
	if opens(ring(t, "login", master(1)), sealed, context) {
		t.Error("opened for another purpose")
	}
	for name, ctx := range map[string][]byte{"none": nil, "empty": {}, "another": []byte("another session"),
		"longer": append(bytes.Clone(context), 0), "shorter": context[1:]} {
		if opens(r, sealed, ctx) {
			t.Errorf("opened with the context %s", name)
		}
	}
	if !opens(r, sealed, context) {
		t.Error("not opened at all")
	}
}

// Tampering with any bit, or cutting anywhere, is noticed.
func TestTampering(t *testing.T) {
	r := ring(t, "record", master(2), master(1))
	sealed := r.Seal(plain, context)
	for i := range sealed {
		for bit := range 8 {
			bad := bytes.Clone(sealed)
			bad[i] ^= 1 << bit
			if opens(r, bad, context) {
				t.Errorf("opened with bit %d of byte %d flipped", bit, i)
			}
		}
		if opens(r, sealed[:i], context) {
			t.Errorf("opened when cut off after %d bytes", i)
		}
	}
	if opens(r, append(bytes.Clone(sealed), 0), context) {
		t.Error("opened with a byte more")
	}
}

func TestSealedBytesTellNothing(t *testing.T) {
	r := ring(t, "record", master(1))
	a, b := r.Seal(plain, context), r.Seal(plain, context)
	if bytes.Equal(a, b) {
		t.Error("the same text is sealed the same way twice")
	}
	if bytes.Contains(a, plain) {
		t.Error("the text can be read")
	}
	if want := len(plain) + overhead; len(a) != want {
		t.Errorf("%d bytes, want %d", len(a), want)
	}
}

func TestNewRingRefuses(t *testing.T) {
	for name, masters := range map[string][][]byte{
		"no key": {}, "an empty key": {{}}, "31 bytes": {make([]byte, 31)}, "33 bytes": {make([]byte, 33)},
		"a short second key": {master(1), make([]byte, 16)},
	} {
		if _, err := NewRing("record", owner, masters...); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
	if _, err := NewRing("record", owner, master(1), make([]byte, 16)); err == nil ||
		!strings.Contains(err.Error(), "key 2:") {
		t.Errorf("it is not told which key: %v", err)
	}
}

// C9: clients that share a key cannot open each other's messages.
func TestAnotherOwner(t *testing.T) {
	sealed := ring(t, "record", master(1)).Seal(plain, context)
	theirs, err := NewRing("record", []byte("another client"), master(1))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := theirs.Open(sealed, context); !errors.Is(err, ErrOpen) {
		t.Errorf("another owner with the same key: %v", err)
	}
}

func TestDerive(t *testing.T) {
	a, err := Derive(master(1), "mac", owner, 64)
	if err != nil || len(a) != 64 {
		t.Fatalf("%x, %v", a, err)
	}
	same, _ := Derive(master(1), "mac", owner, 64)
	other, _ := Derive(master(1), "encryption", owner, 64)
	stranger, _ := Derive(master(2), "mac", owner, 64)
	neighbour, _ := Derive(master(1), "mac", []byte("another owner"), 64)
	if !bytes.Equal(a, same) || bytes.Equal(a, other) || bytes.Equal(a, stranger) || bytes.Equal(a, neighbour) {
		t.Error("a derived key depends on the master key, the purpose and the owner, and on nothing else")
	}
}

// sealedOnce was sealed by an earlier run: what is in a store must stay readable
// by later releases.
const sealedOnce = "AWg3h5bsYXawLGDVSAgd178hHdbBsTbqTgFSc8QW3L5fntTT+kSf86NEJA4XEIPA"

func TestFormatStays(t *testing.T) {
	sealed, err := base64.RawStdEncoding.DecodeString(sealedOnce)
	if err != nil || !opens(ring(t, "record", master(1)), sealed, context) {
		t.Error("an old message cannot be opened any more: stores would lose every session")
	}
}

// Of all bytes in the world, a ring opens only what was sealed with its keys.
func FuzzOpen(f *testing.F) {
	r := ring(f, "record", master(1), master(2))
	sealed, _ := base64.RawStdEncoding.DecodeString(sealedOnce)
	f.Add(sealed, context)
	f.Add(sealed[:overhead], context)
	f.Add(append([]byte{format}, make([]byte, 64)...), []byte{})
	f.Fuzz(func(t *testing.T, b, ctx []byte) {
		_, err := r.Open(b, ctx)
		if err == nil && !(bytes.Equal(b, sealed) && bytes.Equal(ctx, context)) {
			t.Errorf("opened %x with context %x", b, ctx)
		}
		if err != nil && !errors.Is(err, ErrOpen) {
			t.Errorf("%v", err)
		}
	})
}
