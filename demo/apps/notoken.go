package apps

import (
	"context"
	"net/http"

	"github.com/a-h/templ"
	"github.com/labstack/echo/v4"

	"github.com/tandem-sso/tandem/echoadapter"
	"github.com/tandem-sso/tandem/rp"
)

// StartNoToken starts the app that keeps no token at all, on echo: it only knows who signed
// in, and learns of the end by back-channel logout. With SilentCheck it asks by itself, by a
// prompt=none visit. It serves on return.
func StartNoToken(ctx context.Context, c Config) (*App, error) {
	return Start(ctx, Spec{
		Name: "notoken", Title: "Wiki", Tagline: "What everybody should know.", Kind: rp.NoToken,
		Listen: "127.0.0.1:9103", Routes: noTokenRoutes, Desk: noTokenDesk,
	}, c)
}

func noTokenRoutes(a *App) http.Handler {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	web := echoadapter.New(a.RP)
	web.Register(e.Group(a.RP.Prefix()))
	e.GET("/", echo.WrapHandler(http.HandlerFunc(a.Home)))
	e.GET("/private", echo.WrapHandler(a.Seen(a.Private)), web.RequireLogin())
	e.GET("/me", echo.WrapHandler(a.Seen(a.Me)), web.RequireLogin())
	e.GET("/passive", echo.WrapHandler(a.Seen(a.Passive)), web.Passive(), web.RequireLogin())
	e.GET("/call-api", echo.WrapHandler(a.Seen(a.CallAPI)), web.RequireLogin())
	return e
}

func noTokenDesk(_ *App, _ *http.Request, p Person) (templ.Component, error) {
	return noTokenPage(p.DisplayName()), nil
}
