package record

import (
	"bytes"
	"encoding/binary"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var began = time.Date(2026, 11, 21, 8, 0, 0, 123e6, time.UTC)

func full() Data {
	return Data{
		Subject: "ada", SID: "sid-2", OldSID: "sid-1", IDToken: "e.y.J", Kept: `{"a":1}`,
		AccessToken: "access", TokenType: "Bearer", RefreshToken: "refresh", Scope: "openid profile",
		Started: began, AuthTime: began.Add(-time.Hour), Signalled: began.Add(1), Confirmed: began.Add(time.Minute),
		TokenEnds: began.Add(time.Hour), Ceiling: began.Add(8 * time.Hour), Window: 15 * time.Minute,
		TokenLife:  5 * time.Minute,
		Generation: 7, Told: began.Add(2 * time.Hour), Tries: 3, RefreshEnds: began.Add(time.Hour), Asked: began,
		Doubted: 8, Showing: ShownAgain, Renew: true, UserinfoFits: true, SendsUser: true, Values: "\x00\xff",
		Agent: "Firefox", Wish: "{}", ACR: "gold", Userinfo: `{"b":2}`, Nonce: "n-0S6", Renewed: 6, APITokens: "tokens",
		DPoPKey: "key", SessionState: "salted", Changed: true, Changes: 2, Replaces: "\x01\xfe",
	}
}

// instants are whole milliseconds of UTC, or the zero time.
func anyInstant() *rapid.Generator[time.Time] {
	return rapid.Custom(func(t *rapid.T) time.Time {
		return instant(rapid.Int64Range(-1<<45, 1<<45).Draw(t, "ms"))
	})
}

func anyData() *rapid.Generator[Data] {
	return rapid.Custom(func(t *rapid.T) Data {
		var d Data
		for _, s := range d.strings() {
			*s = string(rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "field"))
		}
		for _, at := range []*time.Time{&d.Started, &d.AuthTime, &d.Signalled, &d.Confirmed, &d.TokenEnds, &d.Ceiling,
			&d.Told, &d.RefreshEnds, &d.Asked} {
			*at = anyInstant().Draw(t, "instant")
		}
		d.Window = time.Duration(rapid.Int64Range(0, 1<<40).Draw(t, "window")) * time.Millisecond
		d.TokenLife = time.Duration(rapid.Int64Range(0, 1<<40).Draw(t, "life")) * time.Millisecond
		d.Generation, d.Renewed = rapid.Uint64().Draw(t, "generation"), rapid.Uint64().Draw(t, "renewed")
		return d
	})
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := anyData().Draw(t, "data")
		out, err := Decode(in.Encode())
		if err != nil {
			t.Fatal(err)
		}
		if *out != in {
			t.Fatalf("%+v\nbecame\n%+v", in, *out)
		}
	})
}

// Every field that Data has must survive: a new one that nobody encodes would
// be lost without a word.
func TestEveryFieldIsKept(t *testing.T) {
	in := full()
	for _, f := range reflect.VisibleFields(reflect.TypeFor[Data]()) {
		if reflect.ValueOf(in).FieldByIndex(f.Index).IsZero() {
			t.Errorf("full() lacks %s: set it, so that its way is tested", f.Name)
		}
	}
	in.Signalled = began.Add(time.Millisecond)
	out, err := Decode(in.Encode())
	if err != nil || *out != in {
		t.Errorf("%+v\nbecame\n%+v, %v", in, out, err)
	}
	empty, err := Decode((&Data{}).Encode())
	if err != nil || *empty != (Data{}) {
		t.Errorf("an empty record became %+v, %v", empty, err)
	}
}

// What is finer than a millisecond is cut off, and every time comes back in UTC.
func TestTimesAreMillisecondsOfUTC(t *testing.T) {
	in := Data{Started: began.Add(999 * time.Microsecond).In(time.FixedZone("x", 3600))}
	out, err := Decode(in.Encode())
	if err != nil || !out.Started.Equal(began) || out.Started.Location() != time.UTC {
		t.Errorf("%v became %v, %v", in.Started, out.Started, err)
	}
}

// lists puts a record together from any number of fields, as another release
// may have written it.
func lists(texts []string, numbers []int64) []byte {
	b := binary.AppendUvarint([]byte{version}, uint64(len(texts)))
	for _, s := range texts {
		b = append(binary.AppendUvarint(b, uint64(len(s))), s...)
	}
	b = binary.AppendUvarint(b, uint64(len(numbers)))
	for _, n := range numbers {
		b = binary.AppendVarint(b, n)
	}
	return b
}

// An older release wrote fewer fields, a newer one writes more: what both know
// is read, what only one knows does no harm.
func TestOtherReleases(t *testing.T) {
	in := full()
	var texts []string
	for _, s := range in.strings() {
		texts = append(texts, *s)
	}
	all := in.numbers()
	numbers := all[:]
	for nt := range len(texts) + 4 {
		for nn := range len(numbers) + 4 {
			theirs := append(slices.Clone(texts), "new", "fields", "of theirs")[:nt]
			counts := append(slices.Clone(numbers), 1, -1, 1<<62)[:nn]
			out, err := Decode(lists(theirs, counts))
			if err != nil {
				t.Fatalf("%d texts, %d numbers: %v", nt, nn, err)
			}
			for i, s := range out.strings() {
				if i < nt && *s != texts[i] || i >= nt && *s != "" {
					t.Errorf("%d texts, %d numbers: text %d is %q", nt, nn, i, *s)
				}
			}
			for i, n := range out.numbers() {
				if i < nn && n != numbers[i] || i >= nn && n != 0 {
					t.Errorf("%d texts, %d numbers: number %d is %d", nt, nn, i, n)
				}
			}
		}
	}
}

// The order of the fields is in every store: a change of it would mix up the
// sessions of two releases.
func TestLayoutStays(t *testing.T) {
	in := full()
	want := lists(
		[]string{"ada", "sid-2", "sid-1", "e.y.J", `{"a":1}`, "access", "Bearer", "refresh", "openid profile",
			"\x00\xff", "Firefox", "{}", "gold", `{"b":2}`, "n-0S6", "tokens", "key", "salted", "\x01\xfe"},
		[]int64{ms(in.Started), ms(in.AuthTime), ms(in.Signalled), ms(in.Confirmed), ms(in.TokenEnds), ms(in.Ceiling),
			900_000, 300_000, 7, ms(in.Told), 3, ms(in.RefreshEnds), ms(in.Asked), 8, 1, 1, 1, 6, 2, 1, 2})
	if got := in.Encode(); !bytes.Equal(got, want) {
		t.Errorf("%q\nwant\n%q", got, want)
	}
}

func TestMalformed(t *testing.T) {
	in := full()
	b := in.Encode()
	for cut := range b {
		if _, err := Decode(b[:cut]); !errors.Is(err, ErrMalformed) {
			t.Errorf("cut off after %d of %d bytes: %v", cut, len(b), err)
		}
	}
	ones := bytes.Repeat([]byte{0xff}, 12)
	for name, b := range map[string][]byte{
		"a count of texts only":      {version, 1},
		"more texts than bytes":      {version, 9, 0, 0, 0},
		"a count beyond 64 bits":     append([]byte{version}, ones...),
		"a length beyond 64 bits":    append([]byte{version, 1}, ones...),
		"a length of 2^63-1":         {version, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0, 0},
		"more numbers than bytes":    {version, 0, 9, 0, 0, 0},
		"half a number":              {version, 0, 1, 0x80},
		"a number beyond 64 bits":    append([]byte{version, 0, 1}, ones...),
		"an endless number of texts": {version, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0},
	} {
		if _, err := Decode(b); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, v := range []byte{0, version + 1, 0xff} {
		if _, err := Decode(append([]byte{v}, b[1:]...)); !errors.Is(err, ErrVersion) {
			t.Errorf("version %d: %v", v, err)
		}
	}
}

// The encoding costs little beside the text, so that MaxSize means what it says.
func TestSize(t *testing.T) {
	in := full()
	in.IDToken = strings.Repeat("x", 3<<10)
	text := 0
	for _, s := range in.strings() {
		text += len(*s)
	}
	if over := len(in.Encode()) - text; over > 128 {
		t.Errorf("%d bytes beside the text", over)
	}
}

// What fits is stored, to the last byte.
func TestFits(t *testing.T) {
	d := full()
	d.Values = strings.Repeat("x", MaxSize/2) // so that its length takes three bytes, now and then
	d.Values += strings.Repeat("x", MaxSize-len(d.Encode()))
	if n := len(d.Encode()); n != MaxSize || !d.Fits() {
		t.Errorf("%d bytes do not fit", n)
	}
	if d.Values += "x"; d.Fits() {
		t.Errorf("%d bytes fit", len(d.Encode()))
	}
}

// Whatever is read can be written and read again to the same effect.
func FuzzDecode(f *testing.F) {
	d := full()
	f.Add(d.Encode())
	f.Add((&Data{}).Encode())
	f.Add([]byte{version, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := Decode(b)
		if err != nil {
			if d != nil || !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrVersion) {
				t.Errorf("%v, %v", d, err)
			}
			return
		}
		for _, s := range d.strings() {
			if len(*s) > len(b) {
				t.Errorf("a field of %d bytes out of %d", len(*s), len(b))
			}
		}
		again, err := Decode(d.Encode())
		if err != nil {
			t.Fatal(err)
		}
		if again.Subject != d.Subject || again.Values != d.Values || again.Generation != d.Generation {
			t.Errorf("%+v became %+v", d, again)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	d := full()
	d.IDToken, d.Userinfo = strings.Repeat("x", 1500), strings.Repeat("y", 1500)
	raw := d.Encode()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decode(raw); err != nil {
			b.Fatal(err)
		}
	}
}
