package middleware_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/go-chi/chi/v5"
	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/adaptor"
	"github.com/gorilla/csrf"
	"github.com/gorilla/mux"
	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"

	"github.com/tandem-sso/tandem/echoadapter"
	"github.com/tandem-sso/tandem/nethttpadapter"
)

var guardForms = csrf.Protect([]byte(strings.Repeat("k", 32)))

// echoGuard is echo's CSRF with the log-in's addresses left out.
func echoGuard() echo.MiddlewareFunc {
	return middleware.CSRFWithConfig(middleware.CSRFConfig{
		Skipper: func(c echo.Context) bool { return strings.HasPrefix(c.Path(), "/auth/") },
	})
}

// In the documented order everything reaches the endpoints, and the app's own forms stay
// guarded against CSRF.
func TestOrder(t *testing.T) {
	for name, app := range map[string]func(w *world) http.Handler{
		"net/http": func(w *world) http.Handler {
			web := nethttpadapter.New(w.auth)
			pages := http.NewServeMux()
			pages.Handle("GET /", web.RequireLogin(http.HandlerFunc(hello)))
			pages.Handle("POST /form", web.RequireLogin(http.HandlerFunc(hello)))
			mux := http.NewServeMux()
			mux.Handle("/auth/", web.Endpoints())
			mux.Handle("/", guardForms(pages))
			return mux
		},
		"chi": func(w *world) http.Handler {
			web := nethttpadapter.New(w.auth)
			r := chi.NewRouter()
			r.Mount("/auth", web.Endpoints())
			r.Group(func(r chi.Router) {
				r.Use(guardForms, func(next http.Handler) http.Handler { return web.RequireLogin(next) })
				r.Get("/", hello)
				r.Post("/form", hello)
			})
			return r
		},
		"gorilla": func(w *world) http.Handler {
			web := nethttpadapter.New(w.auth)
			r := mux.NewRouter()
			r.PathPrefix("/auth/").Handler(web.Endpoints())
			pages := r.NewRoute().Subrouter()
			pages.Use(guardForms, func(next http.Handler) http.Handler { return web.RequireLogin(next) })
			pages.HandleFunc("/", hello).Methods("GET")
			pages.HandleFunc("/form", hello).Methods("POST")
			return r
		},
		"echo": func(w *world) http.Handler {
			web := echoadapter.New(w.auth)
			e := echo.New()
			e.Use(echoGuard())
			web.Register(e.Group("/auth"))
			e.GET("/", echo.WrapHandler(http.HandlerFunc(hello)), web.RequireLogin())
			e.POST("/form", echo.WrapHandler(http.HandlerFunc(hello)), web.RequireLogin())
			return e
		},
		"gin": func(w *world) http.Handler {
			gin.SetMode(gin.ReleaseMode)
			web := nethttpadapter.New(w.auth)
			r := gin.New()
			r.Any("/auth/*any", gin.WrapH(web.Endpoints())) // before Use
			r.Use(ginGuard)
			r.GET("/", gin.WrapH(web.RequireLogin(http.HandlerFunc(hello))))
			r.POST("/form", gin.WrapH(web.RequireLogin(http.HandlerFunc(hello))))
			return r
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.serve("notes.example", app(w))
			p := w.person("bob")
			p.Visit("/")
			if ok, resp := p.streams(); !ok {
				t.Errorf("no stream: %d", resp.StatusCode)
			}
			if resp := p.do("POST", "/form", "Sec-Fetch-Site", ""); resp.StatusCode != http.StatusForbidden &&
				resp.StatusCode != http.StatusBadRequest {
				t.Errorf("a form without the token: %d", resp.StatusCode)
			}
			w.lifecycle()
		})
	}
}

// ginGuard is what a middleware against CSRF does: gin has none of its own.
func ginGuard(c *gin.Context) {
	if c.Request.Method == http.MethodPost && c.GetHeader("X-CSRF-Token") == "" {
		c.AbortWithStatus(http.StatusForbidden)
	}
}

// Around everything, each of them answers the IdP's logout tokens, and the app finds it out.
func TestAroundEverything(t *testing.T) {
	for name, row := range map[string]struct {
		app  func(w *world) http.Handler
		want string
	}{
		"gorilla/csrf around a chi router": {func(w *world) http.Handler {
			web := nethttpadapter.New(w.auth)
			r := chi.NewRouter()
			r.Use(guardForms)
			r.Mount("/auth", web.Endpoints())
			return r
		}, "backchannel_blocked activity_blocked"},
		"echo's CSRF, which believes Sec-Fetch-Site": {func(w *world) http.Handler {
			e := echo.New()
			e.Use(middleware.CSRF())
			echoadapter.New(w.auth).Register(e.Group("/auth"))
			return e
		}, "backchannel_blocked"},
		"net/http's CrossOriginProtection lets logout tokens pass": {func(w *world) http.Handler {
			mux := http.NewServeMux()
			mux.Handle("/auth/", nethttpadapter.New(w.auth).Endpoints())
			return http.NewCrossOriginProtection().Handler(mux)
		}, ""},
		"gin, where Use comes first": {func(w *world) http.Handler {
			gin.SetMode(gin.ReleaseMode)
			r := gin.New()
			r.Use(ginGuard)
			r.Any("/auth/*any", gin.WrapH(nethttpadapter.New(w.auth).Endpoints()))
			return r
		}, "backchannel_blocked activity_blocked"},
		"endpoints for GET alone": {func(w *world) http.Handler {
			r := chi.NewRouter()
			r.Method("GET", "/auth/*", nethttpadapter.New(w.auth).Endpoints())
			return r
		}, "backchannel_blocked activity_blocked"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.serve("notes.example", row.app(w))
			if got := w.blocked(); got != row.want {
				t.Errorf("found %q, not %q", got, row.want)
			}
		})
	}
}

// fiber runs on fasthttp: log-in and log-out work through its adaptor, streams do not.
func TestFiber(t *testing.T) {
	w := newWorld(t)
	web := nethttpadapter.New(w.auth)
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	app.Use("/auth", adaptor.HTTPHandler(web.Endpoints()))
	app.Get("/", adaptor.HTTPHandler(web.RequireLogin(http.HandlerFunc(hello))))
	l, served := w.listen(), make(chan error, 1)
	go func() { served <- app.Listener(l) }()
	t.Cleanup(func() { app.Shutdown(); <-served })
	p := w.person("bob")
	p.Visit("/")
	for range 2 {
		if resp := p.do("GET", "/auth/events", "Accept",
			"text/event-stream"); resp.StatusCode != http.StatusNotImplemented ||
			!strings.Contains(text(t, resp), "no_streams") {
			t.Errorf("a stream: %d %v", resp.StatusCode, resp.Header)
		}
	}
	if told := w.told("no_streams"); len(told) != 1 || !strings.Contains(told[0], "fasthttpadaptor") {
		t.Errorf("%v", told)
	}
	w.lifecycle()
}
