package absent

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/e2e/driver/browser"
	"github.com/tandem-sso/tandem/e2e/driver/drive"
	"github.com/tandem-sso/tandem/e2e/driver/site"
	"github.com/tandem-sso/tandem/nethttpadapter"
)

const worker = `self.oninstall = () => self.skipWaiting()
self.onactivate = e => e.waitUntil(clients.claim())
self.onfetch = e => { if (e.request.mode === "navigate") e.respondWith(fetch(e.request)) }`

func presentRoutes(mux *http.ServeMux, web *nethttpadapter.Adapter) {
	page := func(path, body string) { mux.Handle(path, web.RequireLogin(show(body))) }
	page("GET /framed", `<iframe id="f" src="/inner"></iframe>`)
	page("GET /inner", `<a id="a" href="/inner">on</a>`)
	page("/posted", `<form method="post" action="/posted"><button id="a">send</button></form>`)
	page("GET /served", `<a id="a" href="/served">on</a><script>navigator.serviceWorker.register("/worker.js")</script>`)
	mux.HandleFunc("GET /worker.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		fmt.Fprint(w, worker)
	})
}

// Whoever is there stays, in whichever single way they show it.
func TestWhoIsThereStays(t *testing.T) {
	loaded := func(tab site.Tab, do func()) {
		browser.Eval[bool](tab, `window.left = true`)
		do()
		tab.Wait(`!window.left && document.readyState === "complete"`)
	}
	for _, row := range []struct {
		name, path, what string
		ready            string // a condition
		act              func(drive.Driver, site.Tab)
	}{
		{name: "clicks on links", path: "/page", what: "GET notes /page",
			act: func(_ drive.Driver, tab site.Tab) { loaded(tab, func() { tab.Click("#on") }) }},
		{name: "clicks in a frame", path: "/framed", what: "GET notes /inner"},
		{name: "F5", path: "/page", what: "GET notes /page",
			act: func(d drive.Driver, tab site.Tab) { loaded(tab, func() { d.Reload(tab) }) }},
		{name: "forms", path: "/posted", what: "POST notes /posted",
			act: func(_ drive.Driver, tab site.Tab) { loaded(tab, func() { tab.Click("#a") }) }},
		{name: "clicks, behind a service worker", path: "/served", what: "GET notes /served",
			ready: `navigator.serviceWorker.controller?.state === "activated"`,
			act:   func(_ drive.Driver, tab site.Tab) { loaded(tab, func() { tab.Click("#a") }) }},
	} {
		t.Run(row.name, func(t *testing.T) {
			each(t, func(t *testing.T, d drive.Driver) {
				w := start(t, options{routes: presentRoutes})
				tab := d.New(t)(row.name)
				w.open(tab, w.notes, row.path)
				if row.ready != "" {
					tab.Wait(row.ready)
				}
				if row.act == nil {
					w.present(row.what, func() { w.inFrame(d, tab, row.what) })
					return
				}
				w.present(row.what, func() { row.act(d, tab) })
				if row.ready == "" {
					return
				}
				w.EndAda() // the log-in comes through the service worker, too
				tab.Click("#a")
				w.enter(tab)
				tab.WaitURL(w.notes.URL + row.path)
			})
		})
	}
}

// inFrame clicks in the frame until it hears the click: it takes none for some time after
// it has loaded.
func (w *world) inFrame(d drive.Driver, tab site.Tab, what string) {
	w.Helper()
	tab.Wait(`!f.contentWindow.left && f.contentDocument?.readyState === "complete" && f.contentDocument.querySelector("#a")`)
	browser.Eval[bool](tab, `f.contentWindow.left = true`)
	n := len(w.to(what))
	for by := time.Now().Add(browser.Patience); len(w.to(what)) == n; {
		if time.Now().After(by) {
			tab.Fail("the frame hears no click")
		}
		d.InFrame(tab, "#a")
		w.within(500*time.Millisecond, func() bool { return len(w.find(what)) > n })
	}
}
