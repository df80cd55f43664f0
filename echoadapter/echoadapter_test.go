package echoadapter_test

import (
	"net/http"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/tandem-sso/tandem/echoadapter"
	"github.com/tandem-sso/tandem/internal/adaptertest"
	"github.com/tandem-sso/tandem/rp"
)

// TestSuite runs with middleware on each route and on groups.
func TestSuite(t *testing.T) {
	for name, add := range map[string]func(*echo.Echo, *echoadapter.Adapter, adaptertest.Route){
		"on the route": func(e *echo.Echo, web *echoadapter.Adapter, r adaptertest.Route) {
			e.Add(r.Method, r.Path, echo.WrapHandler(r.Handler),
				append(marks(web, r.Mark), web.RequireLogin(r.Options...))...)
		},
		"on a group": func(e *echo.Echo, web *echoadapter.Adapter, r adaptertest.Route) {
			// No Use: echo then answers 404 for the whole group before its routes.
			e.Add(r.Method, r.Path, web.RequireLogin(r.Options...)(echo.WrapHandler(r.Handler)), marks(web, r.Mark)...)
		},
	} {
		t.Run(name, func(t *testing.T) {
			adaptertest.Run(t, func(auth *rp.RelyingParty, routes []adaptertest.Route) http.Handler {
				e, web := echo.New(), echoadapter.New(auth)
				web.Register(e.Group(auth.Prefix()))
				e.GET("/", echo.WrapHandler(http.HandlerFunc(adaptertest.Home)), web.OptionalLogin())
				for _, r := range routes {
					add(e, web, r)
				}
				return e
			})
		})
	}
}

func marks(web *echoadapter.Adapter, m adaptertest.Mark) []echo.MiddlewareFunc {
	switch m {
	case adaptertest.Passive:
		return []echo.MiddlewareFunc{web.Passive()}
	case adaptertest.Active:
		return []echo.MiddlewareFunc{web.Active()}
	}
	return nil
}
