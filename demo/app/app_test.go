package app_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/demo/api"
	"github.com/tandem-sso/tandem/demo/app"
	"github.com/tandem-sso/tandem/demo/notoken"
	"github.com/tandem-sso/tandem/demo/referencetoken"
	"github.com/tandem-sso/tandem/demo/refreshtoken"
	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/idp-mock/idpmock/idptest"
	"github.com/tandem-sso/tandem/internal/servertest"
	"github.com/tandem-sso/tandem/rp"
)

type starter func(context.Context, app.Config) (*app.App, error)

var starters = map[string]starter{
	"refreshtoken": refreshtoken.Start, "referencetoken": referencetoken.Start, "notoken": notoken.Start,
}

// world is an IdP, the API and one app, over loopback.
type world struct {
	*testing.T
	idp     *idptest.Server
	api     *api.API
	app     *app.App
	browser *http.Client
}

func start(t *testing.T, name string, change ...func(*app.Config)) *world {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	base := "http://" + l.Addr().String()
	w := &world{T: t}
	w.idp = idptest.Start(t, idptest.WithClients(
		idpmock.Client{ID: name, Secret: "s3cret", RedirectURIs: []string{base + "/auth/callback"}, PostLogoutRedirectURIs: []string{base + "/auth/logged-out"},
			BackchannelLogoutURI: base + "/auth/backchannel-logout", BackchannelSessionRequired: true,
			RefreshTokens: name == "refreshtoken", AccessTokenType: idpmock.Reference},
		idpmock.Client{ID: "api", Secret: "api-s3cret"},
	), idptest.WithUsers(idpmock.User{Username: "ada", Name: "Ada Lovelace"}))
	quiet := slog.New(slog.DiscardHandler)
	if w.api, err = api.Start(t.Context(), api.Config{Issuer: w.idp.URL, ClientID: "api", ClientSecret: "api-s3cret", Listen: "127.0.0.1:0", Logger: quiet}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.closed(w.api) })
	c := app.Config{Issuer: w.idp.URL, ClientID: name, ClientSecret: "s3cret", Listener: l, APIURL: w.api.URL(), Logger: quiet, Now: w.idp.Now}
	for _, f := range change {
		f(&c)
	}
	if w.app, err = starters[name](t.Context(), c); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.closed(w.app) })
	w.browser = newBrowser(t)
	return w
}

func (w *world) closed(c io.Closer) {
	if err := c.Close(); err != nil {
		w.Error(err)
	}
}

// newBrowser keeps cookies as browsers do; Go's jar takes Secure ones on
// loopback, too.
func newBrowser(t *testing.T) *http.Client {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	tr := http.DefaultTransport.(*http.Transport).Clone()
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Jar: jar, Transport: tr, Timeout: 10 * time.Second}
}

func (w *world) do(method, to string, form url.Values, header ...string) (*http.Response, string) {
	w.Helper()
	if strings.HasPrefix(to, "/") {
		to = w.app.URL() + to
	}
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r, err := http.NewRequest(method, to, body)
	if err != nil {
		w.Fatal(err)
	}
	r.Header.Set("Accept", "text/html")
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := w.browser.Do(r)
	if err != nil {
		w.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		w.Fatal(err)
	}
	return resp, string(text)
}

func (w *world) get(path string, header ...string) (*http.Response, string) {
	w.Helper()
	return w.do("GET", path, nil, header...)
}

func (w *world) json(path string) (int, map[string]any) {
	w.Helper()
	resp, text := w.get(path, "Accept", "application/json", "Sec-Fetch-Mode", "cors")
	v := map[string]any{}
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		w.Fatalf("%s: %d %q", path, resp.StatusCode, text)
	}
	return resp.StatusCode, v
}

var tx = regexp.MustCompile(`name="tx" value="([^"]*)"`)

// signIn goes to the private page and fills the IdP's form.
func (w *world) signIn() (*http.Response, string) {
	w.Helper()
	resp, text := w.get("/private")
	m := tx.FindStringSubmatch(text)
	if m == nil {
		w.Fatalf("no sign-in page at %s: %s", resp.Request.URL, text)
	}
	return w.do("POST", w.idp.URL+"/login", url.Values{"tx": {m[1]}, "username": {"ada"}, "action": {"signin"}})
}

func each(t *testing.T, f func(t *testing.T, name string)) {
	for name := range starters {
		t.Run(name, func(t *testing.T) { f(t, name) })
	}
}

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
	w := start(t, "refreshtoken", func(c *app.Config) { c.Idle = time.Minute })
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
		w := start(t, "refreshtoken", func(c *app.Config) { c.APIURL = "" })
		w.signIn()
		if status, v := w.json("/call-api"); status != 404 || v["error"] != "no_api" {
			t.Fatal(status, v)
		}
	})
	t.Run("unreachable", func(t *testing.T) {
		w := start(t, "refreshtoken", func(c *app.Config) { c.APIURL = "http://127.0.0.1:1" })
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
		w := start(t, "refreshtoken", func(c *app.Config) { c.APIURL = s.URL })
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
		w := start(t, "referencetoken", func(c *app.Config) { c.APIURL = s.URL })
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
		w := start(t, "referencetoken", func(c *app.Config) { c.Now = func() time.Time { return now } })
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
	if a, b := app.CookieNameFor("notes"), app.CookieNameFor("https://x/y z"); a != "tandem-notes" || b != "tandem-https---x-y-z" {
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
			w := start(t, name, func(c *app.Config) { c.Scopes = strings.Fields(given) })
			w.browser.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
			resp, _ := w.get("/auth/login")
			to, err := resp.Location()
			if err != nil || to.Query().Get("scope") != want {
				t.Errorf("%q: %v %v", given, to, err)
			}
		}
	})
}

// An IdP that cannot be reached: a clear error, or with Wait a recovery; healthz
// says when it serves.
func TestWaitForTheIdP(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	issuer := "http://" + l.Addr().String()
	l.Close() // nobody is there yet
	quiet := slog.New(slog.DiscardHandler)
	for name, start := range starters {
		_, err := start(t.Context(), app.Config{Issuer: issuer, ClientID: "x", Listen: "127.0.0.1:0", Logger: quiet})
		if err == nil || !strings.Contains(err.Error(), "discovery of "+issuer+" failed") || !strings.Contains(err.Error(), "-wait") {
			t.Errorf("%s: %v", name, err)
		}
	}

	idp, err := idpmock.New(idpmock.Config{Issuer: issuer, Clients: []idpmock.Client{{ID: "x", RedirectURIs: []string{"http://x.localhost/auth/callback"}}}})
	if err != nil {
		t.Fatal(err)
	}
	defer idp.Close()
	mine, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	health := func() int {
		resp, err := http.Get("http://" + mine.Addr().String() + "/healthz")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	var progress progress
	waiting := make(chan struct{})
	progress.first = sync.OnceFunc(func() { close(waiting) })
	var server *http.Server
	go func() {
		<-waiting
		if status := health(); status != 503 {
			t.Errorf("healthz while waiting: %d", status)
		}
		l, err := net.Listen("tcp", strings.TrimPrefix(issuer, "http://"))
		if err != nil {
			t.Error(err)
			return
		}
		server = &http.Server{Handler: idp.Handler()}
		_ = server.Serve(l)
	}()
	a, err := refreshtoken.Start(t.Context(), app.Config{Issuer: issuer, ClientID: "x", Listener: mine, Wait: 20 * time.Second, Progress: &progress, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	if status := health(); status != 200 {
		t.Errorf("healthz: %d", status)
	}
	if err := errors.Join(a.Close(), a.Close(), server.Close()); err != nil {
		t.Error(err)
	}
	if text := progress.String(); !strings.Contains(text, "waiting for the IdP at "+issuer) || !strings.Contains(text, "refreshtoken serves on http://") {
		t.Error(text)
	}
}

type progress struct {
	mu    sync.Mutex
	text  strings.Builder
	first func()
}

func (p *progress) Write(b []byte) (int, error) {
	p.first()
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(b)
}

func (p *progress) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

// Wrong configuration is told at once, with the flag or the field, however long
// -wait is.
func TestWrongConfiguration(t *testing.T) {
	good := app.Config{Issuer: "http://127.0.0.1:1", ClientID: "x", Listen: "127.0.0.1:0", Wait: time.Hour, Logger: slog.New(slog.DiscardHandler)}
	for text, change := range map[string]func(*app.Config){
		"-issuer is missing":                       func(c *app.Config) { c.Issuer = "" },
		"-client-id is missing":                    func(c *app.Config) { c.ClientID = "" },
		"Config.Issuer: is \"ftp://x\"":            func(c *app.Config) { c.Issuer = "ftp://x" },
		"-seal-key is not 64 hexadecimal":          func(c *app.Config) { c.SealKey = "abc" },
		"-store is of the unknown kind \"sqlite\"": func(c *app.Config) { c.Store = "sqlite:x" },
		"-store names no file":                     func(c *app.Config) { c.Store = "bolt:" },
		"-store: ":                                 func(c *app.Config) { c.Store = "bolt:/nowhere/x.db" },
		"-api-url is \"nowhere\"":                  func(c *app.Config) { c.APIURL = "nowhere" },
		"-profile is \"x\"":                        func(c *app.Config) { c.Profile = "x" },
		"Config.IDTokenAlg: is \"HS256\"":          func(c *app.Config) { c.IDTokenAlg = "HS256" },
		"Config.BaseURL: is \"http://x.com\"":      func(c *app.Config) { c.BaseURL = "http://x.com" },
		"-listen 127.0.0.1:x":                      func(c *app.Config) { c.Listen = "127.0.0.1:x" },
		"Config.TrustFor: is negative":             func(c *app.Config) { c.TrustFor = -1 },
	} {
		c := good
		change(&c)
		if a, err := refreshtoken.Start(t.Context(), c); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v", text, err)
			if a != nil {
				a.Close()
			}
		}
	}
}

// The watch that the control room has on an app.
func TestWatch(t *testing.T) {
	var mu sync.Mutex
	var seen []string
	w := start(t, "referencetoken", func(c *app.Config) {
		c.Watch = func(v app.Visit) {
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
	if known := w.app.Known(); known[0].Status.State != "ended" || known[0].Status.Reason != rp.UserLogout {
		t.Fatalf("%+v", known)
	}
}

// Sessions in a file survive a restart, if the key does.
func TestBoltStoreSurvives(t *testing.T) {
	var c app.Config
	w := start(t, "notoken", func(given *app.Config) {
		given.Store = "bolt:" + t.TempDir() + "/sessions.db"
		given.SealKey = rp.Secret(strings.Repeat("0a", 32))
		c = *given
	})
	w.signIn()
	c.Listener, c.Listen, c.BaseURL = nil, w.app.Addr(), w.app.URL()
	w.closed(w.app)
	again, err := notoken.Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	w.app = again
	defer w.closed(again)
	if status, v := w.json("/me"); status != 200 || v["subject"] != "ada" {
		t.Fatal(status, v)
	}
}

// Another configuration with the same sessions, for the control room.
func TestAgain(t *testing.T) {
	w := start(t, "refreshtoken")
	w.signIn()
	next, err := w.app.Again(t.Context(), func(c *app.Config) { c.Idle = time.Minute })
	if err != nil {
		t.Fatal(err)
	}
	w.app = next
	if status, v := w.json("/auth/session"); status != 200 || v["state"] != "live" || v["idle_seconds"].(float64) > 60 {
		t.Fatal(status, v)
	}
	if _, err := next.Again(t.Context(), func(c *app.Config) { c.Idle = -1 }); err == nil {
		t.Fatal("a bad configuration was taken")
	}
	if status, v := w.json("/me"); status != 200 {
		t.Fatal("after a refused change:", status, v)
	}
}

// Two instances of one app share sessions in Redis or PostgreSQL; another app's
// are apart.
func TestSharedStores(t *testing.T) {
	t.Run("redis", func(t *testing.T) {
		redis, err := servertest.StartRedis()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(redis.Close)
		testSharedStore(t, "redis://"+redis.Addr+"/0")
	})
	t.Run("postgres", func(t *testing.T) {
		pg, err := servertest.StartPostgres()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(pg.Close)
		testSharedStore(t, pg.URL)
	})
}

func testSharedStore(t *testing.T, store string) {
	var c app.Config
	w := start(t, "notoken", func(given *app.Config) {
		given.Store = store
		given.SealKey = rp.Secret(strings.Repeat("0a", 32))
		given.Now = nil // the server has a clock of its own
		c = *given
	})
	w.signIn()
	c.Listener, c.Listen, c.BaseURL = nil, "127.0.0.1:0", w.app.URL()
	second, err := notoken.Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer w.closed(second)
	if status, v := w.json("http://" + second.Addr() + "/me"); status != 200 || v["subject"] != "ada" {
		t.Fatal("the second instance does not know the session:", status, v)
	}
	c.ClientID = "notoken2" // and so another prefix, but the same cookie
	c.CookieName = app.CookieNameFor("notoken")
	other, err := notoken.Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer w.closed(other)
	if status, v := w.json("http://" + other.Addr() + "/me"); status != 401 {
		t.Fatal("another app knows the session:", status, v)
	}
}
