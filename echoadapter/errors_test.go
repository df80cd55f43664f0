package echoadapter_test

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/tandem-sso/tandem/echoadapter"
	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/store/memstore"
)

// relyingParty and its IdP, in process.
func relyingParty(t *testing.T) (*rp.RelyingParty, *idpmock.IDP) {
	t.Helper()
	idp, err := idpmock.New(idpmock.Config{Issuer: "https://idp.example", SigningAlg: "ES256", SweepEvery: -1,
		Clients: []idpmock.Client{{ID: "notes", RedirectURIs: []string{"https://notes.example/auth/callback"}}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(idp.Close)
	auth, err := rp.New(t.Context(), rp.Config{
		Issuer: "https://idp.example", ClientID: "notes", BaseURL: "https://notes.example", Keys: rp.Keys{rp.NewKey()},
		Store: memstore.New(memstore.Options{}), IDTokenAlg: "ES256", Logger: slog.New(slog.DiscardHandler),
		HTTPClient: &http.Client{Transport: inProcess{idp.Handler()}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { auth.Close() })
	return auth, idp
}

type inProcess struct{ http.Handler }

func (p inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	rec := httptest.NewRecorder()
	p.ServeHTTP(rec, r)
	return rec.Result(), nil
}

// What a script is refused is echo's to handle: its HTTPErrorHandler, and every
// middleware in front, sees the library's error and the status; what it writes is what
// the client gets. The library's own pages are written at once, and are no error.
func TestErrorsReachEcho(t *testing.T) {
	auth, _ := relyingParty(t)
	for _, row := range []struct {
		name, method, path string
		header             http.Header
		status             int    // of the *echo.HTTPError; 0: none
		cause              error  // found by errors.Is
		written            string // in the library's own answer, if that goes out at once
	}{
		{"a script", "GET", "/private", http.Header{"Sec-Fetch-Mode": {"cors"}}, 401, rp.ErrAnonymous, ""},
		{"a form post", "POST", "/private", nil, 401, rp.ErrAnonymous, ""},
		{"a navigation is redirected: no error", "GET", "/private", http.Header{"Sec-Fetch-Mode": {"navigate"}}, 0, nil,
			""},
		{"a log-out from another site", "POST", "/auth/logout", http.Header{"Sec-Fetch-Site": {"cross-site"},
			"Sec-Fetch-Mode": {"cors"}}, 403, rp.ErrCrossOrigin, ""},
		{"a bad logout token", "POST", "/auth/backchannel-logout", nil, 400, nil, "invalid_request"},
		{"a bad callback", "GET", "/auth/callback", http.Header{"Sec-Fetch-Mode": {"navigate"}}, 400, nil,
			"<!DOCTYPE html>"},
	} {
		t.Run(row.name, func(t *testing.T) {
			var seen []error
			e, web := echo.New(), echoadapter.New(auth)
			e.HTTPErrorHandler = func(err error, c echo.Context) {
				seen = append(seen, err)
				if !c.Response().Committed {
					c.String(http.StatusTeapot, "the app's own words")
				}
			}
			var passed error
			e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
				return func(c echo.Context) error { passed = next(c); return passed }
			})
			web.Register(e.Group("/auth"))
			e.Match([]string{"GET", "POST"}, "/private", func(echo.Context) error {
				t.Error("served")
				return nil
			}, web.RequireLogin())
			r := httptest.NewRequest(row.method, "https://notes.example"+row.path, nil)
			for name, v := range row.header {
				r.Header[name] = v
			}
			rec := httptest.NewRecorder()
			e.ServeHTTP(rec, r)
			if row.written != "" {
				if len(seen) > 0 || passed != nil || rec.Code != row.status ||
					!strings.Contains(rec.Body.String(), row.written) {
					t.Errorf("%v, %v, %d %s", seen, passed, rec.Code, rec.Body)
				}
				return
			}
			if row.status == 0 {
				if len(seen) > 0 || passed != nil || rec.Code != http.StatusFound {
					t.Errorf("%v, %v, %d", seen, passed, rec.Code)
				}
				return
			}
			var he *echo.HTTPError
			if len(seen) != 1 || !errors.As(seen[0], &he) || he.Code != row.status || passed != seen[0] {
				t.Fatalf("the error handler saw %v, the middleware %v", seen, passed)
			}
			if row.cause != nil && !errors.Is(he, row.cause) {
				t.Errorf("%v is not %v", he, row.cause)
			}
			if rec.Code != http.StatusTeapot {
				t.Errorf("%d %s", rec.Code, rec.Body)
			}
		})
	}
}

// echo's default handler renders the library's JSON, with its headers.
func TestDefaultErrorHandler(t *testing.T) {
	auth, _ := relyingParty(t)
	e, web := echo.New(), echoadapter.New(auth)
	e.GET("/private", func(echo.Context) error { return nil }, web.RequireLogin())
	rec := httptest.NewRecorder()
	r := httptest.NewRequest("GET", "https://notes.example/private", nil)
	r.Header.Set("Sec-Fetch-Mode", "cors")
	e.ServeHTTP(rec, r)
	if got := strings.TrimSpace(rec.Body.String()); rec.Code != 401 ||
		got != `{"error":"login_required","login_url":"/auth/login"}` ||
		rec.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%d %v %s", rec.Code, rec.Header(), got)
	}
}

// timeout does with answers what middleware.Timeout of echo does: that package would
// bring another module along. What was written is dropped where an error comes back.
func timeout(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		out, written := c.Response().Writer, httptest.NewRecorder()
		http.TimeoutHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c.SetRequest(r)
			c.Response().Writer = w
			err = next(c)
			c.Response().Writer = out
		}), time.Minute, "").ServeHTTP(written, c.Request())
		if err == nil {
			maps.Copy(out.Header(), written.Header())
			out.WriteHeader(written.Code)
			_, err = out.Write(written.Body.Bytes())
		}
		return err
	}
}

// echo's deprecated Timeout makes a blank 200 of a page that was written beside an error,
// and loses the header of what an error handler writes.
func TestTimeoutMiddleware(t *testing.T) {
	auth, _ := relyingParty(t)
	for name, row := range map[string]struct {
		method string
		header http.Header
		code   int
		body   string
	}{
		"a form":       {"POST", http.Header{"Accept": {"text/html"}}, 401, "Please log in."},
		"a script":     {"GET", http.Header{"Sec-Fetch-Mode": {"cors"}}, 401, `"error":"login_required"`},
		"a navigation": {"GET", http.Header{"Accept": {"text/html"}}, 302, ""},
	} {
		e, web := echo.New(), echoadapter.New(auth)
		e.Use(timeout)
		e.Match([]string{"GET", "POST"}, "/private", func(echo.Context) error { return nil }, web.RequireLogin())
		r := httptest.NewRequest(row.method, "https://notes.example/private", nil)
		r.Header = row.header
		rec := httptest.NewRecorder()
		e.ServeHTTP(rec, r)
		if rec.Code != row.code || !strings.Contains(rec.Body.String(), row.body) ||
			rec.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %v %s", name, rec.Code, rec.Header(), rec.Body)
		}
	}
}

// Session is nil where there is none, and nothing panics.
func TestNoSession(t *testing.T) {
	e := echo.New()
	e.GET("/", func(c echo.Context) error {
		if echoadapter.Session(c) != nil {
			t.Error("a session out of nowhere")
		}
		return c.NoContent(http.StatusNoContent)
	})
	rec := httptest.NewRecorder()
	e.ServeHTTP(rec, httptest.NewRequest("GET", "/", nil))
	if rec.Code != http.StatusNoContent {
		t.Errorf("%d", rec.Code)
	}
}

// signIn returns a cookie of a session, begun through e.
func signIn(t *testing.T, e http.Handler, idp *idpmock.IDP) string {
	t.Helper()
	get := func(target, cookie string) *http.Response {
		r := httptest.NewRequest("GET", target, nil)
		r.Header.Set("Cookie", cookie)
		rec := httptest.NewRecorder()
		e.ServeHTTP(rec, r)
		return rec.Result()
	}
	start := get("https://notes.example/auth/login", "")
	callback, err := idp.Browser("ada").Authorize(t.Context(), start.Header.Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range get(callback, start.Cookies()[0].String()).Cookies() {
		if c.Name == "__Host-tandem" {
			return c.Name + "=" + c.Value
		}
	}
	t.Fatal("no session cookie")
	return ""
}

// A mark behind RequireLogin comes too late: the request has been counted. That
// is a mistake of the program, and told as one.
func TestMarkBehindRequireLogin(t *testing.T) {
	auth, idp := relyingParty(t)
	e, web := echo.New(), echoadapter.New(auth)
	web.Register(e.Group("/auth"))
	ok := func(c echo.Context) error { return c.NoContent(http.StatusNoContent) }
	e.GET("/wrong", ok, web.RequireLogin(), web.Passive())
	e.GET("/right", ok, web.Passive(), web.RequireLogin())
	e.GET("/harmless", ok, web.RequireLogin(), web.Active())
	cookie := signIn(t, e, idp)
	for path, want := range map[string]int{"/wrong": 500, "/right": 204, "/harmless": 204} {
		r := httptest.NewRequest("GET", "https://notes.example"+path, nil)
		r.Header.Set("Cookie", cookie)
		rec := httptest.NewRecorder()
		e.ServeHTTP(rec, r)
		if rec.Code != want || (want == 500) != strings.Contains(rec.Body.String(), "before RequireLogin") {
			t.Errorf("%s: %d %s", path, rec.Code, rec.Body)
		}
	}
}

// A writer that cannot flush is answered with 501, not with a panic.
func TestEventsWithoutFlush(t *testing.T) {
	auth, idp := relyingParty(t)
	e, web := echo.New(), echoadapter.New(auth)
	web.Register(e.Group("/auth"))
	r := httptest.NewRequest("GET", "https://notes.example/auth/events", nil)
	r.Header.Set("Cookie", signIn(t, e, idp))
	rec := httptest.NewRecorder()
	e.ServeHTTP(struct{ http.ResponseWriter }{rec}, r)
	if rec.Code != http.StatusNotImplemented || !strings.Contains(rec.Body.String(), "no_streams") {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
}

// echo's Shutdown does not wait for a page that is open, if CloseStreams is registered.
func TestShutdownOfEcho(t *testing.T) {
	auth, idp := relyingParty(t)
	e, web := echo.New(), echoadapter.New(auth)
	web.Register(e.Group("/auth"))
	cookie := signIn(t, e, idp)
	e.HideBanner, e.HidePort = true, true
	e.Server.RegisterOnShutdown(auth.CloseStreams)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	e.Listener = l
	served := make(chan error, 1)
	go func() { served <- e.Start("") }()
	r, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+l.Addr().String()+"/auth/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Cookie", cookie)
	resp, err := http.DefaultClient.Do(r)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatal(resp, err)
	}
	defer resp.Body.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := e.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		t.Error(err)
	}
}
