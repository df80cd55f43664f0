package adaptertest

import (
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
)

// A whole life: in, served, out.
func testLife(t *testing.T, a *app) {
	b := a.browser()
	b.expect(b.do("GET", "/", navigate), 200, "welcome")
	first := b.do("GET", "/private?tab=2", navigate)
	b.expect(first, 302, "")
	if to := first.Header.Get("Location"); to != "/auth/login?return_to="+url.QueryEscape("/private?tab=2") {
		t.Errorf("leads to %s", to)
	}
	b.login("/auth")
	b.expect(b.do("GET", "/private", navigate), 200, "ada active")
	b.expect(b.do("GET", "/", navigate), 200, "welcome")
	b.expect(b.do("GET", "/auth/session", fetch), 200, `"live"`)
	out := b.do("POST", "/auth/logout", http.Header{"Origin": {base}})
	if to := out.Header.Get("Location"); out.StatusCode != http.StatusSeeOther ||
		!strings.HasPrefix(to, a.idp.URL+"/end_session?") {
		t.Errorf("logout: %d to %s", out.StatusCode, to)
	}
	b.expect(b.do("GET", "/private", fetch), 401, `"user_logout"`)
	b.expect(b.do("GET", "/auth/logged-out?state=x", navigate), 200, "logged out")
}

// Every endpoint of the library is there, and nothing else is.
func testEndpoints(t *testing.T, a *app) {
	b := a.browser()
	for _, e := range a.auth.Endpoints() {
		got := b.do(e.Method, "/auth"+e.Path, navigate)
		if got.StatusCode == http.StatusNotFound || got.StatusCode == http.StatusMethodNotAllowed ||
			got.StatusCode >= 500 {
			t.Errorf("%s %s: %d", e.Method, e.Path, got.StatusCode)
		}
	}
	for _, path := range []string{"/auth/nothing", "/auth/", "/auth/login/x", "/auth/loginx", "/authx/login"} {
		if got := b.do("GET", path, navigate); got.StatusCode != http.StatusNotFound && got.body != "welcome" {
			t.Errorf("%s: %d %s", path, got.StatusCode, got.body)
		}
	}
}

// A wrong method is 405 with Allow, and does nothing.
func testMethodNotAllowed(t *testing.T, a *app) {
	b := a.browser()
	b.login("/auth")
	for _, row := range []struct{ method, path string }{
		{"GET", "/auth/logout"}, {"PUT", "/auth/logout"}, {"DELETE", "/auth/logout"},
		{"GET", "/auth/backchannel-logout"}, {"GET", "/auth/activity"},
		{"POST", "/auth/login"}, {"POST", "/auth/session"}, {"DELETE", "/auth/session"}, {"POST", "/auth/logged-out"},
		{"PUT", "/auth/callback"},
		{"POST", "/auth/frontchannel-logout"},
	} {
		got := b.do(row.method, row.path, fetch)
		if got.StatusCode != http.StatusMethodNotAllowed || got.Header.Get("Allow") == "" ||
			strings.Contains(got.Header.Get("Allow"), row.method) {
			t.Errorf("%s %s: %d, Allow %q", row.method, row.path, got.StatusCode, got.Header.Get("Allow"))
		}
	}
	b.expect(b.do("GET", "/private", fetch), 200, "ada")
}

// HEAD answers as GET does, without a body, wherever GET is served.
func testHead(t *testing.T, a *app) {
	b := a.browser()
	b.expect(b.do("HEAD", "/private", navigate), 302, "")
	b.expect(b.do("HEAD", "/private", fetch), 401, "")
	for _, path := range []string{"/auth/session", "/auth/logged-out", "/auth/session.js",
		"/auth/frontchannel-logout"} {
		get, head := b.do("GET", path, fetch), b.do("HEAD", path, fetch)
		if head.StatusCode != get.StatusCode || head.body != "" ||
			head.Header.Get("Content-Type") != get.Header.Get("Content-Type") {
			t.Errorf("HEAD %s: %d %q, GET: %d", path, head.StatusCode, head.body, get.StatusCode)
		}
	}
	b.login("/auth")
	b.expect(b.do("HEAD", "/private", navigate), 200, "")
	began := time.Now()
	b.expect(b.do("HEAD", "/auth/events", fetch), 200, "")
	b.do("GET", "/auth/session", fetch)
	if time.Since(began) > time.Second || a.streams.Load() > 0 {
		t.Errorf("HEAD of the event stream holds the connection: %v, %d streams", time.Since(began), a.streams.Load())
	}
}

// Another prefix moves everything.
func testPrefix(t *testing.T, build Build) {
	a := newApp(t, build, func(c *rp.Config) { c.Prefix = "/account/sso" })
	b := a.browser()
	if to := b.do("GET", "/private", navigate).Header.Get("Location"); !strings.HasPrefix(to, "/account/sso/login?") {
		t.Errorf("leads to %s", to)
	}
	b.login("/account/sso")
	b.expect(b.do("GET", "/private", navigate), 200, "ada")
	b.expect(b.do("GET", "/account/sso/session", fetch), 200, `"live"`)
}

// Forms: of another site that starts a log-in, of the IdP's answer, and one that comes
// after the end and is kept.
func testForms(t *testing.T, build Build) {
	a := newApp(t, build, func(c *rp.Config) {
		c.ResponseMode, c.ThirdPartyLogin, c.KeepPosted = "form_post", true, true
	})
	b := a.browser()
	post := func(path string, h http.Header, form url.Values) *answer {
		t.Helper()
		return b.read(b.send("POST", path, h, form))
	}
	cross := maps.Clone(navigate)
	cross.Set("Sec-Fetch-Site", "cross-site")
	start := post("/auth/login", cross, url.Values{"iss": {a.idp.URL}, "target_link_uri": {base + "/private"}})
	if start.StatusCode != http.StatusSeeOther {
		t.Fatalf("%d", start.StatusCode)
	}
	start = b.read(b.send("GET", start.Header.Get("Location"), cross, nil)) // with the cookies
	callback, err := b.idp.Authorize(t.Context(), start.Header.Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(callback)
	if err != nil {
		t.Fatal(err)
	}
	jar := b.http.Jar
	b.http.Jar = nil // as SameSite=Lax has it
	b.expect(post("/auth/callback", cross, u.Query()), 200, `action="/auth/callback"`)
	b.http.Jar = jar
	if end := post("/auth/callback", navigate, u.Query()); end.StatusCode != http.StatusSeeOther ||
		end.Header.Get("Location") != "/private" {
		t.Fatalf("%d %s", end.StatusCode, end.body)
	}
	a.endAtIdP()
	b.expect(post("/private", navigate, url.Values{"text": {"x"}}), 401, "waits in this tab")
	if to := b.do("GET", "/auth/posted", navigate).Header.Get("Location"); !strings.HasPrefix(to, "/auth/login?") {
		t.Errorf("leads to %q", to)
	}
}

// BCL-21, BCL-22, BCL-23 through the adapter: exactly 200 or JSON, never stored.
func testBackchannel(t *testing.T, a *app) {
	b := a.browser()
	b.login("/auth")
	s := a.idp.Sessions()[0]
	post := func(fault idpmock.LogoutFault) *answer {
		raw, err := a.idp.LogoutToken("notes", s, fault)
		if err != nil {
			t.Fatal(err)
		}
		stranger := a.browser()
		return stranger.read(stranger.send("POST", "/auth/backchannel-logout", nil, url.Values{"logout_token": {raw}}))
	}
	bad := post(idpmock.LogoutWrongAud)
	b.expect(bad, 400, `"invalid_request"`)
	if !strings.HasPrefix(bad.Header.Get("Content-Type"), "application/json") ||
		strings.Count(bad.body, "error_description") != 1 {
		t.Errorf("%v %s", bad.Header, bad.body)
	}
	good := post("")
	if good.StatusCode != 200 || good.body != "" {
		t.Errorf("%d %q", good.StatusCode, good.body)
	}
	for _, got := range []*answer{bad, good} {
		if got.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%d may be stored", got.StatusCode)
		}
	}
	b.expect(b.do("GET", "/auth/session", fetch), 200, `"backchannel_logout"`)
}
