package rp_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp/reason"
)

// visitor is one browser: its cookies at the app and its session at the IdP. It
// follows no redirect by itself, chooses the instance, and may hold a callback or an
// answer back: idptest.Browser goes all the way.
type visitor struct {
	w        *world
	http     *http.Client
	idp      *idpmock.Browser
	instance string // which instance the load balancer chooses
}

func (w *world) visitor(user string) *visitor {
	w.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.Fatal(err)
	}
	client := w.idp.Net.Client()
	client.Jar = jar
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &visitor{w: w, http: client, idp: w.idp.Browser(user)}
}

// reply is what came back.
type reply struct {
	status int
	header http.Header
	body   string
}

func (a *reply) location() string { return a.header.Get("Location") }

func (a *reply) String() string {
	return fmt.Sprintf("%d %.600s\n%.400s", a.status, fmt.Sprint(a.header), a.body)
}

// headers of the kinds of requests that browsers make.
var (
	navigating = http.Header{"Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Dest": {"document"}, "Sec-Fetch-Site": {"none"},
		"Accept": {"text/html,*/*;q=0.8"}}
	fetching = http.Header{"Sec-Fetch-Mode": {"cors"}, "Sec-Fetch-Dest": {"empty"}, "Sec-Fetch-Site": {"same-origin"},
		"Accept": {"*/*"}}
	htmx = http.Header{"Hx-Request": {"true"}, "Hx-Current-Url": {base + "/private?tab=2"}, "Accept": {"*/*"}}
	bare = http.Header{} // curl, or a test
)

// with returns a copy of h with more in it: name, value, name, value, …
func with(h http.Header, more ...string) http.Header {
	h = maps.Clone(h)
	for i := 0; i < len(more); i += 2 {
		h[http.CanonicalHeaderKey(more[i])] = []string{more[i+1]}
	}
	return h
}

func (v *visitor) try(method, path string, form url.Values, h http.Header) (*reply, error) {
	if strings.HasPrefix(path, "/") {
		path = base + path
	}
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequestWithContext(v.w.Context(), method, path, body)
	if err != nil {
		return nil, err
	}
	maps.Copy(req.Header, h)
	if form != nil && req.Header.Get("Content-Type") == "" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if v.instance != "" {
		req.Header.Set("X-Instance", v.instance)
	}
	resp, err := v.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return &reply{resp.StatusCode, resp.Header, string(b)}, err
}

func (v *visitor) do(method, path string, form url.Values, h http.Header) *reply {
	v.w.Helper()
	a, err := v.try(method, path, form, h)
	if err != nil {
		v.w.Fatalf("%s %s: %v", method, path, err)
	}
	return a
}

func (v *visitor) get(path string) *reply   { v.w.Helper(); return v.do("GET", path, nil, navigating) }
func (v *visitor) fetch(path string) *reply { v.w.Helper(); return v.do("GET", path, nil, fetching) }

// submit posts a form of the app's own page.
func (v *visitor) submit(path string) *reply {
	v.w.Helper()
	return v.do("POST", path, url.Values{}, with(navigating, "Sec-Fetch-Site", "same-origin", "Origin", base))
}

// start begins a log-in and returns the URL at the IdP.
func (v *visitor) start(path string) string {
	v.w.Helper()
	a := v.do("GET", path, nil, with(navigating, "Sec-Fetch-Site", "same-origin")) // by a link of the app
	if a.status != http.StatusFound || !strings.HasPrefix(a.location(), v.w.idp.URL+"/authorize?") {
		v.w.Fatalf("the log-in does not start: %v", a)
	}
	return a.location()
}

// authorize visits the IdP, which signs in where necessary, and returns the
// callback.
func (v *visitor) authorize(authURL string) string {
	v.w.Helper()
	callback, err := v.idp.Authorize(v.w.Context(), authURL)
	if err != nil {
		v.w.Fatal(err)
	}
	return callback
}

// login signs in and returns the answer to the callback.
func (v *visitor) login() *reply {
	v.w.Helper()
	a := v.get(v.authorize(v.start("/auth/login?return_to=/private")))
	if a.status != http.StatusSeeOther || a.location() != "/private" {
		v.w.Fatalf("the log-in failed: %v", a)
	}
	return a
}

// status is GET /auth/session.
func (v *visitor) status() status {
	v.w.Helper()
	a := v.do("GET", "/auth/session", nil, fetching)
	if a.status != http.StatusOK {
		v.w.Fatalf("status: %v", a)
	}
	var s status
	if err := json.Unmarshal([]byte(a.body), &s); err != nil {
		v.w.Fatalf("status: %v in %s", err, a.body)
	}
	return s
}

func (v *visitor) expect(state string, reason reason.Reason) {
	v.w.Helper()
	if s := v.status(); s.State != state || s.Reason != reason {
		v.w.Errorf("the session is %q %q, want %q %q", s.State, s.Reason, state, reason)
	}
}

// welcome fails unless a click is served.
func (v *visitor) welcome() {
	v.w.Helper()
	if a := v.get("/private"); a.status != http.StatusOK {
		v.w.Errorf("a click %s after the log-in was not served: %v", v.w.age(), a)
	}
}

// age of the world: a bubble begins at midnight of 2000.
func (w *world) age() time.Duration {
	return time.Since(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC))
}

func (v *visitor) cookies() []*http.Cookie {
	u, _ := url.Parse(base)
	return v.http.Jar.Cookies(u)
}

// id is the value of the session cookie, "" if there is none.
func (v *visitor) id() string {
	for _, c := range v.cookies() {
		if c.Name == cookie {
			return c.Value
		}
	}
	return ""
}

// set puts a cookie into the browser.
func (v *visitor) set(name, value string) {
	u, _ := url.Parse(base)
	v.http.Jar.SetCookies(u, []*http.Cookie{{Name: name, Value: value, Path: "/", Secure: true}})
}

// thief is another browser with copies of all cookies of this one.
func (v *visitor) thief() *visitor {
	t := v.w.visitor("eve")
	for _, c := range v.cookies() {
		t.set(c.Name, c.Value)
	}
	return t
}

// session of this browser at the IdP.
func (v *visitor) session() idpmock.Session {
	v.w.Helper()
	s, err := v.idp.Session()
	if err != nil {
		v.w.Fatal(err)
	}
	return s
}

func setCookies(a *reply) map[string]*http.Cookie {
	out := map[string]*http.Cookie{}
	for _, c := range (&http.Response{Header: a.header}).Cookies() {
		out[c.Name] = c
	}
	return out
}

// query of a URL.
func query(raw string) url.Values {
	u, err := url.Parse(raw)
	if err != nil {
		panic(err)
	}
	return u.Query()
}
