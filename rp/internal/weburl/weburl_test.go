package weburl_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/tandem-sso/tandem/rp/internal/weburl"
)

func TestCheck(t *testing.T) {
	for _, row := range []struct {
		raw                string
		any, plain, origin bool // what accepts it, without allowHTTP
		http               bool // Check accepts it with allowHTTP
	}{
		{"https://a.example", true, true, true, true},
		{"https://a.example/", true, true, true, true},
		{"https://a.example:8443", true, true, true, true},
		{"https://a.example/x", true, true, false, true},
		{"https://a.example/x?y=z", true, false, false, true},
		{"HTTPS://A.example", true, true, true, true},
		{"http://localhost:1", true, true, true, true},
		{"http://notes.localhost", true, true, true, true},
		{"http://127.0.0.1:8080", true, true, true, true},
		{"http://[::1]:8080", true, true, true, true},
		{"http://a.example", false, false, false, true},
		{"http://localhost.evil.example", false, false, false, true},
		{"http://127.0.0.1.evil.example", false, false, false, true},
		{"https://a.example#x", false, false, false, false},
		{"https://ada@a.example", false, false, false, false},
		{"ftp://a.example", false, false, false, false},
		{"javascript:alert(1)", false, false, false, false},
		{"https:a.example", false, false, false, false},
		{"//a.example", false, false, false, false},
		{"a.example", false, false, false, false},
		{"/a", false, false, false, false},
		{"https://", false, false, false, false},
		{"https://a.example/%zz", false, false, false, false},
		{"https://a b", false, false, false, false},
		{"", false, false, false, false},
	} {
		for name, check := range map[string]struct {
			err  error
			want bool
		}{
			"Check": {weburl.Check(row.raw, false), row.any}, "CheckPlain": {weburl.CheckPlain(row.raw, false), row.plain},
			"CheckOrigin": {weburl.CheckOrigin(row.raw, false), row.origin}, "Check with http": {weburl.Check(row.raw, true), row.http},
		} {
			if (check.err == nil) != check.want {
				t.Errorf("%s(%q): %v", name, row.raw, check.err)
			}
		}
	}
}

func TestErrorsHidePasswords(t *testing.T) {
	for _, raw := range []string{
		"https://ada:hunter2@a.example", "ftp://ada:hunter2@a.example", "ada:hunter2@a.example", "https://ada:hunter2@", "https://ada:hunter2@a.example/%zz", "https:ada:hunter2@a.example",
	} {
		if err := weburl.CheckOrigin(raw, true); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v", raw, err)
		}
	}
}

func TestOrigin(t *testing.T) {
	for raw, want := range map[string]string{
		"https://A.Example:443/x?y#z": "https://a.example", "http://a.example:80": "http://a.example", "https://a.example:80": "https://a.example:80",
		"HTTP://[::1]:8080/": "http://[::1]:8080", "https://ada@a.example": "https://a.example", "%": "",
	} {
		if got := weburl.Origin(raw); got != want {
			t.Errorf("Origin(%q) = %q, want %q", raw, got, want)
		}
	}
}

// FuzzCheck: what passes is https or loopback, whoever reads the URL.
func FuzzCheck(f *testing.F) {
	for _, s := range []string{"https://a.example", "http://localhost", "http://127.0.0.1.evil", "https://a@b", "http://[::1%25lo]", "https:\\\\a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		if weburl.CheckOrigin(raw, false) != nil {
			return
		}
		u, err := url.Parse(raw)
		if err != nil || u.User != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
			t.Fatalf("%q passed: %+v, %v", raw, u, err)
		}
		if u.Scheme != "https" && !weburl.IsLoopback(u.Hostname()) {
			t.Fatalf("%q passed", raw)
		}
		if o := weburl.Origin(raw); weburl.Origin(o) != o {
			t.Fatalf("the origin of %q is %q, whose origin is %q", raw, o, weburl.Origin(o))
		}
	})
}
