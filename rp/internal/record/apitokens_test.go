package record

import (
	"errors"
	"slices"
	"testing"
	"time"
)

func TestAPITokens(t *testing.T) {
	all := []APIToken{
		{API: "a", Token: "one", Ends: began, Life: time.Hour, Generation: 3},
		{API: "\x00\xff", Token: "", Generation: 1<<64 - 1},
	}
	got, err := DecodeAPITokens(EncodeAPITokens(all))
	if err != nil || !slices.Equal(got, all) {
		t.Errorf("%+v\nbecame\n%+v, %v", all, got, err)
	}
	if got, err := DecodeAPITokens(""); err != nil || got != nil {
		t.Errorf("nothing became %+v, %v", got, err)
	}
	whole := EncodeAPITokens(all[:1])
	for n := 1; n < len(whole); n++ {
		if _, err := DecodeAPITokens(whole[:n]); !errors.Is(err, ErrMalformed) {
			t.Errorf("%d of %d bytes: %v", n, len(whole), err)
		}
	}
}

// Whatever stands there, it is read or refused, and what is read survives the way.
func FuzzDecodeAPITokens(f *testing.F) {
	f.Add(EncodeAPITokens([]APIToken{{API: "a", Token: "one", Ends: began, Generation: 3}}))
	f.Add("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")
	f.Fuzz(func(t *testing.T, text string) {
		all, err := DecodeAPITokens(text)
		if err != nil {
			return
		}
		if again, err := DecodeAPITokens(EncodeAPITokens(all)); err != nil || len(again) != len(all) {
			t.Fatalf("%+v became %+v, %v", all, again, err)
		}
	})
}
