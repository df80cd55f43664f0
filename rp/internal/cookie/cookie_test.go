package cookie_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/tandem-sso/tandem/rp/internal/cookie"
)

// The name keeps apps apart that share a host, and has the prefix that makes browsers insist
// on Secure, Path=/ and no Domain, but where they would keep no such cookie.
func TestName(t *testing.T) {
	for _, tc := range []struct {
		wanted, path string
		openly       bool
		want         string
	}{
		{"", "", false, "__Host-tandem"},
		{"", "/a/b", false, "__Host-a+b+tandem"},
		{"sid", "/a", false, "__Host-sid"},
		{"__Host-sid", "", false, "__Host-sid"},
		{"__Host-sid", "", true, "sid"},
		{"", "", true, "tandem"},
	} {
		if got, err := cookie.Name(tc.wanted, tc.path, tc.openly); err != nil || got != tc.want {
			t.Errorf("%+v: %q, %v", tc, got, err)
		}
	}
	if name, err := cookie.Name("a b", "", false); err == nil {
		t.Errorf("%q is a name", name)
	}
}

// FuzzFind: whatever stands in the header, what is found is what net/http finds, or has a
// length that no id has.
func FuzzFind(f *testing.F) {
	id := strings.Repeat("A", cookie.IDLen)
	f.Add("__Host-tandem=" + id)
	f.Add("a=b; __Host-tandem=x; __Host-tandem=" + id)
	f.Add("__Host-tandem-x=" + id + ";;= ;")
	f.Add("__Host-tandem=" + id + " ")
	f.Fuzz(func(t *testing.T, line string) {
		got, ok := cookie.Jar("__Host-tandem").Find(http.Header{"Cookie": {line}})
		if has := strings.Contains(line, "__Host-tandem="+string(got[:])); ok != has && ok {
			t.Errorf("%q has no %q", line, got)
		}
		if !ok && got != (cookie.ID{}) {
			t.Errorf("%q: %q, and is not found", line, got)
		}
		r := http.Request{Header: http.Header{"Cookie": {line}}}
		for _, c := range r.CookiesNamed("__Host-tandem") {
			pair := "; __Host-tandem=" + c.Value + ";" // net/http finds it also beside tabs
			if len(c.Value) == cookie.IDLen && strings.Contains("; "+line+";", pair) && !ok {
				t.Errorf("%q has %q, which is not found", line, c.Value)
			}
		}
	})
}
