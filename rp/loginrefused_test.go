package rp_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/idps"
)

// A hook that refuses, fails or panics: a page that says so, no session, the tokens given up,
// and the browser's former session as it was. Nothing of an error is on the page.
func TestOnLoginRefuses(t *testing.T) {
	const secret = "dsn with a password"
	for name, row := range map[string]struct {
		hook   hook
		status int
		page   string
		log    string
	}{
		"its own page": {func(w http.ResponseWriter, _ *http.Request, l *rp.Login) error {
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(http.StatusTeapot)
			fmt.Fprintf(w, `<a href="%s">not you</a>`, l.OtherAccount())
			return fmt.Errorf("another domain: %w", rp.ErrRefused)
		}, http.StatusTeapot, "not you", "another domain"},
		"its own words": {func(_ http.ResponseWriter, _ *http.Request, l *rp.Login) error {
			return &rp.LoginError{Title: "Only for <staff>.", Advice: "Ask your boss.",
				Err: errors.New("bob is no staff")}
		}, 403, "Only for &lt;staff&gt;.", "bob is no staff"},
		"its own status": {func(http.ResponseWriter, *http.Request, *rp.Login) error {
			return &rp.LoginError{Status: 451, Err: errors.New("a law")}
		}, 451, "with this account", "a law"},
		"an error": {func(http.ResponseWriter, *http.Request, *rp.Login) error {
			return errors.New(secret)
		}, 500, "could not be finished", secret},
		"trouble": {func(http.ResponseWriter, *http.Request, *rp.Login) error {
			return &rp.UnavailableError{RetryAfter: 3 * time.Second, Err: errors.New("the database is away")}
		}, 503, "try again", "the database is away"},
		"a panic": {func(http.ResponseWriter, *http.Request, *rp.Login) error {
			panic("the app's own")
		}, 500, "could not be finished", "OnLogin has panicked"},
		"values that are too large": {func(_ http.ResponseWriter, _ *http.Request, l *rp.Login) error {
			s, err := l.Values("x")
			s.Values["x"] = strings.Repeat("x", 32<<10)
			return err
		}, 500, "could not be finished", "larger than 32 KiB"},
		"values that cannot be stored": {func(_ http.ResponseWriter, _ *http.Request, l *rp.Login) error {
			s, err := l.Values("x")
			s.Values["x"] = func() {}
			return err
		}, 500, "could not be finished", "registered with encoding/gob"},
	} {
		t.Run(name, func(t *testing.T) {
			var h hook
			inBubble(t, hooked(&h), func(t *testing.T, w *world) {
				w.shop()
				v := w.visitor("ada")
				v.login()
				v.get("/shop?item=book")
				id := v.id()
				h = row.hook
				v.idp = w.idp.Browser("bob")
				a := v.finish()
				if a.status != row.status || !strings.Contains(a.body, row.page) || strings.Contains(a.body, secret) ||
					a.location() != "" {
					t.Errorf("%v", a)
				}
				if row.status == 503 && a.header.Get("Retry-After") != "3" {
					t.Errorf("%v", a.header)
				}
				if !w.log.has(row.log) {
					t.Errorf("the log does not say %q:\n%s", row.log, w.log)
				}
				if v.id() != id {
					t.Error("the former session's cookie is gone")
				}
				v.welcome()
				if a := v.get("/shop"); a.body != "map[item:book]" {
					t.Errorf("the former session's values: %v", a)
				}
				w.expectEnds()
				if n := len(w.logins); n != 1 {
					t.Errorf("%d log-ins were reported", n)
				}
				if other := strings.ReplaceAll(between(a.body, `href="`, `"`), "&amp;", "&"); row.status != 500 &&
					row.status != 503 {
					if at := query(v.start(other)); at.Get("prompt") != "select_account" ||
						!strings.Contains(other, "return_to=%2Fprivate&") {
						t.Errorf("%q leads to %v", other, at)
					}
				}
				time.Sleep(time.Minute)
				if w.idp.Count(idpmock.EndpointRevoke, "notes") != 2 {
					t.Errorf("%d revocations", w.idp.Count(idpmock.EndpointRevoke, "notes"))
				}
			})
		})
	}
}

// Tokens that a revocation would tear the living session's along with are left to run out.
func TestOnLoginRefusesAndSpares(t *testing.T) {
	var h hook
	s := hooked(&h)
	config := s.config
	s.config = func(c *rp.Config) { config(c); c.Capabilities.Revocation = idps.RevokesClientSession }
	inBubble(t, s, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		h = func(http.ResponseWriter, *http.Request, *rp.Login) error { return errors.New("x") }
		v.finish()
		time.Sleep(time.Minute)
		w.idp.Expect(idpmock.EndpointRevoke, "notes", 0)
		v.welcome()
	})
}

// While the store cannot say what the person has, no hook is called to change it, and the
// former session stays. The code is spent, so the page offers a new log-in.
func TestOnLoginWhileTheStoreFails(t *testing.T) {
	var h hook
	kept := new(failingStore)
	s := hooked(&h)
	config := s.config
	s.config = func(c *rp.Config) { config(c); kept.Store, c.Store = c.Store, kept }
	inBubble(t, s, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		callback := v.authorize(v.start("/auth/login"))
		h = func(http.ResponseWriter, *http.Request, *rp.Login) error { t.Error("it was called"); return nil }
		load := "Load"
		kept.fail.Store(&load)
		a := v.get(callback)
		if a.status != 503 || a.header.Get("Retry-After") == "" || !strings.Contains(a.body, "could not be finished") {
			t.Errorf("%v", a)
		}
		kept.fail.Store(nil)
		v.welcome()
	})
}

// An IdP without a revocation endpoint is not asked to revoke what nobody uses, and nothing is told.
func TestRefusedLoginWhereNothingCanBeRevoked(t *testing.T) {
	var h hook
	s := hooked(&h)
	people := s.idp
	s.idp = func(c *idpmock.Config) {
		people(c)
		c.Temperament.Lacks = []string{"revocation_endpoint"}
	}
	inBubble(t, s, func(t *testing.T, w *world) {
		h = func(http.ResponseWriter, *http.Request, *rp.Login) error { return errors.New("not today") }
		w.visitor("ada").finish()
		time.Sleep(time.Minute)
		if w.log.has("could not be revoked") || w.log.has("refused to revoke") {
			t.Errorf("the log: %s", w.log)
		}
	})
}
