package nethttpadapter_test

import (
	"net/http"
	"testing"

	"github.com/tandem-sso/tandem/internal/adaptertest"
	"github.com/tandem-sso/tandem/nethttpadapter"
	"github.com/tandem-sso/tandem/rp"
)

// TestSuite runs with the marks at either place that Passive allows.
func TestSuite(t *testing.T) {
	for name, guard := range map[string]func(*nethttpadapter.Adapter, adaptertest.Route) http.Handler{
		"mark inside": func(web *nethttpadapter.Adapter, r adaptertest.Route) http.Handler {
			return web.RequireLogin(mark(web, r.Mark, r.Handler), r.Options...)
		},
		"mark outside": func(web *nethttpadapter.Adapter, r adaptertest.Route) http.Handler {
			return mark(web, r.Mark, web.RequireLogin(r.Handler, r.Options...))
		},
	} {
		t.Run(name, func(t *testing.T) {
			adaptertest.Run(t, func(auth *rp.RelyingParty, routes []adaptertest.Route) http.Handler {
				web, mux := nethttpadapter.New(auth), http.NewServeMux()
				mux.Handle(auth.Prefix()+"/", web.Endpoints())
				mux.Handle("GET /{$}", web.OptionalLogin(http.HandlerFunc(adaptertest.Home)))
				for _, r := range routes {
					mux.Handle(r.Method+" "+r.Path, guard(web, r))
				}
				return mux
			})
		})
	}
}

func mark(web *nethttpadapter.Adapter, m adaptertest.Mark, h http.Handler) http.Handler {
	switch m {
	case adaptertest.Passive:
		return web.Passive(h)
	case adaptertest.Active:
		return web.Active(h)
	}
	return h
}
