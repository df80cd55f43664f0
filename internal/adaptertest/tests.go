package adaptertest

import (
	"bufio"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/activity"
	"github.com/tandem-sso/tandem/rp/adapter"
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
	if time.Since(began) > time.Second || a.auth.OpenStreams() > 0 {
		t.Errorf("HEAD of the event stream holds the connection: %v, %d streams", time.Since(began),
			a.auth.OpenStreams())
	}
}

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

// Marks decide what is activity: a poll never keeps anybody signed in; a fetch of a route
// that is marked Active does.
func testMarks(t *testing.T, a *app) {
	b := a.browser()
	b.login("/auth")
	b.expect(b.do("GET", "/feed", navigate), 200, "ada passive")
	b.expect(b.do("GET", "/image", image), 200, "ada passive") // no mark makes activity of it
	script := fetch.Clone()
	script.Set(activity.Header, "passive") // what a script says of itself is less than the mark
	b.expect(b.do("GET", "/image", script), 200, "ada active")
	b.expect(b.do("GET", "/private", script), 200, "ada passive")
	for range 3 {
		time.Sleep(25 * time.Minute)
		b.expect(b.do("GET", "/image", script), 200, "ada active")
	}
	for range 29 {
		time.Sleep(time.Minute)
		b.do("GET", "/feed", navigate)
	}
	b.expect(b.do("GET", "/auth/session", fetch), 200, `"live"`)
	time.Sleep(time.Minute)
	b.expect(b.do("GET", "/feed", fetch), 401, `"idle"`)
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

// Config.Classify goes before every mark.
func testClassify(t *testing.T, build Build) {
	a := newApp(t, build, func(c *rp.Config) {
		c.Classify = func(r *http.Request) (activity.Class, bool) {
			switch r.Header.Get("X-Class") {
			case "active":
				return activity.Active, true
			case "passive":
				return activity.Passive, true
			}
			return activity.Passive, false
		}
	})
	b := a.browser()
	b.login("/auth")
	for _, row := range []struct{ path, header, want string }{
		{"/feed", "active", "active"}, {"/feed", "", "passive"}, {"/image", "passive", "passive"},
		{"/image", "", "active"}, {"/private", "passive", "passive"}, {"/private", "", "active"},
	} {
		b.expect(b.do("GET", row.path, http.Header{"X-Class": {row.header}}), 200, "ada "+row.want)
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

// A handler's stream is flushed through the adapter, and its session's end reaches
// it (C8).
func testStream(t *testing.T, a *app) {
	b := a.browser()
	b.login("/auth")
	resp := b.send("GET", "/stream", fetch, nil)
	defer resp.Body.Close()
	lines := bufio.NewReader(resp.Body)
	if line, err := lines.ReadString('\n'); line != "first\n" || err != nil {
		t.Fatalf("%q, %v", line, err)
	}
	a.endAtIdP()
	if line, err := lines.ReadString('\n'); line != "last\n" || err != nil {
		t.Errorf("after the end: %q, %v", line, err)
	}
	<-a.gone
}

func (a *app) endAtIdP() {
	a.Helper()
	for _, s := range a.idp.Sessions() {
		if err := a.idp.EndSession(s.SID); err != nil {
			a.Fatal(err)
		}
	}
	a.idp.Settle()
}

// The library's own stream: the state at once, the literal reason at the end.
func testEvents(t *testing.T, a *app) {
	b := a.browser()
	b.login("/auth")
	resp := b.send("GET", "/auth/events", http.Header{"Accept": {"text/event-stream"}}, nil)
	defer resp.Body.Close()
	if got := resp.Header.Get("Content-Type"); resp.StatusCode != 200 || !strings.HasPrefix(got, "text/event-stream") {
		t.Fatalf("%d %s", resp.StatusCode, got)
	}
	if h := resp.Header; h.Get("Cache-Control") != "no-store" || h.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("headers %v", h)
	}
	lines := bufio.NewScanner(resp.Body)
	seen := func(text string) bool {
		for lines.Scan() {
			if strings.Contains(lines.Text(), text) {
				return true
			}
		}
		return false
	}
	if !seen(`"live"`) {
		t.Fatal("the state was not sent")
	}
	a.endAtIdP()
	if !seen("backchannel_logout") {
		t.Error("the reason was not sent")
	}
	for lines.Scan() { // and the stream ends
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
