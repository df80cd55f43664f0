package absent

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/tandem-sso/tandem/e2e/driver/browser"
	"github.com/tandem-sso/tandem/nethttpadapter"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/activity"
)

// guess makes the browser load what nobody has asked for yet.
var guess = map[string]string{
	"link": `document.head.append(Object.assign(document.createElement("link"), {rel: "prefetch", href: url}))`,
	"prefetch": `document.head.append(Object.assign(document.createElement("script"), {type: "speculationrules",
		textContent: JSON.stringify({prefetch: [{urls: [url], eagerness: "immediate"}]})}))`,
	"prerender": `document.head.append(Object.assign(document.createElement("script"), {type: "speculationrules",
		textContent: JSON.stringify({prerender: [{urls: [url], eagerness: "immediate"}]})}))`,
}

// What Chromium fetches before anybody asks for it is nobody's doing, also on a route
// that is marked Active, and where the application says that all is activity.
func TestGuessesOfTheBrowser(t *testing.T) {
	w := start(t, options{
		rp: func(c *rp.Config) {
			c.Classify = func(r *http.Request) (activity.Class, bool) {
				return activity.Active, r.URL.Path == "/forced"
			}
		},
		routes: func(mux *http.ServeMux, web *nethttpadapter.Adapter) {
			mux.Handle("GET /active", web.RequireLogin(web.Active(show(`<h1>active</h1>`))))
			mux.Handle("GET /forced", web.RequireLogin(show(`<h1>forced</h1>`)))
		},
	})
	tab := chromium.New(t)("notes")
	w.open(tab, w.notes, "/start")
	n := 0
	w.absent(func() (got []answer) {
		if n++; n > 7 {
			return nil // a page may make so many guesses and no more
		}
		for how, script := range guess {
			for _, path := range []string{"/page", "/active", "/forced"} {
				path := fmt.Sprintf("%s?%s%d", path, how, n)
				browser.Eval[bool](tab, `(url => { `+script+`; return true })(`+browser.Quote(path)+`)`)
				got = append(got, w.got("GET notes "+path, 1))
			}
		}
		return got
	})
}
