package rp_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/tandem-sso/tandem/rp"
)

func thirdParty(c *rp.Config) { c.ThirdPartyLogin = true }

// OpenID Connect Core 1.0 §4, oidcc-client-test-3rd-party-init-login: the IdP or another site
// starts the log-in, by GET or POST.
func TestThirdPartyLogin(t *testing.T) {
	cross := with(navigating, "Sec-Fetch-Site", "cross-site")
	start := func(v *visitor, method string, q url.Values) *reply {
		if method == "POST" {
			a := v.cookieless("/auth/login", q, issuer)
			if a.status != http.StatusSeeOther {
				return a
			}
			return v.do("GET", a.location(), nil, cross) // the browser follows
		}
		return v.do("GET", "/auth/login?"+q.Encode(), nil, cross)
	}
	for _, method := range []string{"GET", "POST"} {
		t.Run(method, func(t *testing.T) {
			inBubble(t, setup{config: thirdParty}, func(t *testing.T, w *world) {
				for target, page := range map[string]string{
					base + "/private?tab=2":               "/private?tab=2",
					base + "/private#part":                "/private#part",
					"":                                    "/",
					"/private":                            "/", // no URI
					"https://evil.example/private":        "/",
					"https://notes.example.evil.example/": "/",
					base + "//evil.example":               "/",
					"javascript:alert(1)":                 "/",
					base + "@evil.example/":               "/",
				} {
					v := w.visitor("ada")
					a := start(v, method, url.Values{"iss": {issuer}, "login_hint": {"ada"},
						"target_link_uri": {target}})
					if a.status != http.StatusFound || query(a.location()).Get("login_hint") != "ada" {
						t.Fatalf("%q: %v", target, a)
					}
					if a = v.get(v.authorize(a.location())); a.location() != page {
						t.Errorf("%q: %v", target, a)
					}
				}
				v := w.visitor("ada")
				for name, q := range map[string]url.Values{
					"another issuer":  {"iss": {"https://evil.example"}},
					"a slash more":    {"iss": {issuer + "/"}},
					"an empty issuer": {"iss": {""}},
					"two issuers":     {"iss": {issuer, "https://evil.example"}},
					"two targets": {"iss": {issuer},
						"target_link_uri": {base + "/private", "https://evil.example"}},
					"two hints": {"iss": {issuer}, "login_hint": {"ada", "eve"}},
				} {
					if a := start(v, method, q); a.status != http.StatusBadRequest ||
						strings.Contains(a.body, "evil") || len(setCookies(a)) > 0 {
						t.Errorf("%s: %v", name, a)
					}
				}
				a := start(v, method, url.Values{"iss": {issuer}, "login_hint": {strings.Repeat("x", 300)},
					"prompt": {"none"}, "wish": {"x"}, "silent": {"1"}, "acr_values": {"low"}})
				for _, name := range []string{"login_hint", "prompt", "acr_values"} {
					if query(a.location()).Has(name) {
						t.Errorf("%s was taken: %v", name, a)
					}
				}
			})
		})
	}
	inBubble(t, setup{config: thirdParty}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		if a := v.cookieless("/auth/login", url.Values{"return_to": {"/private"}},
			issuer); a.status != http.StatusBadRequest {
			t.Errorf("a form without iss: %v", a)
		}
		if a := v.cookieless("/auth/login", url.Values{"iss": {issuer}, "x": {strings.Repeat("x", 10<<10)}},
			issuer); a.status != http.StatusBadRequest {
			t.Errorf("a form without end: %v", a)
		}
		if a := v.get("/auth/login?return_to=/private"); a.status != http.StatusFound { // the app's own link goes on
			t.Errorf("%v", a)
		}
	})
}

// Off by default: another site neither chooses the account nor the page, nor can it post.
func TestThirdPartyLoginIsOff(t *testing.T) {
	inBubble(t, setup{}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		q := url.Values{"iss": {"https://evil.example"}, "login_hint": {"eve"}, "target_link_uri": {base + "/private"}}
		if a := v.cookieless("/auth/login", q, issuer); a.status != http.StatusMethodNotAllowed {
			t.Errorf("%v", a)
		}
		a := v.do("GET", "/auth/login?"+q.Encode(), nil, with(navigating, "Sec-Fetch-Site", "cross-site"))
		if a.status != http.StatusFound || query(a.location()).Has("login_hint") ||
			!w.log.has("Config.ThirdPartyLogin") {
			t.Errorf("%v", a)
		}
		if a = v.get(v.authorize(a.location())); a.location() != "/" {
			t.Errorf("%v", a)
		}
	})
}

// Who starts a log-in from another site says in target_link_uri where it leads to, with the
// fragment: no page asks for that. It would ask for ever, because fragment is none of what
// another site may say (OpenID Connect Core 1.0 §4).
func TestThirdPartyLoginWithFragments(t *testing.T) {
	inBubble(t, setup{config: func(c *rp.Config) {
		c.ThirdPartyLogin, c.KeepFragments = true, true
	}}, func(t *testing.T, w *world) {
		q := url.Values{"iss": {issuer}, "login_hint": {"ada"}}
		for target, page := range map[string]string{"": "/", base + "/private": "/private", base +
			"/private#part": "/private#part"} {
			q.Set("target_link_uri", target)
			v := w.visitor("ada")
			to := "/auth/login?" + q.Encode()
			a := v.do("GET", to, nil, with(navigating, "Sec-Fetch-Site", "cross-site"))
			if a.status == http.StatusOK && strings.Contains(a.body, "fragment=") { // what its script does
				a = v.do("GET", to+"&fragment=", nil, with(navigating, "Sec-Fetch-Site", "same-origin"))
			}
			if a.status != http.StatusFound {
				t.Errorf("%q: the page asks again and again: %v", target, a)
				continue
			}
			if a = v.get(v.authorize(a.location())); a.location() != page {
				t.Errorf("%q: %v", target, a)
			}
		}
	})
}

// Browsers send no cookie with the form of another site, so only what follows it can drop
// the log-ins that are too many. However often a site posts, the header stays small.
func TestThirdPartyPostsLeaveFewCookies(t *testing.T) {
	inBubble(t, setup{config: thirdParty}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		for range 20 {
			a := v.cookieless("/auth/login", url.Values{"iss": {issuer}, "login_hint": {"ada"}}, issuer)
			if strings.HasPrefix(a.location(), "/") {
				a = v.do("GET", a.location(), nil, with(navigating, "Sec-Fetch-Site", "cross-site"))
			}
			if !strings.HasPrefix(a.location(), issuer) {
				t.Fatalf("%v", a)
			}
		}
		if n := len(v.http.Jar.Cookies(must(url.Parse(base + "/auth/login")))); n > 5 {
			t.Errorf("%d cookies of log-ins", n)
		}
	})
}
