package absent

import (
	"io"
	"net/http"
	"testing"

	"github.com/tandem-sso/tandem/e2e/driver/browser"
	"github.com/tandem-sso/tandem/e2e/driver/drive"
	"github.com/tandem-sso/tandem/e2e/driver/site"
	"github.com/tandem-sso/tandem/nethttpadapter"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/reason"
)

// framework replaces the body of every refusal, as some do.
func framework(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(&replacing{ResponseWriter: w, body: r.URL.Query().Get("body")}, r)
	})
}

type replacing struct {
	http.ResponseWriter
	body    string
	replace bool
}

func (w *replacing) WriteHeader(status int) {
	w.ResponseWriter.WriteHeader(status)
	if w.replace = status >= 400; w.replace {
		_, _ = io.WriteString(w.ResponseWriter, w.body)
	}
}

func (w *replacing) Write(b []byte) (int, error) {
	if w.replace {
		return len(b), nil
	}
	return w.ResponseWriter.Write(b)
}

// session.js understands a refusal whose body a framework has replaced, and tells the
// reason all the same.
func TestBodyOfAFramework(t *testing.T) {
	each(t, func(t *testing.T, d drive.Driver) {
		w := start(t, options{
			rp: func(c *rp.Config) { c.MaxStreams = -1 }, // so that the page learns of the end by the refusal
			routes: func(mux *http.ServeMux, web *nethttpadapter.Adapter) {
				mux.Handle("GET /replaced", framework(web.RequireLogin(reply("data"))))
			},
		})
		b := d.New(t)
		for _, body := range []string{"<h1>Unauthorized</h1>", `{"message": "Unauthorized"}`, "null"} {
			tab := b(body)
			w.open(tab, w.notes, "/")
			site.Live(tab)
			fetch := `probe.fetch("/replaced?body=" + encodeURIComponent(` + browser.Quote(body) +
				`)).then(async r => r.status + await r.text())`
			if got := browser.Eval[string](tab, fetch); got != "200data" {
				t.Errorf("while the session lives: %q", got)
			}
			w.EndAda()
			if got := browser.Eval[string](tab, fetch); got != "401"+body {
				t.Errorf("after the end: %q", got)
			}
			site.Ended(tab, reason.BackchannelLogout)
		}
	})
}
