package page

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/tandem-sso/tandem/e2e/driver/axe"
	"github.com/tandem-sso/tandem/e2e/driver/browser"
	"github.com/tandem-sso/tandem/e2e/driver/site"
	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/nethttpadapter"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/memstore"
)

// brittle is a store that can be broken.
type brittle struct {
	store.Store
	broken atomic.Bool
}

func (b *brittle) Load(ctx context.Context, key store.Key) (store.Record, error) {
	if b.broken.Load() {
		return store.Record{}, errors.New("broken")
	}
	return b.Store.Load(ctx, key)
}

// The few pages that the library has itself are free of what axe knows to look for.
func TestOwnPagesAreAccessible(t *testing.T) {
	t.Parallel()
	kept := &brittle{Store: memstore.New(memstore.Options{})}
	var faulty *rp.RelyingParty
	w := site.New(t, site.Options{
		RP: func(c *rp.Config) { c.Store, c.Logout.Post = kept, true },
		Routes: func(mux *http.ServeMux, web *nethttpadapter.Adapter) {
			mux.HandleFunc("GET /faulty", func(w http.ResponseWriter, r *http.Request) {
				faulty.Answer(r, errors.New("a mistake of the app")).Write(w)
			})
		},
	})
	faulty = w.Apps["notes"].Auth
	notes := w.Apps["notes"]
	tab := chromium.New(t).Tab("notes")
	look := func(name, title string) {
		t.Helper()
		tab.WaitText("h1", title)
		axe.Look(t, tab, name)
	}
	tab.Go(notes.URL + "/auth/logged-out")
	look("logged-out", "You are logged out.")
	tab.Go(notes.URL + "/auth/callback?state=nobody&code=x")
	look("login-failed", "log-in")
	tab.Go(notes.URL + "/auth/frontchannel-logout?sid=nobody")
	look("front-channel", "Logged out")
	tab.Go(notes.URL + "/faulty")
	look("fault", "Something went wrong.")

	w.SignIn(tab, "ada", notes.URL+"/")
	kept.broken.Store(true)
	tab.Go(notes.URL + "/")
	look("outage", "Please try again in a moment.")
	if got := tab.Text("main"); !strings.Contains(got, "Nobody has been logged out.") {
		t.Errorf("it says %q", got)
	}
	kept.broken.Store(false)
	tab.Click("main a")
	site.Live(tab)

	// A form of another site.
	tab.Go(w.IDP.Issuer() + idpmock.PathEndSession)
	browser.Eval[bool](tab, `(f => { f.method = "post"; f.action = "`+notes.URL+`/auth/logout"; document.body.append(f); f.submit(); return true })(document.createElement("form"))`)
	look("cross-origin", "This request came from another site.")

	// The page that posts the person on to the IdP: after 204 the browser stays on it.
	w.IDP.Fault(idpmock.Fault{Endpoint: idpmock.EndpointEndSession, Status: http.StatusNoContent})
	tab.Go(notes.URL + "/bare")
	browser.Eval[bool](tab, `(probe.session.logout(), true)`)
	look("logging-out", "Logging out")
}
