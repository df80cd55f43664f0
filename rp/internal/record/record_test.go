package record

import (
	"bytes"
	"encoding/binary"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var began = time.Date(2026, 11, 21, 8, 0, 0, 123e6, time.UTC)

func full() Data {
	return Data{
		Subject: "ada", SID: "sid-2", OldSID: "sid-1", IDToken: "e.y.J", Claims: `{"sub":"ada"}`,
		AccessToken: "access", TokenType: "Bearer", RefreshToken: "refresh", Scope: "openid profile",
		Started: began, AuthTime: began.Add(-time.Hour), Signalled: began.Add(1), Confirmed: began.Add(time.Minute),
		TokenEnds: began.Add(time.Hour), Ceiling: began.Add(8 * time.Hour), Window: 15 * time.Minute, TokenLife: 5 * time.Minute,
		Generation: 7, Values: "\x00\xff",
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
		for _, at := range []*time.Time{&d.Started, &d.AuthTime, &d.Signalled, &d.Confirmed, &d.TokenEnds, &d.Ceiling} {
			*at = anyInstant().Draw(t, "instant")
		}
		d.Window = time.Duration(rapid.Int64Range(0, 1<<40).Draw(t, "window")) * time.Millisecond
		d.TokenLife = time.Duration(rapid.Int64Range(0, 1<<40).Draw(t, "life")) * time.Millisecond
		d.Generation = rapid.Uint64().Draw(t, "generation")
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

// A record of an older release lacks the last numbers: they are zero.
func TestOlderRecord(t *testing.T) {
	in := full()
	b := in.Encode()
	n := in.numbers()
	for cut := len(n) - 1; cut >= 0; cut-- {
		b = b[:len(b)-len(binary.AppendVarint(nil, n[cut]))]
		out, err := Decode(b)
		if err != nil {
			t.Fatalf("without the last %d numbers: %v", len(n)-cut, err)
		}
		got := out.numbers()
		for i := range got {
			want := n[i]
			if i >= cut {
				want = 0
			}
			if got[i] != want {
				t.Errorf("without the last %d numbers: number %d is %d, want %d", len(n)-cut, i, got[i], want)
			}
		}
		if out.Values != in.Values {
			t.Errorf("without the last %d numbers the text is lost", len(n)-cut)
		}
	}
}

// A record of a newer release has more behind what this one knows.
func TestNewerRecord(t *testing.T) {
	in := full()
	in.Signalled = began
	out, err := Decode(append(in.Encode(), 1, 2, 3, 0xff, 0xff))
	if err != nil || *out != in {
		t.Errorf("%+v, %v", out, err)
	}
}

func TestMalformed(t *testing.T) {
	in := full()
	b := in.Encode()
	texts := len(b)
	for _, v := range in.numbers() {
		texts -= len(binary.AppendVarint(nil, v))
	}
	for cut := range texts { // inside of the text: nothing can be read
		if _, err := Decode(b[:cut]); !errors.Is(err, ErrMalformed) {
			t.Errorf("cut off after %d bytes: %v", cut, err)
		}
	}
	for name, b := range map[string][]byte{
		"nothing":                        {},
		"version 0":                      {0},
		"another version":                append([]byte{version + 1}, b[1:]...),
		"a length of 2^64-1":             append([]byte{version}, bytes.Repeat([]byte{0xff}, 9)...),
		"a length that overflows an int": append([]byte{version}, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f),
		"a length beyond 64 bits":        append([]byte{version}, bytes.Repeat([]byte{0xff}, 12)...),
		"half a number":                  append(b[:texts:texts], 0x80),
		"a number beyond 64 bits":        append(b[:texts:texts], bytes.Repeat([]byte{0xff}, 12)...),
	} {
		if _, err := Decode(b); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
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

// Whatever is read can be written and read again to the same effect.
func FuzzDecode(f *testing.F) {
	d := full()
	f.Add(d.Encode())
	f.Add((&Data{}).Encode())
	f.Add([]byte{version, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := Decode(b)
		if err != nil {
			if d != nil || !errors.Is(err, ErrMalformed) {
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
	d.IDToken, d.Claims = strings.Repeat("x", 1500), strings.Repeat("y", 1500)
	raw := d.Encode()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decode(raw); err != nil {
			b.Fatal(err)
		}
	}
}
