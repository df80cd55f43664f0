package absent

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/tandem-sso/tandem/e2e/driver/browser"
	"github.com/tandem-sso/tandem/e2e/driver/drive"
	"github.com/tandem-sso/tandem/e2e/driver/npm"
	"github.com/tandem-sso/tandem/e2e/driver/site"
	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/nethttpadapter"
)

// Two pages that poll with htmx's own file. One route is marked Passive, at the other the
// page says it. The first page has session.js, too.
const (
	polledPage = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>htmx</title>
<script type="module" src="/auth/session.js"></script><script type="module" src="/probe.js"></script><script src="/htmx2.js"></script></head>
<body><h1>notes</h1><p id="feed" hx-get="/feed?loop=notes" hx-trigger="every 20ms">nothing yet</p></body></html>`
	toldPage = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>htmx</title><script src="/htmx4.js"></script></head>
<body><h1>mail</h1><p id="news" hx-get="/news?loop=mail" hx-trigger="every 20ms" hx-headers='{"Tandem-Activity": "passive"}'>nothing yet</p>
<button id="get" hx-get="/part" hx-target="#part">Get</button><p id="part"></p></body></html>`
)

func htmxRoutes(t *testing.T) func(*http.ServeMux, *nethttpadapter.Adapter) {
	return func(mux *http.ServeMux, web *nethttpadapter.Adapter) {
		for _, name := range []string{"htmx2", "htmx4"} {
			path, err := npm.Path(name + "/dist/htmx.min.js")
			if err != nil {
				t.Fatal(err)
			}
			script, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			mux.HandleFunc("GET /"+name+".js", func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "text/javascript")
				_, _ = w.Write(script)
			})
		}
		whole := func(html string) http.Handler {
			return web.RequireLogin(classified(func(w http.ResponseWriter, _ *http.Request) {
				_, _ = w.Write([]byte(html))
			}))
		}
		mux.Handle("GET /polled", whole(polledPage))
		mux.Handle("GET /told", whole(toldPage))
		mux.Handle("GET /feed", web.RequireLogin(web.Passive(reply("news"))))
		mux.Handle("GET /news", web.RequireLogin(reply("news")))
		mux.Handle("GET /part", web.RequireLogin(reply("part")))
	}
}

// Two apps at one IdP in two tabs of one browser: neither keeps anybody signed in, and
// they do not keep each other.
func TestHTMXPolls(t *testing.T) {
	each(t, func(t *testing.T, d drive.Driver) {
		w := start(t, options{routes: htmxRoutes(t)})
		b := d.New(t)
		notes, mail := b("notes"), b("mail")
		w.open(notes, w.notes, "/polled")
		site.Live(notes)
		w.open(mail, w.mail, "/told")
		const feed, news = "GET notes /feed?loop=notes", "GET mail /news?loop=mail"
		polls := w.loops(false, feed, news)
		w.absent(func() []answer {
			browser.Eval[int64](notes, virtual(step))
			return polls()
		})
		if n := len(w.to("GET notes /auth/login")) + len(w.to("GET mail /auth/login")); n != 2 {
			t.Errorf("%d log-ins were started, want the person's two", n)
		}
		// The cover tells why, in the words of the reason.
		site.Covered(notes, "ended")
		if got := browser.Eval[string](notes, `probe.words("cover")`); !strings.Contains(got, "You are logged out") ||
			!strings.Contains(got, "You were not active in any application for a while.") {
			t.Errorf("the cover says %q", got)
		}
		// One click leads to the log-in and back, in either app.
		d.Front(notes)
		notes.Wait(`probe.button("login")`)
		browser.Eval[bool](notes, `(probe.press("login"), true)`)
		w.enter(notes)
		notes.WaitURL(w.notes.URL + "/polled")
		site.Live(notes)
		d.Front(mail)
		browser.Eval[bool](mail, `window.left = true`)
		mail.Click("#get")
		mail.Wait(`!window.left && location.pathname === "/told" && document.readyState === "complete"`)
		if n := w.IDP.Count(idpmock.EndpointLogin, ""); n != 2 {
			t.Errorf("the person has typed a name %d times, want 2", n)
		}
		mail.Click("#get")
		mail.Wait(`document.querySelector("#part").innerText.includes("part")`)
	})
}
