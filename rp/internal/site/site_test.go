package site_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/tandem-sso/tandem/rp/internal/site"
)

func notes(t *testing.T, further ...string) *site.App {
	t.Helper()
	app, err := site.New("https://notes.example/app", further, "/auth", []string{"https://friend.example"})
	if err != nil {
		t.Fatal(err)
	}
	return app
}

// What changes something, and what opens a WebSocket, comes from a page of this app or of a
// trusted origin.
func TestRefuses(t *testing.T) {
	own, friend, foreign := "https://notes.example", "https://friend.example", "https://evil.example"
	for _, tc := range []struct {
		method, origin, fetch string
		upgrade, refused      bool
	}{
		{method: http.MethodPost, origin: own, fetch: "same-origin"},
		{method: http.MethodPost, origin: friend, fetch: "cross-site"},
		{method: http.MethodPost, origin: foreign, fetch: "cross-site", refused: true},
		{method: http.MethodPost, origin: foreign, refused: true},
		{method: http.MethodPost}, // of no browser
		{method: http.MethodDelete, origin: foreign, fetch: "same-site", refused: true},
		{method: http.MethodGet, origin: foreign, fetch: "cross-site"},
		{method: http.MethodHead, origin: foreign, fetch: "cross-site"},
		{method: http.MethodOptions, origin: foreign, fetch: "cross-site"},
		{method: http.MethodGet, origin: own, upgrade: true},
		{method: http.MethodGet, origin: friend, upgrade: true},
		{method: http.MethodGet, origin: foreign, upgrade: true, refused: true},
		{method: http.MethodGet, upgrade: true},
		{method: http.MethodConnect, origin: foreign, refused: true},
	} {
		r := httptest.NewRequest(tc.method, "https://notes.example/app/x", nil)
		if tc.origin != "" {
			r.Header.Set("Origin", tc.origin)
		}
		if tc.fetch != "" {
			r.Header.Set("Sec-Fetch-Site", tc.fetch)
		}
		if tc.upgrade {
			r.Header.Set("Upgrade", "websocket")
		}
		if got := notes(t).Of(r).Refuses(r); got != tc.refused {
			t.Errorf("%+v: %v", tc, got)
		}
	}
}

// A further name of the app has its scheme and its path.
func TestCheckFurther(t *testing.T) {
	for raw, good := range map[string]bool{
		"https://papers.example/app":       true,
		"https://papers.example/app/":      true,
		"https://papers.example":           false,
		"https://papers.example/other":     false,
		"http://papers.example/app":        false,
		"https://papers.example/app/../a":  false,
		"https://papers.example/app?x=y":   false,
		"https://papers.example/app/{any}": false,
	} {
		if err := site.CheckFurther(raw, "https://notes.example/app", true); (err == nil) != good {
			t.Errorf("%s: %v", raw, err)
		}
	}
}

func TestIsPlainPath(t *testing.T) {
	for path, plain := range map[string]bool{
		"/auth": true, "/a/b.c~d_e-f": true,
		"": false, "/": false, "auth": false, "/auth/": false, "/a/../b": false, "/a/./b": false, "/a//b": false,
		"/{x}": false, "/a b": false, "/a%2fb": false,
	} {
		if site.IsPlainPath(path) != plain {
			t.Errorf("%q: %v", path, !plain)
		}
	}
}

// A request is answered under the name that it was made to, however a browser or a proxy
// writes it; under one that nobody has configured it is answered under the first.
func TestNames(t *testing.T) {
	app := notes(t, "https://papers.example/app")
	for host, want := range map[string]string{
		"notes.example":      "https://notes.example/app",
		"papers.example":     "https://papers.example/app",
		"Papers.Example":     "https://papers.example/app",
		"papers.example:443": "https://papers.example/app",
		"10.0.0.7:8080":      "https://notes.example/app",
	} {
		r := httptest.NewRequest("GET", "https://notes.example/", nil)
		r.Host = host
		if got := app.Of(r).Base; got != want {
			t.Errorf("%s: %s", host, got)
		}
		if got := app.LoggedOut(r); got != want+"/auth/logged-out" {
			t.Errorf("%s: %s", host, got)
		}
	}
}

// Each strange name is told once, the first few of them, and none of the app's own.
func TestStranger(t *testing.T) {
	app := notes(t, "https://papers.example/app")
	as := func(host string) (string, bool) {
		r := httptest.NewRequest("GET", "https://notes.example/", nil)
		r.Host = host
		return app.Stranger(r)
	}
	for _, own := range []string{"notes.example", "notes.example:443", "papers.example", "PAPERS.example"} {
		if host, ok := as(own); ok {
			t.Errorf("%s is taken for a stranger: %s", own, host)
		}
	}
	if host, ok := as("evil.example\nx"); !ok || host != "(no host name)" {
		t.Errorf("%q, %v", host, ok)
	}
	told := 1
	for i := range 20 {
		name := fmt.Sprintf("host-%d.example", i)
		if host, ok := as(name); ok {
			if told++; host != name {
				t.Errorf("%s is told as %q", name, host)
			}
		}
		if _, ok := as(name); ok {
			t.Errorf("%s is told twice", name)
		}
	}
	if told != 8 {
		t.Errorf("%d strangers were told", told)
	}
}

// Browsers reach the app openly by http over a network; loopback is no network.
func TestIsOpen(t *testing.T) {
	for base, open := range map[string]bool{
		"https://notes.example": false, "http://notes.example": true, "http://10.0.0.7:8080/app": true,
		"http://127.0.0.1:9101": false, "http://[::1]:9101": false, "http://localhost": false,
		"http://notes.localhost:8080": false, "https://127.0.0.1": false, "http://%zz": false,
	} {
		if got := site.IsOpen(base); got != open {
			t.Errorf("%s: %v", base, got)
		}
	}
}

// What cannot be an origin is no trusted one.
func TestTrustedOrigins(t *testing.T) {
	for _, bad := range []string{"", "friend.example", "https://"} {
		if _, err := site.New("https://notes.example", nil, "/auth", []string{bad}); err == nil {
			t.Errorf("%q is trusted", bad)
		}
	}
}

// The app's own endpoints are told from its pages, and those of a log-in from the rest.
func TestEndpoints(t *testing.T) {
	app := notes(t)
	for path, want := range map[string][3]bool{ // endpoint, log-in, callback
		"/auth/login":     {true, true, false},
		"/auth/callback":  {true, true, true},
		"/auth/logout":    {true, false, false},
		"/authors":        {false, false, false},
		"/auth/callbacks": {true, false, false},
		"/":               {false, false, false},
	} {
		if got := [3]bool{app.IsEndpoint(path), app.IsLogin(path), app.IsCallback(path)}; got != want {
			t.Errorf("%s: %v", path, got)
		}
	}
}
