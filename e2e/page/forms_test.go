package page

import (
	"fmt"
	"html"
	"net/http"
	"strings"
	"testing"

	"github.com/tandem-sso/tandem/e2e/driver/axe"
	"github.com/tandem-sso/tandem/e2e/driver/browser"
	"github.com/tandem-sso/tandem/e2e/driver/site"
	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/nethttpadapter"
	"github.com/tandem-sso/tandem/rp"
)

// What only a browser can show: which cookies go along with a form of another site, what
// becomes of a fragment, and what a tab keeps over a log-in.
func TestFormsAcrossSites(t *testing.T) {
	t.Parallel()
	w := site.New(t, site.Options{
		RP: func(c *rp.Config) {
			c.ResponseMode, c.ThirdPartyLogin, c.KeepFragments, c.KeepPosted = "form_post", true, true, true
		},
		Routes: func(mux *http.ServeMux, web *nethttpadapter.Adapter) {
			page := func(w http.ResponseWriter, format string, args ...any) {
				w.Header().Set("Content-Type", "text/html; charset=utf-8")
				fmt.Fprintf(w, `<!doctype html><html lang="en"><title>Notes</title>`+format, args...)
			}
			mux.Handle("GET /write", web.RequireLogin(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				page(w, `<h1>Write</h1><form method="post" action="/save"><input id="text" name="text"><button id="save">Save</button></form>`)
			})))
			mux.Handle("POST /save", web.RequireLogin(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				page(w, `<h1>Saved %s of %s from %s</h1>`, html.EscapeString(r.PostFormValue("text")),
					rp.FromContext(r.Context()).Subject(), r.Header.Get("Origin"))
			})))
		},
	})
	notes := w.Apps["notes"]
	tab := chromium.New(t).Tab("notes")

	// form_post: the IdP's form brings no cookie, the callback's own does. The fragment
	// comes back over the form in which the person types a name.
	tab.Go(notes.URL + "/write#part/2?x=y")
	tab.Wait(`document.querySelector("#username")`)
	if strings.Contains(tab.URL(), "part") {
		t.Errorf("the fragment is told to the IdP: %s", tab.URL())
	}
	tab.Type("#username", "ada\r")
	tab.WaitURL(notes.URL + "/write#part/2?x=y")
	if n := notes.Requests("POST /auth/callback"); n != 2 {
		t.Errorf("the callback was posted to %d times, want twice", n)
	}
	for _, c := range tab.Cookies() {
		if strings.HasPrefix(c.Name, "__Host-tandem") && c.SameSite != "Lax" {
			t.Errorf("cookie %s is SameSite=%s", c.Name, c.SameSite)
		}
	}

	// A form that is sent after the end waits in the tab.
	tab.Type("#text", `<b> & "ü"`)
	w.EndAda()
	tab.Click("#save")
	tab.WaitText("h1", "You are logged out.")
	tab.Wait(`!document.querySelector("#tandem-kept").hidden && document.querySelector("#tandem-lost").hidden`)
	axe.Look(t, tab, "kept")
	tab.Click("#tandem-on")
	tab.Wait(`document.querySelector("#username")`)
	tab.Type("#username", "ada\r")
	tab.WaitText("h1", "Send it now?")
	axe.Look(t, tab, "send-again")
	tab.Click("button")
	tab.WaitText("h1", `Saved <b> & "ü" of ada from `+notes.URL)

	// Core §4, POST: another site starts the log-in; the person types nothing.
	tab.Go(w.IDP.Issuer() + idpmock.PathEndSession)
	before := notes.Requests("POST /auth/login")
	browser.Eval[bool](tab, `(f => {
		f.method = "post"; f.action = `+browser.Quote(notes.URL+"/auth/login")+`
		for (const [name, value] of [["iss", `+browser.Quote(w.IDP.Issuer())+`], ["target_link_uri", `+browser.Quote(notes.URL+"/write?third")+`]]) {
			f.append(Object.assign(document.createElement("input"), {name, value}))
		}
		document.body.append(f); f.submit(); return true
	})(document.createElement("form"))`)
	tab.WaitURL(notes.URL + "/write?third")
	if n := notes.Requests("POST /auth/login") - before; n != 1 {
		t.Errorf("%d requests", n)
	}
}
