package pgstore

import (
	"testing"

	"github.com/tandem-sso/tandem/rp"
)

// What others notify on the channel must not upset Watch.
func FuzzParsePayload(f *testing.F) {
	f.Add(payload(rp.Change{Key: rp.Key{1}, Version: 7, Reason: rp.Idle}))
	f.Add("hello")
	f.Add("00:1:")
	f.Fuzz(func(t *testing.T, p string) {
		c := parsePayload(p)
		if again := parsePayload(payload(c)); again != c {
			t.Fatalf("%q became %+v, then %+v", p, c, again)
		}
	})
}
