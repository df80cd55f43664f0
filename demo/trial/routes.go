package trial

import (
	"net/http"
	"net/url"
	"sync"

	"github.com/a-h/templ"

	"github.com/tandem-sso/tandem/demo/apps"
	"github.com/tandem-sso/tandem/nethttpadapter"
)

// AskPath is where a browser goes to ask the IdP by prompt=none.
const AskPath = "/auth/login?silent=1&return_to=/private"

func routes(seen *journal) func(*apps.App) http.Handler {
	return func(a *apps.App) http.Handler {
		web := nethttpadapter.New(a.RP)
		mux := http.NewServeMux()
		mux.Handle(a.RP.Prefix()+"/", visits(seen, a.RP.Prefix(), web.Endpoints()))
		mux.HandleFunc("GET /{$}", a.Home)
		mux.Handle("GET /private", web.RequireLogin(web.Active(a.Seen(a.Private))))
		mux.Handle("GET /me", web.RequireLogin(web.Active(a.Seen(a.Me))))
		mux.Handle("GET /passive", web.RequireLogin(web.Passive(a.Seen(a.Passive))))
		return mux
	}
}

const maxAsking = 20 // round trips under way

// visits looks at the round trips of the browser and at the calls of the IdP.
func visits(seen *journal, prefix string, next http.Handler) http.Handler {
	var mu sync.Mutex
	asking := map[string]bool{} // by state
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := &apps.StatusRecorder{ResponseWriter: w, Status: http.StatusOK}
		silent, about := false, about{}
		switch r.URL.Path {
		case prefix + "/callback":
			state := r.URL.Query().Get("state")
			mu.Lock()
			silent = asking[state]
			delete(asking, state)
			mu.Unlock()
			// Before the library ends the session: then it revokes, and the wire asks first.
			if refused := code(r.URL.Query().Get("error")); silent && refused != "" {
				seen.asked(refused)
				silent = false
			}
		case prefix + "/backchannel-logout":
			about = aboutWhich(r)
		}
		next.ServeHTTP(rec, r)
		switch r.URL.Path {
		case prefix + "/login":
			if to, err := url.Parse(rec.Header().Get("Location")); err == nil && to.Query().Get("prompt") == "none" {
				mu.Lock()
				if len(asking) >= maxAsking {
					clear(asking)
				}
				asking[to.Query().Get("state")] = true
				mu.Unlock()
			}
		case prefix + "/callback":
			// An answer that the library has refused says nothing.
			if silent && rec.Status < 400 {
				seen.asked("")
			}
		case prefix + "/backchannel-logout":
			if r.Method == http.MethodPost && r.Header.Get("Tandem-Check") == "" { // not the app's look at itself
				seen.logoutToken(rec.Status, about.sid, about.issued)
			}
		case prefix + "/frontchannel-logout":
			seen.frontchannel(rec.Status)
		}
	})
}

func desk(_ *apps.App, _ *http.Request, p apps.Person) (templ.Component, error) {
	return page(p.DisplayName()), nil
}
