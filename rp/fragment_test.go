package rp_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/nethttpadapter"
	"github.com/tandem-sso/tandem/rp"
)

// Config.KeepFragments: the log-in begins with a page that asks for itself once more, with
// the fragment. What a browser does with it is in e2e/page.
func TestKeepFragments(t *testing.T) {
	inBubble(t, setup{config: func(c *rp.Config) { c.KeepFragments = true }}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		to := v.get("/private?tab=2").location()
		a := v.get(to)
		if a.status != http.StatusOK || a.location() != "" || len(setCookies(a)) > 0 ||
			!strings.Contains(a.body, `href="?return_to=%2Fprivate%3Ftab%3D2&amp;fragment="`) {
			t.Fatalf("no page before the log-in: %v", a)
		}
		if csp := a.header.Get("Content-Security-Policy"); strings.Contains(csp, "unsafe") ||
			!strings.Contains(csp, "script-src 'sha256-") {
			t.Errorf("%s", csp)
		}
		for fragment, page := range map[string]string{
			"":                         "/private?tab=2",
			"part/3?x=y&z":             "/private?tab=2#part/3?x=y&z",
			"%C3%BC":                   "/private?tab=2#%C3%BC",
			"a b":                      "/private?tab=2",
			"a\r\nSet-Cookie: x=y":     "/private?tab=2",
			strings.Repeat("x", 2<<10): "/private?tab=2",
		} {
			v := w.visitor("ada")
			if a := v.get(v.authorize(v.start(to + "&fragment=" + url.QueryEscape(fragment)))); a.location() != page {
				t.Errorf("%.40q leads to %q", fragment, a.location())
			}
		}
		// With what the log-in asks for it may be too long for the cookie: the page stays.
		web := nethttpadapter.New(w.auth[0])
		w.serve("long.example", web.Login(rp.LoginParam("x", strings.Repeat("x", 900))))
		long := w.visitor("ada")
		cb := long.authorize(long.do("GET",
			"https://long.example/auth/login?return_to=/private&fragment="+strings.Repeat("y", 500), nil,
			navigating).location())
		if a := long.get(cb); !strings.HasPrefix(a.location(), "/auth/login?return_to=%2Fprivate&") {
			t.Errorf("%v", a)
		}
		// A browser that is logged in, an address without a page, and a silent check need none.
		v.get(v.authorize(v.start(to + "&fragment=")))
		if a := v.get(to); a.location() != "/private?tab=2" {
			t.Errorf("%v", a)
		}
		if a := w.visitor("ada").get("/auth/login"); a.status != http.StatusFound {
			t.Errorf("%v", a)
		}
	})
	inBubble(t, setup{}, func(t *testing.T, w *world) { // by default nothing comes before the log-in
		if a := w.visitor("ada").get("/auth/login?return_to=/private"); a.status != http.StatusFound {
			t.Errorf("%v", a)
		}
	})
}

// ACT-05: the page before the log-in does not hide that a person began it, and no other site
// can say so.
func TestSendsUserWithFragments(t *testing.T) {
	set := setup{config: func(c *rp.Config) { c.KeepFragments, c.Idle = true, 10*time.Minute }}
	for site, want := range map[string]int{"same-origin": http.StatusUnauthorized, "cross-site": http.StatusFound} {
		inBubble(t, set, func(t *testing.T, w *world) {
			v := w.visitor("ada")
			to := "/auth/login?return_to=/private"
			if a := v.do("GET", to, nil, with(navigating, "Sec-Fetch-User", "?1")); !strings.Contains(a.body,
				`<script data-user="1">`) {
				t.Errorf("%v", a)
			}
			if a := v.get(to); strings.Contains(a.body, "data-user=") {
				t.Errorf("nobody has said it: %v", a)
			}
			a := v.do("GET", to+"&sent_user=1&fragment=", nil, with(navigating, "Sec-Fetch-Site", site))
			v.get(v.authorize(a.location()))
			time.Sleep(11 * time.Minute)
			if a := v.get("/private"); a.status != want {
				t.Errorf("%s: a page that loads itself: %v", site, a)
			}
		})
	}
}

// A form_post loses the fragment at every log-in, also at one where the IdP shows nothing.
func TestFragmentsOverSilentFormPost(t *testing.T) {
	s := setup{kind: rp.NoToken, idp: patient, config: func(c *rp.Config) {
		c.SilentCheck, c.KeepFragments, c.ResponseMode = true, true, "form_post"
	}}
	inBubble(t, s, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.again(v.cookieless("/auth/callback", v.postedBack("/auth/login?return_to=/private&fragment="), issuer))
		time.Sleep(10 * time.Minute)
		to := v.get("/private").location()
		if !strings.Contains(to, "silent=1") {
			t.Fatalf("no silent check: %s", to)
		}
		if a := v.get(to); a.status != http.StatusOK || !strings.Contains(a.body, "fragment=") {
			t.Fatalf("no page before the silent check: %v", a)
		}
		if a := v.again(v.cookieless("/auth/callback", v.postedBack(to+"&fragment=part"),
			issuer)); a.location() != "/private#part" {
			t.Errorf("%v", a)
		}
		v.welcome()
	})
}
