package apps_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/demo/apps"
	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp/reason"
)

// The outer face: /, /private, /me, /passive, /call-api, logout, back-channel
// logout, /auth/session.
func TestEachAppAlone(t *testing.T) {
	each(t, func(t *testing.T, name string) {
		w := start(t, name)
		if resp, text := w.get("/"); resp.StatusCode != 200 || !strings.Contains(text, "not signed in") {
			t.Fatalf("/: %d %s", resp.StatusCode, text)
		}
		if status, v := w.json("/me"); status != 401 || v["error"] != "login_required" {
			t.Fatalf("/me of nobody: %d %v", status, v)
		}
		if _, v := w.json("/auth/session"); v["state"] != "anonymous" {
			t.Fatal(v)
		}
		resp, text := w.signIn()
		if resp.StatusCode != 200 || resp.Request.URL.String() != w.app.URL()+"/private" || !strings.Contains(text, "Ada Lovelace") || !strings.Contains(text, `<dd id="subject">ada</dd>`) {
			t.Fatalf("after sign-in: %d %s %s", resp.StatusCode, resp.Request.URL, text)
		}
		for path, class := range map[string]string{"/me": "active", "/passive": "passive"} {
			if status, v := w.json(path); status != 200 || v["subject"] != "ada" || v["class"] != class {
				t.Errorf("%s: %d %v", path, status, v)
			}
		}
		if _, text := w.get("/"); !strings.Contains(text, "ada") || !strings.Contains(text, `action="/auth/logout"`) {
			t.Errorf("/: %s", text)
		}
		status, v := w.json("/call-api")
		if name == "notoken" {
			if status != 409 || v["error"] != "no_access_token" {
				t.Errorf("/call-api: %d %v", status, v)
			}
		} else if status != 200 || v["subject"] != "ada" || v["client"] != name {
			t.Errorf("/call-api: %d %v", status, v)
		}
		if _, v := w.json("/auth/session"); v["state"] != "live" || v["subject"] != "ada" {
			t.Error(v)
		}

		if resp, _ := w.do("POST", "/auth/logout", url.Values{}); resp.StatusCode != 200 || resp.Request.URL.Path != "/auth/logged-out" {
			t.Errorf("logout led to %d %s", resp.StatusCode, resp.Request.URL)
		}
		if n := len(w.idp.Sessions()); n != 0 {
			t.Errorf("%d sessions are left at the IdP", n)
		}
		if _, v := w.json("/auth/session"); v["state"] != "ended" || v["reason"] != "user_logout" {
			t.Error(v)
		}

		w.signIn()
		if err := w.idp.EndSession(w.idp.Sessions()[0].SID); err != nil {
			t.Fatal(err)
		}
		w.idp.Settle()
		if _, v := w.json("/auth/session"); v["state"] != "ended" || v["reason"] != "backchannel_logout" {
			t.Error(v)
		}
		if _, text := w.get("/"); !strings.Contains(text, "backchannel_logout") {
			t.Errorf("the page does not say why: %s", text)
		}
		if status, v := w.json("/me"); status != 401 || v["reason"] != "backchannel_logout" {
			t.Errorf("/me: %d %v", status, v)
		}
	})
}

// Looking at the public page and polling keep nobody signed in.
func TestThePublicPageIsNoActivity(t *testing.T) {
	w := start(t, "refreshtoken", func(c *apps.Config) { c.Idle = time.Minute })
	w.signIn()
	for range 3 {
		w.idp.Advance(25 * time.Second)
		w.get("/")
		w.json("/passive") // a navigation would log in again at the end
		w.get("/auth/session")
	}
	if _, v := w.json("/auth/session"); v["state"] != "ended" || v["reason"] != "idle" {
		t.Fatal(v)
	}
}

// What the API answers is passed on; what concerns the session is the library's
// to answer.
func TestCallAPIFailures(t *testing.T) {
	t.Run("none", func(t *testing.T) {
		w := start(t, "refreshtoken", func(c *apps.Config) { c.APIURL = "" })
		w.signIn()
		if status, v := w.json("/call-api"); status != 404 || v["error"] != "no_api" {
			t.Fatal(status, v)
		}
	})
	t.Run("unreachable", func(t *testing.T) {
		w := start(t, "refreshtoken", func(c *apps.Config) { c.APIURL = "http://127.0.0.1:1" })
		w.signIn()
		if status, v := w.json("/call-api"); status != 502 || v["error"] != "api_unreachable" {
			t.Fatal(status, v)
		}
	})
	t.Run("trouble", func(t *testing.T) {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "7")
			http.Error(w, `{"error":"teapot"}`, http.StatusTeapot)
		}))
		defer s.Close()
		w := start(t, "refreshtoken", func(c *apps.Config) { c.APIURL = s.URL })
		w.signIn()
		if resp, text := w.get("/call-api"); resp.StatusCode != 418 || !strings.Contains(text, "teapot") || resp.Header.Get("Retry-After") != "7" {
			t.Fatal(resp.StatusCode, text)
		}
	})
	t.Run("refuses a good token", func(t *testing.T) {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
			w.WriteHeader(http.StatusUnauthorized)
		}))
		defer s.Close()
		w := start(t, "referencetoken", func(c *apps.Config) { c.APIURL = s.URL })
		w.signIn()
		if status, v := w.json("/call-api"); status != 502 || v["error"] != "api_refused" {
			t.Fatal(status, v)
		}
		if _, v := w.json("/auth/session"); v["state"] != "live" {
			t.Fatal(v)
		}
	})
	t.Run("session ended", func(t *testing.T) {
		// All within one moment: the log-in just before is no answer to the 401.
		now := time.Now()
		w := start(t, "referencetoken", func(c *apps.Config) { c.Now = func() time.Time { return now } })
		w.signIn()
		w.idp.FaultDelivery(idpmock.DeliveryFault{Lose: true, Times: idpmock.Always})
		if err := w.idp.EndSession(w.idp.Sessions()[0].SID); err != nil {
			t.Fatal(err)
		}
		if status, v := w.json("/call-api"); status != 401 || v["reason"] != "api_unauthorized" {
			t.Fatal(status, v)
		}
		if resp, _ := w.get("/call-api"); resp.Request.URL.Host == "" || !strings.HasPrefix(resp.Request.URL.String(), w.idp.URL) {
			t.Fatalf("a navigation is sent to the log-in, not to %s", resp.Request.URL)
		}
	})
}

// Cookies know no ports: apps on one address must not take each other's.
func TestCookies(t *testing.T) {
	w := start(t, "refreshtoken")
	w.browser.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, _ := w.get("/auth/login")
	if resp.StatusCode != 302 || len(resp.Cookies()) != 1 {
		t.Fatal(resp.Status, resp.Cookies())
	}
	if c := resp.Cookies()[0]; !strings.HasPrefix(c.Name, "__Host-tandem-refreshtoken-login-") || !c.Secure || !c.HttpOnly || c.Path != "/" {
		t.Errorf("%+v", c)
	}
	if a, b := apps.CookieNameFor("notes"), apps.CookieNameFor("https://x/y z"); a != "tandem-notes" || b != "tandem-https---x-y-z" {
		t.Errorf("%q %q", a, b)
	}
}

func TestPagesHaveAStrictPolicy(t *testing.T) {
	w := start(t, "notoken")
	resp, text := w.get("/")
	if csp := resp.Header.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'; script-src 'self'; style-src 'self';") || strings.Contains(csp, "unsafe") {
		t.Error(csp)
	}
	for _, m := range regexp.MustCompile(`(?:src|href)="(/(?:app|auth|static)/[^"]*\.(?:js|css|svg))"`).FindAllStringSubmatch(text, -1) {
		if resp, _ := w.get(m[1]); resp.StatusCode != 200 {
			t.Errorf("%s: %d", m[1], resp.StatusCode)
		}
	}
	if strings.Contains(text, "style=") || strings.Contains(text, "<script>") {
		t.Error("the page has inline style or script")
	}
	if resp, _ := w.get("/static/"); resp.StatusCode != 404 {
		t.Errorf("the directory is listed: %d", resp.StatusCode)
	}
}

// -scopes: offline_access only where it does what is wanted.
func TestDefaultScopes(t *testing.T) {
	each(t, func(t *testing.T, name string) {
		for given, want := range map[string]string{"": map[bool]string{true: "openid profile offline_access", false: "openid profile"}[name == "refreshtoken"], "openid email": "openid email"} {
			w := start(t, name, func(c *apps.Config) { c.Scopes = strings.Fields(given) })
			w.browser.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
			resp, _ := w.get("/auth/login")
			to, err := resp.Location()
			if err != nil || to.Query().Get("scope") != want {
				t.Errorf("%q: %v %v", given, to, err)
			}
		}
	})
}

// The watch that the control room has on an app.
func TestWatch(t *testing.T) {
	var mu sync.Mutex
	var seen []string
	w := start(t, "referencetoken", func(c *apps.Config) {
		c.Watch = func(v apps.Visit) {
			mu.Lock()
			defer mu.Unlock()
			seen = append(seen, fmt.Sprint(v.Path, " ", v.Class, " ", v.Status, " ", v.Subject))
		}
	})
	w.signIn()
	w.json("/passive")
	w.json("/call-api")
	mu.Lock()
	got := strings.Join(seen, "; ")
	mu.Unlock()
	if want := "/private active 200 ada; /passive passive 200 ada; /call-api active 200 ada"; got != want {
		t.Errorf("%s", got)
	}
	known := w.app.Known()
	if len(known) != 1 || known[0].Status.State != "live" || known[0].SID != w.idp.Sessions()[0].SID {
		t.Fatalf("%+v", known)
	}
	if _, ok := w.app.CookieOf(known[0].Session); !ok {
		t.Error("no cookie")
	}
	w.do("POST", "/auth/logout", url.Values{})
	if known := w.app.Known(); known[0].Status.State != "ended" || known[0].Status.Reason != reason.UserLogout {
		t.Fatalf("%+v", known)
	}
}

// Another configuration with the same sessions, for the control room.
func TestAgain(t *testing.T) {
	w := start(t, "refreshtoken")
	w.signIn()
	next, err := w.app.Again(t.Context(), func(c *apps.Config) { c.Idle = time.Minute })
	if err != nil {
		t.Fatal(err)
	}
	w.app = next
	if status, v := w.json("/auth/session"); status != 200 || v["state"] != "live" || v["idle_seconds"].(float64) > 60 {
		t.Fatal(status, v)
	}
	if _, err := next.Again(t.Context(), func(c *apps.Config) { c.Idle = -1 }); err == nil {
		t.Fatal("a bad configuration was taken")
	}
	if status, v := w.json("/me"); status != 200 {
		t.Fatal("after a refused change:", status, v)
	}
}
