package page

import (
	"fmt"
	"net/http"
	"os"
	"testing"

	"github.com/tandem-sso/tandem/e2e/driver/npm"
	"github.com/tandem-sso/tandem/e2e/driver/site"
	"github.com/tandem-sso/tandem/nethttpadapter"
	"github.com/tandem-sso/tandem/rp"
)

// A page of htmx alone. Several parts ask at once, as they do after a sleep.
const htmxPage = `<!doctype html><html lang="en"><head><title>htmx</title>
<meta name="htmx-config" content='{"includeIndicatorStyles": false, "allowEval": false}'>
<script src="/htmx.js"></script></head>
<body><h1>htmx</h1><p id="part">nothing yet</p>
<button id="get" hx-get="/part" hx-target="#part">Get</button>
<button id="post" hx-post="/part" hx-target="#part">Post</button>
<p class="all" hx-get="/part" hx-trigger="all from:body">a</p><p class="all" hx-get="/part" hx-trigger="all from:body">b</p>
<p class="all" hx-post="/part" hx-trigger="all from:body">c</p></body></html>`

// htmx needs nothing to bring the person to the log-in and back to the page that it
// runs in: with either method, and to one log-in however many parts ask.
func TestHTMX(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"htmx2", "htmx4"} {
		path, err := npm.Path(version + "/dist/htmx.min.js")
		if err != nil {
			t.Fatal(err)
		}
		script, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for name, act := range map[string]string{"get": `get.click()`, "post": `post.click()`,
			"all": `document.body.dispatchEvent(new Event("all"))`} {
			t.Run(version+" "+name, func(t *testing.T) {
				t.Parallel()
				w := site.New(t, site.Options{Routes: func(mux *http.ServeMux, web *nethttpadapter.Adapter) {
					htmxRoutes(mux, web, script)
				}})
				notes := w.Apps["notes"]
				tab := chromium.New(t).Tab(version)
				url := notes.URL + "/htmx?note=1&tab=2"
				tab.Go(url)
				tab.Type("#username", "ada\r")
				tab.WaitURL(url)
				tab.Click("#post")
				tab.WaitText("#part", "POST for ada")
				tab.Click("#get")
				tab.WaitText("#part", "GET for ada")

				w.EndAda()
				const login = "GET /auth/login"
				before, asked := notes.Requests(login), notes.Requests("GET /part")+notes.Requests("POST /part")
				tab.Wait("(" + act + ", true)")
				tab.WaitURL(w.IDP.Issuer())
				if n := notes.Requests("GET /part") + notes.Requests("POST /part") - asked; n < 1 || name != "all" &&
					n != 1 {
					t.Errorf("htmx asked %d times", n)
				}
				// Every answer makes htmx navigate; the browser drops the navigations
				// before the last one, some after their request has left.
				if n := notes.Requests(login) - before; n < 1 || n > 3 || name != "all" && n != 1 {
					t.Errorf("%d log-ins were started", n)
				}
				tab.Type("#username", "ada\r")
				tab.WaitURL(url)
				if n := len(w.IDP.Sessions()); n != 1 {
					t.Errorf("%d IdP sessions", n)
				}
				tab.Click("#get")
				tab.WaitText("#part", "GET for ada")
			})
		}
	}
}

func htmxRoutes(mux *http.ServeMux, web *nethttpadapter.Adapter, script []byte) {
	mux.Handle("GET /htmx", web.RequireLogin(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; connect-src 'self'")
		fmt.Fprint(w, htmxPage)
	})))
	mux.HandleFunc("GET /htmx.js", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		_, _ = w.Write(script)
	})
	mux.Handle("/part", web.RequireLogin(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s for %s", r.Method, rp.FromContext(r.Context()).Subject())
	})))
}
