// Package apps is what the demo shows. Three applications teach the three kinds of client,
// each in a file to copy from: refreshtoken.go, referencetoken.go, notoken.go. Behind them
// is an API (api.go), beside them an application that does what many do (naive.go).
package apps

import (
	"context"
	"net/http"

	"github.com/tandem-sso/tandem/demo/app"
	"github.com/tandem-sso/tandem/nethttpadapter"
	"github.com/tandem-sso/tandem/rp"
)

// StartRefreshToken starts the app that has a refresh token: it tells the IdP of activity
// by refreshing, and learns of the end by a refused refresh. It serves on return.
func StartRefreshToken(ctx context.Context, c app.Config) (*app.App, error) {
	return app.Start(ctx, app.Spec{
		Name: "refreshtoken", Title: "Notes", Tagline: "Write it down before it is gone.", Kind: rp.RefreshToken,
		Listen: "127.0.0.1:9101", Routes: refreshTokenRoutes, Desk: refreshTokenDesk,
	}, c)
}

func refreshTokenRoutes(a *app.App) http.Handler {
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
