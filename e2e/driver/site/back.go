package site

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/tandem-sso/tandem/e2e/driver/browser"
	"github.com/tandem-sso/tandem/rp"
)

// plain is a private page as a beginner writes it: nothing of session.js, no header.
func plain(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintf(w, `<!doctype html><html lang="en"><title>Plain</title><h1>Hello %s</h1>
<form method="post" action="/auth/logout"><button id="out">Log out</button></form>
<p><a id="on" href="/data">on</a></p></html>`, rp.FromContext(r.Context()).Subject())
}

// Back is the story of somebody who presses Back after the end, on a computer that
// others use too: the page that they had left does not come back.
func (w *World) Back(newTab func(name string) Tab) {
	w.Helper()
	notes := w.Apps["notes"]
	for name, leave := range map[string]func(Tab){
		"the person logs out": func(tab Tab) {
			tab.Click("#out")
			tab.WaitURL(notes.URL + "/auth/logged-out")
		},
		"a click finds the session ended": func(tab Tab) {
			w.EndAda()
			tab.Click("#on")
			tab.WaitURL(w.IDP.Issuer())
		},
		"a script of the next page is told of the end": func(tab Tab) {
			tab.Go(notes.URL + "/healthz")
			w.EndAda()
			if status := browser.Eval[int](tab,
				`fetch("/data").then(r => r.status)`); status != http.StatusUnauthorized {
				tab.Fail("the end is answered with %d", status)
			}
		},
	} {
		tab := newTab(name)
		tab.Go(notes.URL + "/plain")
		if strings.HasPrefix(tab.URL(), w.IDP.Issuer()) {
			tab.Type("#username", "ada\r")
		}
		tab.WaitURL(notes.URL + "/plain")
		if got := tab.Text("h1"); got != "Hello ada" {
			tab.Fail("%s: the page shows %q", name, got)
		}
		leave(tab)
		asked := notes.Requests("GET /plain")
		// The server is asked, and leads to the log-in; or it shows a page with a link there,
		// if the browser has come to say what a person does: this is a script's. The page
		// that is left may be the log-in too, so it is marked: what is waited for is another.
		browser.Eval[int](tab, `window.isLeft = true, setTimeout(() => history.back())`)
		tab.Wait(`!window.isLeft && (document.querySelector("#username") || document.querySelector("a[href^='/auth/login?']"))`)
		if n := notes.Requests("GET /plain") - asked; n != 1 {
			tab.Fail("%s: Back asked the server %d times", name, n)
		}
		w.EndAda()
	}
}
