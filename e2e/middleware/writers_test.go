package middleware_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	chimiddleware "github.com/go-chi/chi/v5/middleware"
	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"

	"github.com/tandem-sso/tandem/echoadapter"
	"github.com/tandem-sso/tandem/nethttpadapter"
)

// chiWith is an app on chi, with middleware around everything.
func chiWith(around ...func(http.Handler) http.Handler) func(w *world) http.Handler {
	return func(w *world) http.Handler {
		web := nethttpadapter.New(w.auth)
		r := chi.NewRouter()
		r.Use(around...)
		r.Mount("/auth", web.Endpoints())
		r.Method("GET", "/", web.RequireLogin(http.HandlerFunc(hello)))
		return r
	}
}

// echoWith is an app on echo, with middleware around everything.
func echoWith(around ...echo.MiddlewareFunc) func(w *world) http.Handler {
	return func(w *world) http.Handler {
		web := echoadapter.New(w.auth)
		e := echo.New()
		e.Use(around...)
		web.Register(e.Group("/auth"))
		e.GET("/", echo.WrapHandler(http.HandlerFunc(hello)), web.RequireLogin())
		return e
	}
}

func timeout() echo.MiddlewareFunc {
	return middleware.TimeoutWithConfig(middleware.TimeoutConfig{Timeout: time.Minute})
}

// silent writes no line, and wraps the writer as any logger does.
type silent struct{}

func (silent) NewLogEntry(*http.Request) chimiddleware.LogEntry { return silent{} }

func (silent) Write(int, int, http.Header, time.Duration, any) {}
func (silent) Panic(any, []byte)                               {}

// Which middleware lets events through, and what comes instead where one does not: a clear
// answer, at which pages poll, and a finding, once. Everything else of a session works.
func TestWriters(t *testing.T) {
	for name, row := range map[string]struct {
		app     func(w *world) http.Handler
		streams bool
	}{
		"chi's Compress": {chiWith(chimiddleware.Compress(5)), true},
		"chi's Compress of event streams": {chiWith(chimiddleware.Compress(5, "text/event-stream",
			"application/json")), true},
		"chi's RequestLogger and Recoverer": {chiWith(chimiddleware.RequestLogger(silent{}),
			chimiddleware.Recoverer), true},
		"chi's Timeout, which only sets context": {chiWith(chimiddleware.Timeout(time.Minute)), true},
		"http.TimeoutHandler": {chiWith(func(h http.Handler) http.Handler {
			return http.TimeoutHandler(h, time.Minute, "")
		}), false},
		"echo's Gzip":                    {echoWith(middleware.Gzip()), true},
		"echo's BodyDump":                {echoWith(middleware.BodyDump(func(echo.Context, []byte, []byte) {})), true},
		"echo's ContextTimeout":          {echoWith(middleware.ContextTimeout(time.Minute)), true},
		"echo's Timeout":                 {echoWith(timeout()), false},
		"echo's Timeout and Gzip within": {echoWith(timeout(), middleware.Gzip()), false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			complaints := w.serveWatched(row.app(w))
			p := w.person("bob")
			p.Visit("/")
			for range 2 {
				ok, resp := p.streams("Accept-Encoding", "gzip")
				if ok != row.streams || !ok && (resp.StatusCode != http.StatusNotImplemented ||
					!strings.Contains(text(t, resp), "no_streams")) {
					t.Errorf("a stream: %t, %d %v", ok, resp.StatusCode, resp.Header)
				}
			}
			want := 1
			if row.streams {
				want = 0
			}
			if told := w.told("no_streams"); len(told) != want {
				t.Errorf("told: %v", told)
			}
			w.lifecycle()
			if got := complaints(); got != "" {
				t.Errorf("net/http complains: %s", got)
			}
		})
	}
}

// A time-out that buffers takes nothing from what an anonymous request is answered: status,
// body, no-store and Tandem-Error.
func TestAnswersThroughEchoTimeout(t *testing.T) {
	for name, around := range map[string][]echo.MiddlewareFunc{
		"Timeout": {timeout()}, "Timeout and Gzip": {timeout(), middleware.Gzip()},
		"Timeout and BodyDump": {timeout(), middleware.BodyDump(func(echo.Context, []byte, []byte) {})},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.serve("notes.example", echoWith(around...)(w))
			p := w.person("bob")
			for _, row := range []struct {
				what, method, path string
				header             []string
				status             int
				body, code         string
			}{
				{"a navigation", "GET", "/", navigate, 302, "", ""},
				{"a script", "GET", "/", script, 401, `"error":"login_required"`, "login_required"},
				{"activity", "POST", "/auth/activity", script, 401, `"error":"login_required"`, "login_required"},
				{"a callback of nobody", "GET", "/auth/callback?state=x", navigate, 400, "<!DOCTYPE html>",
					"login_failed"},
				{"another site's log-out", "POST", "/auth/logout", []string{"Sec-Fetch-Site", "cross-site"}, 403,
					`"error":"cross_origin"`, "cross_origin"},
				{"no logout token", "POST", "/auth/backchannel-logout", nil, 400, "invalid_request", ""},
			} {
				resp := p.do(row.method, row.path, append([]string{"Accept-Encoding", "identity"}, row.header...)...)
				body := text(t, resp)
				if resp.StatusCode != row.status || !strings.Contains(body, row.body) ||
					resp.Header.Get("Cache-Control") != "no-store" || resp.Header.Get("Tandem-Error") != row.code {
					t.Errorf("%s: %d %v %s", row.what, resp.StatusCode, resp.Header, body)
				}
			}
		})
	}
}
