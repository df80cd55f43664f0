package posted_test

import (
	"crypto/rand"
	"strings"
	"testing"

	"github.com/tandem-sso/tandem/rp/internal/posted"
	"github.com/tandem-sso/tandem/rp/internal/seal"
)

// FuzzOpen: what this client has not sealed is nothing.
func FuzzOpen(f *testing.F) {
	key := make([]byte, seal.KeySize)
	_, _ = rand.Read(key)
	ring, err := seal.NewRing("state", []byte("client"), key)
	if err != nil {
		f.Fatal(err)
	}
	s := posted.NewSealer(ring, []byte("client"))
	good := s.Seal(posted.Form{ID: "1", Subject: "ada", Path: "/private", Form: []byte("a=b")})
	other := posted.NewSealer(ring, []byte("another client")).Seal(posted.Form{ID: "1"})
	f.Add(good)
	f.Add(other)
	f.Add("")
	f.Add(strings.Repeat("A", 100))
	f.Fuzz(func(t *testing.T, sealed string) {
		if form, ok := s.Open(sealed); ok != (sealed == good) || ok &&
			(form.Path != "/private" || form.Subject != "ada" || string(form.Form) != "a=b") {
			t.Errorf("%q is opened: %v", sealed, form)
		}
	})
}
