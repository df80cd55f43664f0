package weburl_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
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
		{"http://LOCALHOST:1", true, true, true, true},
		{"https://[2001:DB8::1]:8443", true, true, true, true},
		{"https://xn--api-qua.example", true, true, true, true},
		{"https://my_idp:8443", true, true, true, true},
		{"https://ap\u0130.example", false, false, false, false},
		{"https://\u212Aeys.example", false, false, false, false},
		{"https://ap%C4%B0.example", false, false, false, false},
		{"https://a.example.", false, false, false, false},
		{"https://a..example", false, false, false, false},
		{"https://.example", false, false, false, false},
		{"https://a.example;x", false, false, false, false},
		{"https://a%25b.example", false, false, false, false},
		{"https://a.example:", false, false, false, false},
		{"https://a.example:0443", false, false, false, false},
		{"https://a.example:0", false, false, false, false},
		{"https://a.example:65536", false, false, false, false},
		{"https://127.1", false, false, false, false},
		{"https://0x7f.0.0.1", false, false, false, false},
		{"https://a.0x7f", false, false, false, false},
		{"https://127.0.0.01", false, false, false, false},
		{"https://[fe80::1%25eth0]", false, false, false, false},
		{"https://[127.0.0.1]", false, false, false, false},
		{"https://" + strings.Repeat("a", 64) + ".example", false, false, false, false},
		{"https://" + strings.Repeat("a.", 130) + "example", false, false, false, false},
		{"", false, false, false, false},
	} {
		for name, check := range map[string]struct {
			err  error
			want bool
		}{
			"Check": {weburl.Check(row.raw, false), row.any}, "CheckPlain": {weburl.CheckPlain(row.raw, false),
				row.plain},
			"CheckOrigin":     {weburl.CheckOrigin(row.raw, false), row.origin},
			"Check with http": {weburl.Check(row.raw, true), row.http},
		} {
			if (check.err == nil) != check.want {
				t.Errorf("%s(%q): %v", name, row.raw, check.err)
			}
		}
	}
}

func TestErrorsHidePasswords(t *testing.T) {
	for _, raw := range []string{
		"https://ada:hunter2@a.example", "ftp://ada:hunter2@a.example", "ada:hunter2@a.example", "https://ada:hunter2@",
		"https://ada:hunter2@a.example/%zz", "https:ada:hunter2@a.example",
	} {
		if err := weburl.CheckOrigin(raw, true); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v", raw, err)
		}
	}
}

func TestOrigin(t *testing.T) {
	for raw, want := range map[string]string{
		"https://A.Example:443/x?y#z": "https://a.example", "http://a.example:80": "http://a.example",
		"https://a.example:80": "https://a.example:80",
		"HTTP://[::1]:8080/":   "http://[::1]:8080", "https://ada@a.example": "https://a.example",
		"https://[2001:DB8:0::1]": "https://[2001:db8::1]", "%": "",
		// Equal to no origin, not even to each other: another reader may find another
		// host there.
		"https://ap\u0130.example": "", "https://ap%c4%b0.example": "", "https://\u212Aeys.example": "",
		"https://api.example.": "", "https://api.example:0443": "",
		"https://api.example:": "", "https://[::1%25lo]": "", "https://127.1": "", "https:api.example": "", "/x": "",
	} {
		if got := weburl.Origin(raw); got != want {
			t.Errorf("Origin(%+q) = %q, want %q", raw, got, want)
		}
	}
	for _, u := range []url.URL{ // made by hand
		{Scheme: "https", Host: "api.example:443@evil.example"}, {Scheme: "https", Host: "[api.example]"},
		{Scheme: "https", Host: "api.example/@evil.example"},
		{Scheme: "https", Host: "api.example", Opaque: "//evil.example/"}, {Scheme: "https", Host: "api.example\x00"},
		{Scheme: "https", Host: "["}, {Scheme: "https"},
	} {
		if got := weburl.OriginOf(&u); got != "" {
			t.Errorf("OriginOf(%#v) = %q", u, got)
		}
	}
}

// dialled is the address that net/http calls for a request.
func dialled(t *testing.T, r *http.Request) (addr string) {
	note := func(_ context.Context, _, a string) (net.Conn, error) {
		addr = a
		return nil, errors.New("noted")
	}
	transport := &http.Transport{DialContext: note, DialTLSContext: note, DisableKeepAlives: true}
	if resp, err := transport.RoundTrip(r); err == nil {
		resp.Body.Close()
		t.Fatal("nobody is there, and somebody has answered")
	}
	return addr
}

// FuzzOrigin: what was compared is what is called (BFF-05). Wherever a URL has an
// origin, net/http dials the host and port of that origin.
func FuzzOrigin(f *testing.F) {
	for _, s := range []string{
		"https://api.example", "https://API.example:443/x", "https://ap\u0130.example", "https://ap%C4%B0.example",
		"https://\u212A.example", "https://api.example.",
		"https://api.example:", "https://api.example:0443", "https://a@api.example", "https://[::1]:80",
		"https://[0:0::1]", "https://[fe80::1%25eth0]", "http://127.1",
		"https://xn--80ak6aa92e.com", "https://\uff41pi.example", "https://api\u3002example",
		"https://ap\u00adi.example", "http://[::ffff:127.0.0.1]:8080", "https://a_b",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		r, err := http.NewRequest("GET", raw, nil)
		if err != nil {
			return
		}
		o := weburl.OriginOf(r.URL)
		if o == "" {
			return
		}
		if weburl.Origin(o) != o {
			t.Fatalf("the origin of %q is %q, whose origin is %q", raw, o, weburl.Origin(o))
		}
		if r.URL.Scheme != "http" && r.URL.Scheme != "https" {
			return
		}
		u, err := url.Parse(o)
		if err != nil {
			t.Fatalf("the origin of %q is %q: %v", raw, o, err)
		}
		port := u.Port()
		if port == "" {
			port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
		}
		host, gotPort, err := net.SplitHostPort(dialled(t, r))
		if ip, err := netip.ParseAddr(host); err == nil {
			host = ip.String()
		}
		if host = strings.Map(asciiLower, host); err != nil || host != u.Hostname() || gotPort != port {
			t.Errorf("%+q has the origin %q, and %s port %s is called (%v)", raw, o, host, gotPort, err)
		}
	})
}

func asciiLower(r rune) rune {
	if r >= 'A' && r <= 'Z' {
		return r + 'a' - 'A'
	}
	return r
}

// FuzzCheck: what passes is https or loopback, whoever reads the URL.
func FuzzCheck(f *testing.F) {
	for _, s := range []string{"https://a.example", "http://localhost", "http://127.0.0.1.evil", "https://a@b",
		"http://[::1%25lo]", "https:\\\\a"} {
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
		if o := weburl.Origin(raw); o == "" || weburl.CheckOrigin(o, false) != nil {
			t.Fatalf("%q passed, and its origin %q does not", raw, o)
		}
	})
}

// What is wrong with a scheme is told apart: http may be permitted, others never are.
func TestErrorsOfSchemes(t *testing.T) {
	for raw, want := range map[string]string{
		"http://a.example": "use https (http is for loopback", "ftp://a.example": "use an https URL",
	} {
		if err := weburl.Check(raw, false); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", raw, err)
		}
	}
}

func TestHost(t *testing.T) {
	for raw, want := range map[string]string{
		"https://API.example:8443/x": "api.example", "https://[2001:DB8::1]": "2001:db8::1",
		"https://api.example.": "", "https://127.1": "",
	} {
		u, err := url.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		if got := weburl.Host(u); got != want {
			t.Errorf("%q: %q, want %q", raw, got, want)
		}
	}
}
