package rp_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/tandem-sso/tandem/rp"
)

// belowWith is an app below a path with more options.
func belowWith(config func(*rp.Config)) setup {
	s := belowApp
	s.config = func(c *rp.Config) {
		belowApp.config(c)
		config(c)
	}
	return s
}

// The forms of the log-in lead to addresses that the browser can use, below a path too.
func TestPathPrefixInForms(t *testing.T) {
	t.Run("the IdP's answer is posted once more", func(t *testing.T) {
		inBubble(t, belowWith(formPosts), func(t *testing.T, w *world) {
			w.below()
			v := w.visitor("ada")
			page := v.cookieless("/app/auth/callback", v.postedBack("/app/auth/login?return_to=/app/private"), issuer)
			if !strings.Contains(page.body, `action="/app/auth/callback"`) {
				t.Fatalf("%v", page)
			}
			a := v.do("POST", "/app/auth/callback", hiddenFields(page.body), ownForm)
			if a.status != http.StatusSeeOther || a.location() != "/app/private" {
				t.Errorf("%v", a)
			}
		})
	})
	t.Run("a form that was kept", func(t *testing.T) {
		inBubble(t, belowWith(keepPosted), func(t *testing.T, w *world) {
			w.below()
			v := w.visitor("ada")
			v.get(v.authorize(v.start("/app/auth/login")))
			w.idp.EndUser("ada")
			w.idp.Settle()
			sealed, on := v.lateForm("/app/private?tab=2", draft)
			if on != "/app/auth/login?return_to=%2Fapp%2Fauth%2Fposted" {
				t.Errorf("leads to %q", on)
			}
			if a := v.get(v.authorize(v.start(on))); a.location() != "/app/auth/posted" {
				t.Fatalf("%v", a)
			}
			if a := v.get("/app/auth/posted"); !strings.Contains(a.body, `action="/app/auth/posted"`) {
				t.Errorf("%v", a)
			}
			a := v.do("POST", "/app/auth/posted", url.Values{"sealed": {sealed}}, ownForm)
			if !strings.Contains(a.body, `action="/app/private?tab=2"`) || !strings.Contains(a.body, `href="/app/"`) {
				t.Errorf("%v", a)
			}
		})
	})
	t.Run("another site starts the log-in", func(t *testing.T) {
		inBubble(t, belowWith(func(c *rp.Config) { c.ThirdPartyLogin = true }), func(t *testing.T, w *world) {
			w.below()
			for target, want := range map[string]string{base + "/app/private": "/app/private", base + "/other": "/app/",
				"https://evil.example/app/": "/app/"} {
				v := w.visitor("ada")
				to := v.start("/app/auth/login?" + url.Values{"iss": {issuer}, "target_link_uri": {target}}.Encode())
				if a := v.get(v.authorize(to)); a.location() != want {
					t.Errorf("%s leads to %v", target, a)
				}
			}
		})
	})
}
