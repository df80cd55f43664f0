package page

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/page"

	"github.com/tandem-sso/tandem/e2e/driver/browser"
	"github.com/tandem-sso/tandem/e2e/driver/site"
	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/nethttpadapter"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/reason"
)

// On plain http a page has neither Web Locks nor WebCrypto. Every tab then has a stream of
// its own, hears of the end, and the person logs in again from there.
func TestPlainHTTPPage(t *testing.T) {
	t.Parallel()
	w := site.New(t, site.Options{})
	notes := w.Apps["notes"]
	b := chromium.New(t)
	var tabs []*browser.Tab
	for i := range 2 {
		tab := b.Tab(fmt.Sprint("tab ", i))
		browser.Call(tab, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{
			Source: `delete Navigator.prototype.locks; delete Crypto.prototype.subtle`,
		})
		w.SignIn(tab, "ada", notes.URL+"/form")
		tab.Type("input[name=title]", "typed")
		tabs = append(tabs, tab)
	}
	if !browser.Eval[bool](tabs[0], `navigator.locks === undefined && crypto.subtle === undefined`) {
		t.Fatal("the page has them all the same")
	}
	waitFor(t, "a stream of each tab", func() bool { return notes.Requests("GET /auth/events") == 2 })
	w.IDP.EndUser("ada")
	for _, tab := range tabs {
		site.Ended(tab, reason.BackchannelLogout)
	}
}

// A proxy takes the path /app away: session.js finds its addresses, and the person comes
// back to the page as the browser knows it.
func TestPageBelowAPath(t *testing.T) {
	t.Parallel()
	w := site.New(t, site.Options{
		IDP: func(c *idpmock.Config) {
			uris := &c.Clients[0].RedirectURIs
			*uris = append(*uris, strings.Replace((*uris)[0], "/auth/", "/app/auth/", 1))
		},
		RP: func(c *rp.Config) { c.BaseURL += "/app" },
		Routes: func(mux *http.ServeMux, web *nethttpadapter.Adapter) {
			mux.Handle("GET /below", web.RequireLogin(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				fmt.Fprint(w, `<!doctype html><title>below</title><script type="module" src="/app/auth/session.js"></script><tandem-session></tandem-session><p data-tandem-private>private`)
			})))
		},
		Front: func(app http.Handler) http.Handler {
			below := http.StripPrefix("/app", app)
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.HasPrefix(r.URL.Path, "/app/") {
					below.ServeHTTP(w, r)
				} else {
					app.ServeHTTP(w, r) // the IdP's logout tokens
				}
			})
		},
	})
	notes := w.Apps["notes"]
	tab := chromium.New(t).Tab("notes")
	w.SignIn(tab, "ada", notes.URL+"/app/below")
	waitFor(t, "a stream", func() bool { return notes.Requests("GET /app/auth/events") == 1 })
	w.IDP.EndUser("ada")
	tab.Wait(`document.documentElement.dataset.tandem === "ended"`)
	browser.Eval[bool](tab, `document.querySelector("tandem-session").shadowRoot.querySelector("[part=login]").click() ?? true`)
	tab.WaitURL(w.IDP.Issuer())
	tab.Type("#username", "ada\r")
	tab.WaitURL(notes.URL + "/app/below")
	site.Live(tab)
}
