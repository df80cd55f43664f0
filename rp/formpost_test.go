package rp_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/activity"
)

func formPosts(c *rp.Config) { c.ResponseMode = "form_post" }

// cookieless is what a browser sends when another site posts a form: no SameSite=Lax cookie.
func (v *visitor) cookieless(path string, form url.Values, origin string) *reply {
	v.w.Helper()
	jar := v.http.Jar
	v.http.Jar = nil
	a := v.do("POST", path, form, with(navigating, "Sec-Fetch-Site", "cross-site", "Origin", origin))
	v.http.Jar = jar
	for _, c := range setCookies(a) { // a top-level navigation may set them
		v.set(c.Name, c.Value)
	}
	return a
}

// postedBack begins a log-in and returns what the IdP lets the browser post.
func (v *visitor) postedBack(path string) url.Values {
	v.w.Helper()
	to := v.start(path)
	if query(to).Get("response_mode") != "form_post" {
		v.w.Fatalf("not asked for form_post: %s", to)
	}
	return query(v.authorize(to))
}

// again posts what a page of the callback has, as the browser does by its script.
func (v *visitor) again(a *reply) *reply {
	v.w.Helper()
	if a.status != http.StatusOK || !strings.Contains(a.body, `action="/auth/callback"`) ||
		!strings.Contains(a.body, "<button>") {
		v.w.Fatalf("no page that posts once more: %v", a)
	}
	if got := a.header.Get("Referrer-Policy"); got != "same-origin" { // else Origin would be null
		v.w.Errorf("Referrer-Policy %q", got)
	}
	return v.do("POST", "/auth/callback", hiddenFields(a.body), with(navigating, "Sec-Fetch-Site", "same-origin",
		"Origin", base))
}

// CORE-02, BFF-02: form_post from another site comes without cookies. It is posted once more
// from the own origin, and only then finished: no cookie is SameSite=None.
func TestFormPostOfAnotherSite(t *testing.T) {
	inBubble(t, setup{config: formPosts}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		answer := v.postedBack("/auth/login?return_to=/private")
		for _, c := range v.http.Jar.Cookies(must(url.Parse(base))) {
			if c.SameSite == http.SameSiteNoneMode {
				t.Errorf("%v", c)
			}
		}
		answer.Set("user", `{"name":{"firstName":"Ada"}}`)
		answer.Set("session_state", "x")
		answer.Set("scope", "openid")
		page := v.cookieless("/auth/callback", answer, issuer)
		w.idp.Expect(idpmock.EndpointCode, "notes", 0) // the code is shown to nobody yet
		if fields := hiddenFields(page.body); fields.Get("user") != answer.Get("user") ||
			fields.Get("session_state") != "x" || fields.Has("scope") {
			t.Errorf("fields %v", fields)
		}
		if a := v.again(page); a.status != http.StatusSeeOther || a.location() != "/private" {
			t.Errorf("%v", a)
		}
		v.expect("live", "")
		if a := v.again(page); a.location() != "/private" { // by Reload
			t.Errorf("twice: %v", a)
		}
		w.idp.Expect(idpmock.EndpointCode, "notes", 1)
	})
}

// What the page lets through is checked as ever: another browser's answer, a forged one, an
// error, and one without end.
func TestForgedFormPosts(t *testing.T) {
	inBubble(t, setup{config: formPosts}, func(t *testing.T, w *world) {
		v, eve := w.visitor("ada"), w.visitor("eve")
		answer := v.postedBack("/auth/login?return_to=/private")
		page := eve.cookieless("/auth/callback", answer, "https://evil.example")
		if a := eve.again(page); a.status != http.StatusSeeOther || !strings.Contains(a.location(), "/auth/login?") ||
			len(setCookies(a)[cookie].String()) > 0 {
			t.Errorf("in another browser: %v", a)
		}
		for name, forged := range map[string]url.Values{
			"no state":          {"code": {"x"}},
			"an invented state": {"state": {strings.Repeat("x", 60)}, "code": {"x"}},
			"markup":            {"state": {marker}, "code": {marker}},
			"state twice":       {"state": {answer.Get("state"), "x"}},
			"100 KiB":           {"state": answer["state"], "code": {strings.Repeat("x", 100<<10)}},
		} {
			if a := v.cookieless("/auth/callback", forged, "https://evil.example"); a.status != http.StatusBadRequest ||
				strings.Contains(a.body, "marker") {
				t.Errorf("%s: %v", name, a)
			}
		}
		evil := url.Values{"state": answer["state"], "code": {`"><script>alert("marker")</script>`}, "iss": {issuer}}
		if a := v.cookieless("/auth/callback", evil, "https://evil.example"); strings.Contains(a.body,
			"<script>alert") {
			t.Errorf("%v", a)
		}
		refused := url.Values{"state": answer["state"], "error": {"access_denied"}, "iss": {issuer}}
		if a := v.again(v.cookieless("/auth/callback", refused, issuer)); a.status != http.StatusBadRequest ||
			!strings.Contains(a.body, "cancelled") {
			t.Errorf("an error: %v", a)
		}
		w.idp.Expect(idpmock.EndpointCode, "notes", 0)
		v.expect("anonymous", "")
	})
}

// An IdP that has no other way is asked for it without a word in the configuration.
func TestFormPostByDiscovery(t *testing.T) {
	inBubble(t, setup{idp: func(c *idpmock.Config) {
		c.Temperament.RequireFormPost = true
	}}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		if a := v.again(v.cookieless("/auth/callback", v.postedBack("/auth/login?return_to=/private"),
			issuer)); a.location() != "/private" {
			t.Errorf("%v", a)
		}
	})
}

// A silent check comes back the same way.
func TestSilentFormPost(t *testing.T) {
	inBubble(t, setup{kind: rp.NoToken, idp: patient, config: func(c *rp.Config) {
		c.SilentCheck, c.ResponseMode = true, "form_post"
	}}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.again(v.cookieless("/auth/callback", v.postedBack("/auth/login?return_to=/private"), issuer))
		id := v.id()
		time.Sleep(10 * time.Minute)
		to := v.get("/private").location()
		answer := query(v.authorize(v.get(to).location()))
		if a := v.again(v.cookieless("/auth/callback", answer, issuer)); a.location() != "/private" || v.id() != id {
			t.Errorf("%v", a)
		}
		v.welcome()
	})
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// ACT-05: scripts have posted the answer, so no Sec-Fetch-User tells that a person asks for
// the page that the log-in leads to. It gets what a person's gets, a token of an API's own
// too. What loads itself later is the page's doing, as ever.
func TestPageAfterFormPost(t *testing.T) {
	inAPIs(t, setup{config: formPosts}, func(t *testing.T, w *world, _ *visitor, got map[string]*api, _ *wire) {
		v := w.visitor("ada")
		start := v.do("GET", "/auth/login?return_to=/run", nil, with(navigating, "Sec-Fetch-User", "?1"))
		in := v.again(v.cookieless("/auth/callback", query(v.authorize(start.location())), issuer))
		var class activity.Class
		w.run = func(_ http.ResponseWriter, r *http.Request, s *rp.Session) {
			if class = s.Class(); class == activity.Passive {
				return
			}
			resp, err := s.Client().Get(ownOrigins[0] + "/")
			if err != nil {
				t.Error(err)
				return
			}
			resp.Body.Close()
		}
		v.get(in.location())
		if class != activity.Active || len(got[ownOrigins[0]].tokens) != 1 {
			t.Errorf("the page that the log-in leads to is %v", class)
		}
		time.Sleep(10 * time.Second)
		if v.get(in.location()); class != activity.Passive {
			t.Errorf("a page that loads itself is %v", class)
		}
	})
}
