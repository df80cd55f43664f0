package absent

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/e2e/driver/drive"
	"github.com/tandem-sso/tandem/e2e/driver/site"
	"github.com/tandem-sso/tandem/nethttpadapter"
)

// alone loads itself again and again once a service worker stands before it.
const alone = `<script>
	navigator.serviceWorker.register("/worker.js")
	const wait = setInterval(() => {
		if (document.readyState !== "complete" || navigator.serviceWorker.controller?.state !== "activated") return
		clearInterval(wait)
		location.assign("/alone?loop=alone")
	}, 10)
</script>`

const polling = `<script>(async () => { for (;;) await fetch("/poll?loop=poll").catch(() => 0) })()</script>`

// untoldRoutes has a page behind a service worker that answers what the expression says.
func untoldRoutes(answers string) func(*http.ServeMux, *nethttpadapter.Adapter) {
	return func(mux *http.ServeMux, web *nethttpadapter.Adapter) {
		mux.Handle("GET /alone", web.RequireLogin(show(alone)))
		mux.Handle("GET /polling", web.RequireLogin(show(polling)))
		mux.Handle("GET /poll", web.RequireLogin(reply("news")))
		mux.HandleFunc("GET /worker.js", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/javascript")
			fmt.Fprintf(w, `self.oninstall = () => self.skipWaiting()
				self.onactivate = e => e.waitUntil(clients.claim())
				self.onfetch = e => { if (%s) e.respondWith(fetch(e.request)) }`, answers)
		})
	}
}

// What no header tells is taken for a person's: to log out somebody who is there would be
// worse. docs/timeouts.md has the cures.
func TestWhatNoHeaderTells(t *testing.T) {
	for name, row := range map[string]struct{ path, loop string }{
		"a poll that nobody marks":                                       {"/polling", "GET notes /poll?loop=poll"},
		"a page that loads itself through a service worker that answers": {"/alone", "GET notes /alone?loop=alone"},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, d drive.Driver) {
				w := start(t, options{routes: untoldRoutes(`true`)})
				w.load(d.New(t)(name), row.path)
				const pause = 10 * time.Minute
				for at := pause; at <= six; at += pause {
					w.leap(pause)
					if a := w.next(row.loop); a.class != "active" {
						t.Fatalf("after %v: %v; if a header tells it now, docs/timeouts.md is wrong", at, a)
					}
				}
			})
		})
	}
}

// The cure for service workers: one that leaves navigations to the browser.
func TestServiceWorkerThatLeavesNavigations(t *testing.T) {
	each(t, func(t *testing.T, d drive.Driver) {
		w := start(t, options{routes: untoldRoutes(`e.request.mode !== "navigate"`)})
		w.load(d.New(t)("alone"), "/alone")
		w.absent(w.loops(true, "GET notes /alone?loop=alone"))
	})
}

// load opens a page of which nothing can be asked, as it is about to leave.
func (w *world) load(tab site.Tab, path string) {
	w.Helper()
	w.open(tab, w.notes, "/start")
	tab.Go(w.notes.URL + path)
}
