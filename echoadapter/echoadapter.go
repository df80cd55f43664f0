// Package echoadapter puts Tandem's sessions in front of echo v4 handlers:
//
//	web := echoadapter.New(auth) // of rp.New
//	web.Register(e.Group("/auth"))
//	e.GET("/", home, web.RequireLogin())
//	e.GET("/feed", feed, web.Passive(), web.RequireLogin()) // a poll keeps nobody signed in
//
// A handler finds the session with [Session]. The Example is a whole program.
//
// If a script's request is refused, echo gets an *echo.HTTPError with the library's error
// inside, so that the application's own HTTPErrorHandler and logging middleware see it;
// echo's default handler renders it as the library's JSON. Redirects and the library's own
// pages are written at once, and are no error to echo.
package echoadapter

import (
	"fmt"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/activity"
)

// Adapter serves the library's endpoints and guards handlers.
type Adapter struct{ rp *rp.RelyingParty }

// New returns an adapter for auth.
func New(auth *rp.RelyingParty) *Adapter { return &Adapter{auth} }

// Format prints the relying party's name. Without it fmt would follow the pointer and read
// fields that change meanwhile.
func (a Adapter) Format(f fmt.State, _ rune) { _, _ = fmt.Fprintf(f, "echoadapter.Adapter(%v)", a.rp) }

// Register mounts the library's endpoints on a group, which must have the prefix
// of Config.Prefix:
//
//	web.Register(e.Group("/auth"))
//
// Keep CSRF, Timeout and similar middleware away from that group by their Skipper: see
// docs/middleware.md. If a server has to stop while pages are open, it needs
//
//	e.Server.RegisterOnShutdown(auth.CloseStreams)
func (a *Adapter) Register(g *echo.Group) {
	for _, e := range a.rp.Endpoints() {
		handle := func(c echo.Context) error {
			if err := e.Handle(response{c.Response()}, c.Request()); err != nil {
				return a.render(c, err)
			}
			return nil
		}
		g.Add(e.Method, e.Path, handle)
		if e.Method == http.MethodGet { // as net/http's mux does
			g.Add(http.MethodHead, e.Path, handle)
		}
	}
}

// response is echo's, with a Flush that neither panics nor forgets that it has
// sent the header.
type response struct{ *echo.Response }

// FlushError is what http.ResponseController looks for.
func (r response) FlushError() error {
	err := http.NewResponseController(r.Writer).Flush()
	if err == nil && !r.Committed {
		r.Committed, r.Status = true, http.StatusOK
	}
	return err
}

// RequireLogin lets a request through only with a session, which the handler
// finds with Session or with rp.FromContext. A page of another origin cannot make an unsafe
// request or open a WebSocket.
//
// Options are used for the log-in. Some are demands (rp.ACR, rp.MaxAge, rp.RequireClaim):
// then only a session that meets them is let through.
//
// No browser and no cache keeps the handler's answer: see rp.Session.KeepPrivate. The handler
// may set another Cache-Control.
func (a *Adapter) RequireLogin(opts ...rp.LoginOption) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			s, err := a.rp.Authenticate(c.Request())
			if err == nil {
				err = s.Satisfies(opts...)
			}
			if err != nil {
				if s != nil {
					c.SetRequest(s.Request())
				}
				return a.render(c, err, opts...)
			}
			s.KeepPrivate(c.Response().Header())
			c.SetRequest(s.Request())
			return next(c)
		}
	}
}

// Login starts a log-in with options: with another account, with a hint, in a language.
//
//	e.GET("/switch", web.Login(rp.LoginParam("prompt", "select_account")))
func (a *Adapter) Login(opts ...rp.LoginOption) echo.HandlerFunc {
	return func(c echo.Context) error {
		if err := a.rp.StartLogin(c.Response(), c.Request(), opts...); err != nil {
			return a.render(c, err)
		}
		return nil
	}
}

// OptionalLogin is for public pages that show who is logged in: it lets everybody
// through. Session is nil if nobody is logged in. No request is redirected or waits for the
// IdP: see rp.RelyingParty.Optional. No browser and no cache keeps a page with a session.
func (a *Adapter) OptionalLogin() echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			c.Response().Header().Add(echo.HeaderVary, "Cookie")
			if s := a.rp.Optional(c.Request()); s != nil {
				s.KeepPrivate(c.Response().Header())
				c.SetRequest(s.Request())
			}
			return next(c)
		}
	}
}

// Session returns the session of a request; nil if there is none.
func Session(c echo.Context) *rp.Session { return rp.FromContext(c.Request().Context()) }

// Passive marks a route whose requests a page makes by itself, such as a poll: they keep
// nobody signed in. Put it before RequireLogin:
//
//	e.GET("/feed", feed, web.Passive(), web.RequireLogin())
func (a *Adapter) Passive() echo.MiddlewareFunc { return mark(activity.Passive) }

// Active marks a route whose fetches are a person's activity, even if the page's own script
// marks them passive (activity.Header). A prefetch, an image, a beacon, an event stream or
// a fetch by a page of another origin is not activity on such a route either. Put it before
// RequireLogin.
func (a *Adapter) Active() echo.MiddlewareFunc { return mark(activity.Active) }

func mark(class activity.Class) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if s := Session(c); s != nil && s.Class() != class {
				// Too late: the request has been counted already.
				return echo.NewHTTPError(http.StatusInternalServerError,
					"echoadapter: put Passive and Active before RequireLogin, as in e.GET(path, handler, "+
						"web.Passive(), web.RequireLogin())")
			}
			c.SetRequest(c.Request().WithContext(activity.Mark(c.Request().Context(), class)))
			return next(c)
		}
	}
}

// isTimed reports whether echo's middleware.Timeout stands in front, and whatever writers
// between. It is deprecated and in use: beside an error it throws away the header, no-store
// and Tandem-Error included. Nothing but the type of net/http's writer tells.
func isTimed(r *echo.Response) bool {
	w := r.Writer
	for {
		inner, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return fmt.Sprintf("%T", w) == "*http.timeoutWriter"
		}
		w = inner.Unwrap()
	}
}

func (a *Adapter) render(c echo.Context, err error, opts ...rp.LoginOption) error {
	answer := a.rp.Answer(c.Request(), err, opts...)
	if answer.Problem == nil || isTimed(c.Response()) {
		// Written is answered: middleware.Timeout makes a blank 200 of what was written
		// beside an error. The status is in the response, where logging looks for it.
		answer.Write(c.Response())
		return nil
	}
	answer.AddTo(c.Response().Header())
	return &echo.HTTPError{Code: answer.Status, Message: answer.Problem, Internal: err}
}
