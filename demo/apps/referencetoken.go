package apps

import (
	"context"
	"net/http"

	"github.com/a-h/templ"

	"github.com/tandem-sso/tandem/nethttpadapter"
	"github.com/tandem-sso/tandem/rp"
)

// StartReferenceToken starts the app that has only an access token, which means nothing by
// itself: the API asks the IdP about it. These questions tell the IdP of activity, and the
// API's 401 tells the app of the end. It serves on return.
func StartReferenceToken(ctx context.Context, c Config) (*App, error) {
	return Start(ctx, Spec{
		Name: "referencetoken", Title: "Reports", Tagline: "Figures from behind an API.", Kind: rp.ReferenceToken,
		Listen: "127.0.0.1:9102", APIIntrospects: true, Routes: referenceTokenRoutes, Desk: referenceTokenDesk,
	}, c)
}

func referenceTokenRoutes(a *App) http.Handler {
	web := nethttpadapter.New(a.RP)
	mux := http.NewServeMux()
	mux.Handle(a.RP.Prefix()+"/", web.Endpoints())
	mux.HandleFunc("GET /{$}", a.Home)
	mux.Handle("GET /private", web.RequireLogin(a.Seen(a.Private)))
	mux.Handle("GET /me", web.RequireLogin(a.Seen(a.Me)))
	mux.Handle("GET /passive", web.RequireLogin(web.Passive(a.Seen(a.Passive))))
	mux.Handle("GET /call-api", web.RequireLogin(a.Seen(a.CallAPI)))
	return mux
}

func referenceTokenDesk(_ *App, _ *http.Request, p Person) (templ.Component, error) {
	return referenceTokenPage(p.DisplayName()), nil
}
