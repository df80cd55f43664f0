package adaptertest

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/tandem-sso/tandem/rp"
)

// A proxy takes a path away: browsers see every address with it.
func testBelowAPath(t *testing.T, build Build) {
	a := newApp(t, func(auth *rp.RelyingParty, routes []Route) http.Handler {
		return http.StripPrefix("/app", build(auth, routes))
	}, func(c *rp.Config) { c.BaseURL += "/app" })
	b := a.browser()
	first := b.do("GET", "/app/private", navigate)
	if to := first.Header.Get("Location"); to != "/app/auth/login?return_to=%2Fapp%2Fprivate" {
		t.Fatalf("leads to %s", to)
	}
	start := b.do("GET", first.Header.Get("Location"), navigate)
	callback, err := b.idp.Authorize(t.Context(), start.Header.Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	if in := b.do("GET", callback, navigate); in.Header.Get("Location") != "/app/private" {
		t.Fatalf("%d %v", in.StatusCode, in.Header)
	}
	b.expect(b.do("GET", "/app/private", navigate), 200, "ada active")
	b.expect(b.do("GET", "/app/auth/session", fetch), 200, `"live"`)
	b.expect(b.do("POST", "/app/auth/activity", fetch), 200, `"live"`)
	b.expect(a.browser().do("GET", "/app/private", fetch), 401, `"login_url":"/app/auth/login"`)
}

// What keeps POST requests from the endpoints is found out after the first request.
func testSelfCheck(t *testing.T, build Build, guarded bool) {
	a := newApp(t, func(auth *rp.RelyingParty, routes []Route) http.Handler {
		app := build(auth, routes)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if guarded && r.Method == http.MethodPost {
				http.Error(w, "Forbidden - CSRF token not found in request", http.StatusForbidden)
				return
			}
			app.ServeHTTP(w, r)
		})
	}, nil)
	a.browser().do("GET", "/auth/session", fetch)
	synctest.Wait()
	var found []string
	for _, f := range a.auth.Findings() {
		if strings.HasSuffix(f.Code, "_blocked") || f.Code == "self_unreachable" {
			found = append(found, f.Code)
		}
	}
	want := ""
	if guarded {
		want = "backchannel_blocked activity_blocked"
	}
	if got := strings.Join(found, " "); got != want {
		t.Errorf("found %q, not %q", got, want)
	}
}
