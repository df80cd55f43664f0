package resourceserver_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandem-sso/tandem/rp/resourceserver"
)

// idp is an authorization server that answers introspection as told.
type idp struct {
	*httptest.Server
	asked  atomic.Int32
	last   atomic.Pointer[http.Request]
	answer atomic.Pointer[http.HandlerFunc]
	meta   atomic.Pointer[map[string]string] // replaces members of the discovery document
}

func start(t *testing.T) *idp {
	i := &idp{}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, r *http.Request) {
		doc := map[string]string{"issuer": `"` + i.URL + `"`, "introspection_endpoint": `"` + i.URL + `/introspect"`}
		if m := i.meta.Load(); m != nil {
			for k, v := range *m {
				doc[k] = v
			}
		}
		var members []string
		for k, v := range doc {
			members = append(members, fmt.Sprintf("%q:%s", k, v))
		}
		fmt.Fprint(w, "{"+strings.Join(members, ",")+"}")
	})
	mux.HandleFunc("POST /introspect", func(w http.ResponseWriter, r *http.Request) {
		i.asked.Add(1)
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		i.last.Store(r)
		(*i.answer.Load())(w, r)
	})
	i.Server = httptest.NewServer(mux)
	t.Cleanup(i.Close)
	i.says(`{"active":true,"sub":"ada","client_id":"notes","scope":"openid profile","token_type":"Bearer"}`)
	return i
}

func (i *idp) says(body string) {
	i.does(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, body)
	})
}

func (i *idp) does(h http.HandlerFunc) { i.answer.Store(&h) }

func (i *idp) server(t *testing.T, change ...func(*resourceserver.Config)) *resourceserver.Server {
	t.Helper()
	c := resourceserver.Config{Issuer: i.URL, ClientID: "api", ClientSecret: "s3cret",
		Logger: slog.New(slog.DiscardHandler)}
	for _, f := range change {
		f(&c)
	}
	s, err := resourceserver.New(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func call(s *resourceserver.Server, token string, scopes ...string) *http.Response {
	w := httptest.NewRecorder()
	r := httptest.NewRequest("GET", "/whoami", nil)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	s.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t := resourceserver.FromContext(r.Context())
		fmt.Fprintf(w, "%s of %s", t.Subject, t.ClientID)
	}), scopes...).ServeHTTP(w, r)
	return w.Result()
}

func body(r *http.Response) string {
	b, _ := io.ReadAll(r.Body)
	return string(b)
}

func TestAGoodTokenIsLetThrough(t *testing.T) {
	i := start(t)
	s := i.server(t)
	if r := call(s, "tok"); r.StatusCode != 200 || body(r) != "ada of notes" {
		t.Fatal(r.Status, r.Header)
	}
	r := i.last.Load()
	if id, secret, ok := r.BasicAuth(); !ok || id != "api" || secret != "s3cret" {
		t.Errorf("asked as %q", id)
	}
	if r.PostForm.Get("token") != "tok" || r.URL.RawQuery != "" {
		t.Errorf("asked with form %v and query %q", r.PostForm, r.URL.RawQuery)
	}
}

// RFC 6749 §2.3.1: id and secret are form-encoded before they go into the header.
func TestBasicCredentialsAreEncoded(t *testing.T) {
	i := start(t)
	s := i.server(t, func(c *resourceserver.Config) { c.ClientID, c.ClientSecret = "a:b", "p%w ä" })
	if r := call(s, "tok"); r.StatusCode != 200 {
		t.Fatal(r.Status)
	}
	if id, secret, _ := i.last.Load().BasicAuth(); id != "a%3Ab" || secret != "p%25w+%C3%A4" {
		t.Errorf("%q %q", id, secret)
	}
}

func TestSecretInTheFormWhereTheIdPTakesNoBasic(t *testing.T) {
	i := start(t)
	i.meta.Store(&map[string]string{"introspection_endpoint_auth_methods_supported": `["client_secret_post"]`})
	s := i.server(t)
	if r := call(s, "tok"); r.StatusCode != 200 {
		t.Fatal(r.Status)
	}
	r := i.last.Load()
	if _, _, ok := r.BasicAuth(); ok || r.PostForm.Get("client_id") != "api" ||
		r.PostForm.Get("client_secret") != "s3cret" {
		t.Errorf("%v", r.PostForm)
	}
}

// API-01, RFC 6750 §3.1.
func TestChallenges(t *testing.T) {
	i := start(t)
	s := i.server(t)
	if r := call(s, ""); r.StatusCode != 401 || r.Header.Get("WWW-Authenticate") != "Bearer" {
		t.Errorf("no token: %s %q", r.Status, r.Header.Get("WWW-Authenticate"))
	}
	if r := call(s, "not a token"); r.StatusCode != 401 ||
		r.Header.Get("WWW-Authenticate") != `Bearer error="invalid_token"` {
		t.Errorf("malformed: %s %q", r.Status, r.Header.Get("WWW-Authenticate"))
	}
	if i.asked.Load() != 0 {
		t.Errorf("the IdP was asked %d times about no token", i.asked.Load())
	}
	if r := call(s, "tok", "openid", "write"); r.StatusCode != 403 ||
		r.Header.Get("WWW-Authenticate") != `Bearer error="insufficient_scope", scope="openid write"` {
		t.Errorf("scope: %s %q", r.Status, r.Header.Get("WWW-Authenticate"))
	}
	i.says(`{"active":false}`)
	r := call(s, "tok")
	if r.StatusCode != 401 || r.Header.Get("WWW-Authenticate") != `Bearer error="invalid_token"` ||
		r.Header.Get("Cache-Control") != "no-store" || r.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("inactive: %s %v", r.Status, r.Header)
	}
	if b := body(r); b != "{\"error\":\"invalid_token\"}\n" {
		t.Errorf("body %q", b)
	}

	w, req := httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil)
	req.Header["Authorization"] = []string{"Bearer a", "Bearer b"}
	s.Require(http.NotFoundHandler()).ServeHTTP(w, req)
	if w.Code != 400 || w.Header().Get("WWW-Authenticate") != `Bearer error="invalid_request"` {
		t.Errorf("two headers: %d %v", w.Code, w.Header())
	}
}

// An active token that is nevertheless not good for this API.
func TestUnfitTokens(t *testing.T) {
	i := start(t)
	now := time.Now()
	s := i.server(t, func(c *resourceserver.Config) { c.Audience = []string{"https://api.example"} })
	for name, answer := range map[string]string{
		"another API":      `"aud":"https://other.example"`,
		"no audience":      `"scope":"x"`,
		"a refresh token":  `"aud":["https://api.example"],"token_type":"refresh_token"`,
		"token_use":        `"aud":["https://api.example"],"token_use":"refresh_token"`,
		"bound to a key":   `"aud":["https://api.example"],"cnf":{"jkt":"x"}`,
		"DPoP":             `"aud":["https://api.example"],"token_type":"DPoP"`,
		"another issuer":   `"aud":["https://api.example"],"iss":"https://evil.example"`,
		"expired":          fmt.Sprintf(`"aud":["https://api.example"],"exp":%d`, now.Add(-time.Second).Unix()),
		"not good yet":     fmt.Sprintf(`"aud":["https://api.example"],"nbf":%d`, now.Add(time.Hour).Unix()),
		"not good, by aud": `"aud":[]`,
	} {
		i.says(`{"active":true,"sub":"ada",` + answer + `}`)
		if r := call(s, "tok"); r.StatusCode != 401 {
			t.Errorf("%s: %s", name, r.Status)
		}
	}
	i.says(`{"active":true,"sub":"ada","aud":["x","https://api.example"],"token_type":"bearer","exp":` +
		fmt.Sprint(now.Add(time.Hour).Unix()) + `}`)
	if r := call(s, "tok"); r.StatusCode != 200 {
		t.Errorf("a good one: %s", r.Status)
	}
}

// INTR-01: errors are not "inactive"; a 401 would log people out.
func TestTroubleIsNoVerdict(t *testing.T) {
	i := start(t)
	s := i.server(t)
	status := func(code int, header ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			for k := 0; k < len(header); k += 2 {
				w.Header().Set(header[k], header[k+1])
			}
			w.WriteHeader(code)
		}
	}
	text := func(kind, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			io.WriteString(w, body)
		}
	}
	for name, c := range map[string]struct {
		h     http.HandlerFunc
		retry string
	}{
		"500":                     {status(500), "1"},
		"503 with Retry-After":    {status(503, "Retry-After", "7"), "7"},
		"429 asking for too long": {status(429, "Retry-After", "99999999999999"), "60"},
		// over: RFC 9110 §10.2.3,
		"a date":              {status(503, "Retry-After", "Sat, 21 Nov 2026 03:00:00 GMT"), "1"},
		"our secret is wrong": {status(401), "30"},
		"redirect":            {status(302, "Location", "/introspect"), "1"},
		"no JSON":             {text("application/json", "{active"), "1"},
		"not an object":       {text("application/json", `[true]`), "1"},
		"no active":           {text("application/json", `{"sub":"ada"}`), "1"},
		"active is a string":  {text("application/json", `{"active":"true"}`), "1"},
		"exp is a string":     {text("application/json", `{"active":true,"exp":"soon"}`), "1"},
		"a page":              {text("text/html", `{"active":true}`), "1"},
		"too large":           {text("application/json", `{"active":true,"x":"`+strings.Repeat("x", 1<<20)+`"}`), "1"},
		"cut": {func(http.ResponseWriter, *http.Request) {
			panic(http.ErrAbortHandler)
		}, "1"},
	} {
		i.does(c.h)
		r := call(s, "tok")
		if r.StatusCode != 503 || r.Header.Get("Retry-After") != c.retry || r.Header.Get("WWW-Authenticate") != "" {
			t.Errorf("%s: %s, Retry-After %q", name, r.Status, r.Header.Get("Retry-After"))
		}
	}
}

func TestTimeout(t *testing.T) {
	for set, want := range map[time.Duration]time.Duration{0: 10 * time.Second, time.Minute: time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			g := &gated{} // nobody lets it answer
			s := g.server(t, func(c *resourceserver.Config) { c.Timeout = set })
			since := time.Now()
			_, err := s.Introspect(t.Context(), "tok")
			var trouble *resourceserver.UnavailableError
			if !errors.As(err, &trouble) || !errors.Is(err, context.DeadlineExceeded) {
				t.Fatal(err)
			}
			if took := time.Since(since); took != want || g.asked.Load() != 1 {
				t.Errorf("Timeout %v: after %v, %d calls", set, took, g.asked.Load())
			}
		})
	}
}

// No secret and no token in an error text.
func TestErrorsKeepSecrets(t *testing.T) {
	i := start(t)
	s := i.server(t)
	i.CloseClientConnections()
	i.Close()
	_, err := s.Introspect(t.Context(), "t0ken")
	if err == nil || strings.Contains(err.Error(), "t0ken") || strings.Contains(err.Error(), "s3cret") {
		t.Fatal(err)
	}
	if text := fmt.Sprintf("%v %+v %#v", resourceserver.Secret("s3cret"), resourceserver.Config{ClientSecret: "s3cret"},
		resourceserver.Secret("s3cret")); strings.Contains(text, "s3cret") {
		t.Fatal(text)
	}
}

func FuzzBearerToken(f *testing.F) {
	for _, s := range []string{"", "Bearer", "Bearer ", "Bearer x", "bearer  x", "BEARER a=b", "Bearer a==",
		"Basic eDp5", "Bearer x, Bearer y", "Bearer\tx", "Bearer =", "Bearer \x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, header string) {
		token, err := resourceserver.BearerToken(http.Header{"Authorization": {header}})
		if err != nil {
			if token != "" {
				t.Fatalf("%q: a token beside an error", header)
			}
			return
		}
		if token == "" || len(token) > resourceserver.MaxToken || strings.ContainsAny(token, " \t\r\n,\"\\\x00") {
			t.Fatalf("%q: token %q", header, token)
		}
		if len(header) < 8 || !strings.EqualFold(header[:7], "Bearer ") || !strings.HasSuffix(header, token) ||
			strings.Trim(header[7:len(header)-len(token)], " ") != "" {
			t.Fatalf("%q is not the scheme, spaces and %q", header, token)
		}
	})
}
