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

// Every cookie of the library is out of reach of scripts, and of what another site posts; it
// travels over https or loopback alone where it has the prefix.
func TestAttributes(t *testing.T) {
	for _, tc := range []struct {
		jar    cookie.Jar
		secure bool
	}{{"__Host-tandem", true}, {"tandem", false}} {
		c := tc.jar.Session(cookie.NewID())
		if c.Name != string(tc.jar) || c.Path != "/" || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode ||
			c.Secure != tc.secure || c.MaxAge != 0 {
			t.Errorf("%s: %v", tc.jar, c)
		}
	}
}

// ForgetPages sets a cookie of its own, for a second, and leaves the session's alone.
func TestForgetPages(t *testing.T) {
	h := http.Header{}
	cookie.Jar("__Host-tandem").ForgetPages(h)
	set := h["Set-Cookie"]
	if len(set) != 1 || !strings.HasPrefix(set[0], "__Host-tandem-ended=1;") ||
		!strings.Contains(set[0], "Max-Age=1;") || !strings.Contains(set[0], "HttpOnly") {
		t.Errorf("%q", set)
	}
}

func TestID(t *testing.T) {
	id := cookie.NewID()
	if one := cookie.Random(); len(one) != cookie.IDLen || one == cookie.Random() || !cookie.IsID(one) ||
		!cookie.IsID(string(id[:])) {
		t.Errorf("%q, %q", one, id)
	}
	for _, no := range []string{"a b", "a;b", "é", "a+b", "a/b", "a=", "_\x00"} {
		if cookie.IsID(no) {
			t.Errorf("%q is taken for an ID", no)
		}
	}
}
