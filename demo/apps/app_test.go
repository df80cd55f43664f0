package apps_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
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
		if page := w.get("/"); page.Status != 200 || !strings.Contains(page.Body, "not logged in") {
			t.Fatalf("/: %s", page)
		}
		if status, v := w.json("/me"); status != 401 || v["error"] != "login_required" {
			t.Fatalf("/me of nobody: %d %v", status, v)
		}
		if _, v := w.json("/auth/session"); v["state"] != "anonymous" {
			t.Fatal(v)
		}
		page := w.signIn()
		if page.Status != 200 || page.URL.String() != w.app.URL()+"/private" ||
			!strings.Contains(page.Body, "Ada Lovelace") || !strings.Contains(page.Body, `<dd id="subject">ada</dd>`) {
			t.Fatalf("after sign-in: %s", page)
		}
		for path, class := range map[string]string{"/me": "active", "/passive": "passive"} {
			if status, v := w.json(path); status != 200 || v["subject"] != "ada" || v["class"] != class {
				t.Errorf("%s: %d %v", path, status, v)
			}
		}
		if page := w.get("/"); !strings.Contains(page.Body, "ada") ||
			!strings.Contains(page.Body, `action="/auth/logout"`) {
			t.Errorf("/: %s", page)
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

		if page := w.logOut(); page.Status != 200 || page.URL.Path != "/auth/logged-out" {
			t.Errorf("logout led to %s", page)
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
		if page := w.get("/"); !strings.Contains(page.Body, "backchannel_logout") {
			t.Errorf("the page does not say why: %s", page)
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
		if page := w.get("/call-api"); page.Status != 418 || !strings.Contains(page.Body, "teapot") ||
			page.Header.Get("Retry-After") != "7" {
			t.Fatal(page)
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
		if page := w.get("/call-api"); !strings.HasPrefix(page.URL.String(), w.idp.URL) {
			t.Fatalf("a navigation is sent to the log-in, not to %s", page.URL)
		}
	})
}

// Cookies know no ports: apps on one address must not take each other's.
func TestCookies(t *testing.T) {
	w := start(t, "refreshtoken")
	page := w.browser.Hop(w.url("/auth/login"))
	set := (&http.Response{Header: page.Header}).Cookies()
	if page.Status != 302 || len(set) != 1 {
		t.Fatal(page, set)
	}
	if c := set[0]; !strings.HasPrefix(c.Name, "__Host-tandem-refreshtoken-login-") || !c.Secure || !c.HttpOnly ||
		c.Path != "/" {
		t.Errorf("%+v", c)
	}
	if a, b := apps.CookieNameFor("notes"), apps.CookieNameFor("https://x/y z"); a != "tandem-notes" ||
		b != "tandem-https---x-y-z" {
		t.Errorf("%q %q", a, b)
	}
}

func TestPagesHaveAStrictPolicy(t *testing.T) {
	w := start(t, "notoken")
	page := w.get("/")
	if csp := page.Header.Get("Content-Security-Policy"); !strings.HasPrefix(csp,
		"default-src 'none'; script-src 'self'; style-src 'self';") || strings.Contains(csp, "unsafe") {
		t.Error(csp)
	}
	for _, m := range regexp.MustCompile(
		`(?:src|href)="(/(?:auth|static)/[^"]*\.(?:js|css|svg))"`).FindAllStringSubmatch(page.Body, -1) {
		if part := w.get(m[1]); part.Status != 200 {
			t.Errorf("%s: %d", m[1], part.Status)
		}
	}
	if strings.Contains(page.Body, "style=") || strings.Contains(page.Body, "<script>") {
		t.Error("the page has inline style or script")
	}
	if page := w.get("/static/"); page.Status != 404 {
		t.Errorf("the directory is listed: %d", page.Status)
	}
}

// -scopes: offline_access only where it does what is wanted.
func TestDefaultScopes(t *testing.T) {
	each(t, func(t *testing.T, name string) {
		for given, want := range map[string]string{"": map[bool]string{true: "openid profile offline_access",
			false: "openid profile"}[name == "refreshtoken"], "openid email": "openid email"} {
			w := start(t, name, func(c *apps.Config) { c.Scopes = strings.Fields(given) })
			if to := w.browser.Hop(w.url("/auth/login")).To; to == nil || to.Query().Get("scope") != want {
				t.Errorf("%q: %v", given, to)
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
	w.logOut()
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
