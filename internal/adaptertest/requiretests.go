package adaptertest

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp/adapter"
)

// Who is let in, and what the others get: a redirect for navigations only.
func testRequireLogin(t *testing.T, a *app) {
	b := a.browser()
	b.expect(b.do("GET", "/private", navigate), 302, "")
	for got, login := range map[*answer]string{
		b.do("GET", "/private", fetch): "/auth/login", b.do("POST", "/private", fetch): "/auth/login",
		b.do("GET", "/feed", fetch): "", b.do("GET", "/image", image): "", // nobody has asked for these
	} {
		b.expect(got, 401, "")
		var p adapter.Problem
		if err := json.Unmarshal([]byte(got.body), &p); err != nil ||
			p != (adapter.Problem{Error: "login_required", LoginURL: login}) {
			t.Errorf("%s %s: %q, %v", got.Request.Method, got.Request.URL.Path, got.body, err)
		}
		if !strings.HasPrefix(got.Header.Get("Content-Type"), "application/json") ||
			got.Header.Get("Cache-Control") != "no-store" || got.Header.Get("Location") != "" {
			t.Errorf("headers %v", got.Header)
		}
	}
	if got := b.do("POST", "/private", navigate); got.StatusCode != 401 ||
		!strings.HasPrefix(got.Header.Get("Content-Type"), "text/html") ||
		!strings.Contains(got.body, "Please log in.") {
		t.Errorf("a posted form: %d %v %q", got.StatusCode, got.Header, got.body)
	}
	if got := b.do("GET", "/private", http.Header{"Hx-Request": {"true"},
		"Hx-Current-Url": {base + "/private"}}); got.StatusCode != 401 || got.Header.Get("HX-Redirect") == "" {
		t.Errorf("htmx: %d %v", got.StatusCode, got.Header)
	}
	b.login("/auth")
	b.expect(b.do("GET", "/private", navigate), 200, "ada active")
	b.expect(b.do("POST", "/private", fetch), 200, "ada active")
}

// What a browser may keep of a private answer is said before the handler, which may
// say otherwise. An answer of the library's own is neither stored nor sniffed.
func testKeeps(t *testing.T, a *app) {
	b := a.browser()
	own := func(got *answer) {
		t.Helper()
		if h := got.Header; h.Get("Cache-Control") != "no-store" || h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s %s: %d %v", got.Request.Method, got.Request.URL.Path, got.StatusCode, h)
		}
	}
	refused := func() {
		t.Helper()
		own(b.do("GET", "/private", navigate))
		own(b.do("GET", "/private", fetch))
		own(b.do("GET", "/private", image))
		own(b.do("POST", "/private", foreign))
	}
	refused()
	b.login("/auth")
	for dest, want := range map[string]string{
		"document": "no-store", "empty": "no-store", "iframe": "no-store", "video": "no-store", "worker": "no-store",
		"":       "no-store",
		"script": "private, no-cache", "style": "private, no-cache", "image": "private, no-cache",
		"font": "private, no-cache",
	} {
		h := http.Header{}
		if dest != "" {
			h.Set("Sec-Fetch-Dest", dest)
		}
		for path, want := range map[string]string{"/private": want, "/feed": want, "/kept": "private, max-age=60"} {
			got := b.do("GET", path, h)
			if cc := got.Header.Values("Cache-Control"); got.StatusCode != 200 || len(cc) != 1 || cc[0] != want {
				t.Errorf("%s for %q: %d, Cache-Control %q, want %q", path, dest, got.StatusCode, cc, want)
			}
		}
	}
	own(b.do("POST", "/auth/logout", http.Header{"Origin": {base}}))
	refused()
}

// A page of another site opens no WebSocket, whose handshake is a GET that reads an
// answer without CORS.
func testWebSocket(t *testing.T, a *app) {
	b := a.browser()
	b.login("/auth")
	for origin, status := range map[string]int{base: 200, "": 200, "https://evil.example": 403, "null": 403} {
		h := http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"},
			"Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="}}
		if origin != "" {
			h.Set("Origin", origin)
		}
		if got := b.do("GET", "/feed", h); got.StatusCode != status {
			t.Errorf("from %q: %d %s, want %d", origin, got.StatusCode, got.body, status)
		}
	}
}

func testCrossOrigin(t *testing.T, a *app) {
	b := a.browser()
	b.login("/auth")
	for _, path := range []string{"/private", "/auth/logout", "/auth/activity"} {
		got := b.do("POST", path, foreign)
		if got.StatusCode != http.StatusForbidden || got.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %s", path, got.StatusCode, got.body)
		}
	}
	b.expect(b.do("GET", "/private", fetch), 200, "ada")
}

// C6: 503 with Retry-After while the IdP cannot be asked, as a page or as JSON.
func testOutage(t *testing.T, a *app) {
	b := a.browser()
	b.login("/auth")
	time.Sleep(6 * time.Minute)
	f := a.idp.Fault(idpmock.Fault{Times: idpmock.Always, Status: 500})
	for h, want := range map[*http.Header]string{&navigate: "<!DOCTYPE html>", &fetch: `"temporarily_unavailable"`} {
		got := b.do("GET", "/private", *h)
		b.expect(got, 503, want)
		if got.Header.Get("Retry-After") == "" || len(got.Header["Set-Cookie"]) > 0 ||
			got.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("headers %v", got.Header)
		}
	}
	f.Remove()
	time.Sleep(time.Minute)
	b.expect(b.do("GET", "/private", navigate), 200, "ada")
}

// The library's own pages come through whole.
func testLoginPage(t *testing.T, a *app) {
	b := a.browser()
	got := b.do("GET", "/auth/callback?code=x&state=y", navigate)
	b.expect(got, 400, "<!DOCTYPE html>")
	if strings.Count(got.body, "</html>") != 1 || !strings.HasPrefix(got.Header.Get("Content-Type"), "text/html") ||
		got.Header.Get("Content-Security-Policy") == "" {
		t.Errorf("%v %s", got.Header, got.body)
	}
}

// A public page shows who is logged in, redirects nobody, waits for nobody, and what a
// person does there is activity.
func testOptionalLogin(t *testing.T, a *app) {
	b := a.browser()
	home := func(h http.Header, want string) *answer {
		t.Helper()
		got := b.do("GET", "/", h)
		if got.StatusCode != 200 || got.body != want || got.Header.Get("Vary") != "Cookie" {
			t.Errorf("%d %q %v, want %q", got.StatusCode, got.body, got.Header, want)
		}
		return got
	}
	if got := home(navigate, "welcome"); got.Header.Get("Cache-Control") != "" {
		t.Errorf("a page without a session: %v", got.Header)
	}
	b.login("/auth")
	if got := home(navigate, "welcome ada active"); got.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("a page with a session may be kept: %v", got.Header)
	}
	home(image, "welcome ada passive")
	for range 3 { // Idle is 30 min, and the IdP hears of it beside
		time.Sleep(20 * time.Minute)
		home(navigate, "welcome")
		synctest.Wait()
		home(navigate, "welcome ada active")
	}
	f := a.idp.Fault(idpmock.Fault{Times: idpmock.Always, Delay: time.Hour})
	time.Sleep(6 * time.Minute)
	began := time.Now()
	home(navigate, "welcome ada active") // trust is over, and the IdP does not answer
	time.Sleep(20 * time.Minute)
	home(navigate, "welcome") // nobody vouches any more
	if took := time.Since(began); took > 21*time.Minute {
		t.Errorf("somebody waited: %v", took)
	}
	f.Remove()
	time.Sleep(2 * time.Minute)
	b.expect(b.do("GET", "/private", navigate), 200, "ada active")
	b.expect(b.do("POST", "/private", foreign), 403, "")
	time.Sleep(31 * time.Minute)
	home(navigate, "welcome")
	b.expect(b.do("GET", "/auth/session", fetch), 200, `"idle"`)
}

// A handler that panics does not take the session, nor the process, with it.
func testPanic(t *testing.T, a *app) {
	b := a.browser()
	b.login("/auth")
	req, err := http.NewRequestWithContext(t.Context(), "GET", base+"/panic", nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := b.http.Do(req); err == nil {
		resp.Body.Close()
		t.Errorf("the panic was answered with %d", resp.StatusCode)
	}
	b.expect(b.do("GET", "/private", fetch), 200, "ada")
}
