package adaptertest

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/adapter"
)

// What the app's hook at the log-in says reaches the browser: its headers, its own page, its
// words, and of a failure or panic no more than that.
func testOnLogin(t *testing.T, build Build) {
	var hook func(http.ResponseWriter, *rp.Login) error
	a := newApp(t, build, func(c *rp.Config) {
		c.OnLogin = func(w http.ResponseWriter, _ *http.Request, l *rp.Login) error { return hook(w, l) }
	})
	b := a.browser()
	finish := func() *answer {
		t.Helper()
		callback, err := b.idp.Authorize(t.Context(),
			b.do("GET", "/auth/login?anew=1", navigate).Header.Get("Location"))
		if err != nil {
			t.Fatal(err)
		}
		return b.do("GET", callback, navigate)
	}
	for _, row := range []struct {
		hook   func(http.ResponseWriter, *rp.Login) error
		status int
		text   string
	}{
		{func(w http.ResponseWriter, _ *rp.Login) error {
			w.WriteHeader(http.StatusPaymentRequired)
			fmt.Fprint(w, "pay first")
			return rp.ErrRefused
		}, 402, "pay first"},
		{func(http.ResponseWriter, *rp.Login) error {
			return &rp.LoginError{Title: "Staff only.", Err: errors.New("x")}
		}, 403, "Staff only."},
		{func(http.ResponseWriter, *rp.Login) error { return errors.New("secret") }, 500, "could not be finished"},
		{func(http.ResponseWriter, *rp.Login) error { panic("secret") }, 500, "could not be finished"},
	} {
		hook = row.hook
		got := finish()
		b.expect(got, row.status, row.text)
		if strings.Contains(got.body, "secret") || got.Header.Get("Cache-Control") != "no-store" || row.status == 402 &&
			got.body != "pay first" {
			t.Errorf("%d %v %q", got.StatusCode, got.Header, got.body)
		}
		b.expect(b.do("GET", "/auth/session", fetch), 200, `"anonymous"`)
	}
	hook = func(w http.ResponseWriter, l *rp.Login) error {
		w.Header().Set("X-Seen", l.Subject())
		l.ReturnTo = "/kept"
		return nil
	}
	if got := finish(); got.StatusCode != http.StatusSeeOther || got.Header.Get("X-Seen") != "ada" ||
		got.Header.Get("Location") != "/kept" {
		t.Errorf("%d %v", got.StatusCode, got.Header)
	}
	b.expect(b.do("GET", "/private", navigate), 200, "ada")
}

// Who is logged in and lacks a claim gets 403, a page or JSON; nobody is sent to a log-in.
func testRequireClaim(t *testing.T, build Build) {
	a := newApp(t, build, nil)
	b := a.browser()
	b.expect(b.do("GET", "/admin", navigate), 302, "")
	b.login("/auth")
	b.expect(b.do("GET", "/ada", navigate), 200, "ada active")
	page, script := b.do("GET", "/admin", navigate), b.do("GET", "/admin", fetch)
	b.expect(page, 403, "Use another account")
	b.expect(script, 403, `{"error":"forbidden"}`)
	for _, got := range []*answer{page, script} {
		if got.Header.Get("Cache-Control") != "no-store" || got.Header.Get(adapter.ErrorHeader) != "forbidden" {
			t.Errorf("%v", got.Header)
		}
	}
}

// The app's own 403 is what the browser sees.
func testForbidden(t *testing.T, build Build) {
	a := newApp(t, build, func(c *rp.Config) {
		c.Forbidden = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			fmt.Fprint(w, "not you, ", rp.FromContext(r.Context()).Subject())
		})
	})
	b := a.browser()
	b.login("/auth")
	for _, h := range []http.Header{navigate, fetch} {
		got := b.do("GET", "/admin", h)
		b.expect(got, 403, "not you, ada")
		if got.body != "not you, ada" || got.Header.Get("Content-Type") != "text/plain" ||
			got.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%v %q", got.Header, got.body)
		}
	}
}
