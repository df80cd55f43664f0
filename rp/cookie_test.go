package rp_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/nethttpadapter"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/store/memstore"
)

// An unknown or tampered cookie is anonymous, never 500: a navigation goes to the
// log-in, a script gets 401, and the log stays quiet.
func TestStrangeCookies(t *testing.T) {
	inBubble(t, setup{}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		id := v.id()
		stranger := w.visitor("eve")
		tampered := func(i int) string {
			b := []byte(id)
			if b[i]++; b[i] > 'z' || b[i] == ':' || b[i] == '[' || b[i] == '`' || b[i] == '{' || b[i] == '.' {
				b[i] = 'A'
			}
			return cookie + "=" + string(b)
		}
		for name, line := range map[string]string{
			"unknown":               cookie + "=" + strings.Repeat("A", 43),
			"first byte":            tampered(0),
			"middle":                tampered(21),
			"last byte":             tampered(42),
			"cut off":               cookie + "=" + id[:42],
			"longer":                cookie + "=" + id + "A",
			"empty":                 cookie + "=",
			"no =":                  cookie,
			"quoted":                cookie + `="` + id + `"`,
			"another name":          "tandem=" + id,
			"a longer name":         cookie + "x=" + id,
			"a shorter name":        cookie[:len(cookie)-1] + "=" + id,
			"the name in capitals":  strings.ToUpper(cookie) + "=" + id,
			"without the prefix":    "__Secure-tandem=" + id,
			"blank before =":        cookie + " =" + id,
			"blank after =":         cookie + "= " + id,
			"comma instead of ;":    "a=b," + cookie + "=" + id,
			"in another's value":    "a=" + cookie + "=" + id,
			"64 KiB":                cookie + "=" + strings.Repeat("A", 64<<10),
			"base64 with + and /":   cookie + "=" + strings.Repeat("+/", 21) + "A",
			"the stored key in hex": cookie + "=" + strings.Repeat("0", 64),
		} {
			h := with(navigating, "Cookie", line)
			if a := stranger.do("GET", "/private", nil, h); a.status != http.StatusFound ||
				!strings.HasPrefix(a.location(), "/auth/login?") {
				t.Errorf("%s: a navigation: %v", name, a)
			}
			if a := stranger.do("GET", "/private", nil,
				with(fetching, "Cookie", line)); a.status != http.StatusUnauthorized ||
				!strings.Contains(a.body, `"login_required"`) {
				t.Errorf("%s: a script: %v", name, a)
			}
			if a := stranger.do("GET", "/auth/session", nil, with(fetching, "Cookie", line)); a.status != 200 ||
				!strings.Contains(a.body, `"anonymous"`) {
				t.Errorf("%s: status: %v", name, a)
			}
		}
		for name, line := range map[string]string{
			"among others":             "a=b; " + cookie + "=" + id + "; c=d",
			"without blanks":           "a=b;" + cookie + "=" + id + ";c=d",
			"behind one that is none":  cookie + "=junk; " + cookie + "=" + id,
			"before another one":       cookie + "=" + id + "; " + cookie + "=" + strings.Repeat("A", 43),
			"behind a broken neighbor": `x="; ` + cookie + "=" + id,
			"many blanks":              "a=b;    " + cookie + "=" + id,
		} {
			if a := stranger.do("GET", "/private", nil, with(navigating, "Cookie", line)); a.status != 200 {
				t.Errorf("%s: %v", name, a)
			}
		}
		if w.log.has("level=ERROR") || w.log.has("level=WARN") {
			t.Errorf("strange cookies fill the log:\n%s", w.log)
		}
	})
}

// FuzzCookie: whatever a browser sends, the answer is 200, and nobody but the
// holder of the id is served.
func FuzzCookie(f *testing.F) {
	var handler http.Handler
	idp, err := idpmock.New(idpmock.Config{Issuer: issuer, SigningAlg: "ES256", SweepEvery: -1,
		Clients: []idpmock.Client{{ID: "notes", RedirectURIs: []string{base + "/auth/callback"}}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(idp.Close)
	inProcess := roundTripper(func(r *http.Request) (*http.Response, error) {
		rec := httptest.NewRecorder()
		idp.Handler().ServeHTTP(rec, r)
		return rec.Result(), nil
	})
	auth, err := rp.New(f.Context(), rp.Config{Issuer: issuer, ClientID: "notes", BaseURL: base,
		Keys: rp.Keys{rp.NewKey()}, Store: memstore.New(memstore.Options{}),
		IDTokenAlg: "ES256", HTTPClient: &http.Client{Transport: inProcess}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { auth.Close() })
	handler = nethttpadapter.New(auth).Endpoints()
	f.Add("__Host-tandem=" + strings.Repeat("A", 43))
	f.Add("a=b; __Host-tandem=;; =; __Host-tandem-login-x=")
	f.Add("\x00;\xff=\"")
	f.Fuzz(func(t *testing.T, line string) {
		for _, path := range []string{"/auth/session", "/auth/login"} {
			r := httptest.NewRequest("GET", base+path, nil)
			r.Header["Cookie"] = []string{line}
			rec := httptest.NewRecorder()
			handler.ServeHTTP(rec, r)
			want := map[string]int{"/auth/session": 200, "/auth/login": 302}[path]
			if rec.Code != want {
				t.Errorf("%s with %q: %d %s", path, line, rec.Code, rec.Body)
			}
			if n := len(rec.Header()["Set-Cookie"]); n > 25 {
				t.Errorf("%d cookies are set in answer to %q", n, line)
			}
			if path == "/auth/session" && !strings.Contains(rec.Body.String(), `"anonymous"`) {
				t.Errorf("%q: %s", line, rec.Body)
			}
		}
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// A configured name keeps the prefix that makes browsers insist on Secure, Path=/
// and no Domain.
func TestCookieName(t *testing.T) {
	for given, want := range map[string]string{"": "__Host-tandem", "sid": "__Host-sid", "__Host-sid": "__Host-sid"} {
		inBubble(t, setup{config: func(c *rp.Config) { c.CookieName = given }}, func(t *testing.T, w *world) {
			v := w.visitor("ada")
			a := v.login()
			if setCookies(a)[want] == nil {
				t.Errorf("CookieName %q: %v", given, fmt.Sprint(setCookies(a)))
			}
			v.welcome()
		})
	}
}
