package apps

import (
	"bytes"
	"embed"
	"io/fs"
	"net/http"
	"net/url"
	"strings"

	"github.com/a-h/templ"
)

//go:embed static
var files embed.FS

// Static serves /static/: styles, scripts and the icon of the demo. Nothing is loaded from elsewhere.
func Static() http.Handler { return Files(files) }

// Files serves files, but no directories.
func Files(files fs.FS) http.Handler {
	next := http.FileServerFS(files)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/") {
			http.NotFound(w, r)
			return
		}
		// The name stays the same when the program changes.
		w.Header().Set("Cache-Control", "no-cache")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		next.ServeHTTP(w, r)
	})
}

// Page is a whole document, of an app or of the control room.
type Page struct {
	Title   string
	Styles  []string // paths, beside the common one
	Scripts []string // paths
	// FormsTo is where a form may lead besides this origin: a log-out goes on to
	// the IdP, and browsers hold redirects against the policy.
	FormsTo string
	// Skips are what a keyboard can skip to, first of all. Default: the content.
	Skips []Skip
	Body  templ.Component
}

// Skip is a part of a page that has an id.
type Skip struct{ ID, Name string }

func (p Page) skips() []Skip {
	if len(p.Skips) == 0 {
		return []Skip{{"main", "the content"}}
	}
	return p.Skips
}

// Write renders a page.
func Write(w http.ResponseWriter, r *http.Request, status int, p Page) {
	var b bytes.Buffer
	if err := layout(p).Render(r.Context(), &b); err != nil {
		http.Error(w, "the page cannot be rendered", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", policy(p.FormsTo))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes())
}

func policy(formsTo string) string {
	forms := "'self'"
	if u, err := url.Parse(formsTo); err == nil && u.Host != "" {
		forms += " " + u.Scheme + "://" + u.Host
	}
	return "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action " +
		forms +
		"; frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
}
