// Package refreshtoken is the demo's app that has a refresh token: it tells the
// IdP of activity by refreshing, and learns of the end by a refused refresh.
package refreshtoken

import (
	"context"
	"net/http"

	"github.com/tandem-sso/tandem/demo/app"
	"github.com/tandem-sso/tandem/nethttpadapter"
	"github.com/tandem-sso/tandem/rp"
)

// Start starts the app; it serves when Start returns.
func Start(ctx context.Context, c app.Config) (*app.App, error) {
	return app.Start(ctx, app.Spec{
		Name: "refreshtoken", Title: "Notes", Tagline: "Write it down before it is gone.", Kind: rp.RefreshToken,
		Listen: "127.0.0.1:9101", Routes: routes, Desk: page,
	}, c)
}

func routes(a *app.App) http.Handler {
	web := nethttpadapter.New(a.RP)
	mux := http.NewServeMux()
	mux.Handle(a.RP.Prefix()+"/", web.Endpoints())
	mux.HandleFunc("GET /{$}", a.Home)
	mux.Handle("GET /private", web.RequireLogin(a.Seen(a.Private)))
	mux.Handle("GET /me", web.RequireLogin(a.Seen(a.Me)))
	mux.Handle("GET /passive", web.RequireLogin(web.Passive(a.Seen(a.Passive))))
	mux.Handle("GET /call-api", web.RequireLogin(a.Seen(a.CallAPI)))
	mux.Handle("POST /notes", web.RequireLogin(a.Seen(save(a))))
	return mux
}
