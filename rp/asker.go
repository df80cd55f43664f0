package rp

import (
	"net/http"

	"github.com/tandem-sso/tandem/rp/internal/activity"
)

// form is the kind of answer that whoever asks can use.
type form uint8

const (
	asScript form = iota // JSON
	asHTMX               // JSON; htmx follows HX-Redirect by itself
	asPage               // a page, or a redirect to one
	asPosted             // a page: a form was posted, and a redirect would lose it
)

func (f form) isPage() bool { return f == asPage || f == asPosted }

// formOf tells pages from scripts: by Fetch Metadata, and where a browser does not send
// it by Accept. Only text/html asks for a page. */* is what axios, an image or a fetch
// sends, and who accepts nothing in particular is a script too. A guess of the browser's
// (prefetch) is no page: nobody sees it.
func formOf(r *http.Request) form {
	switch {
	case first(r.Header, "Hx-Request") == "true":
		return asHTMX
	case activity.Prefetch(r.Header) || !activity.Navigation(r.Header):
		return asScript
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		return asPage
	case http.MethodPost:
		return asPosted
	}
	return asScript
}

// navigation reports whether a browser asks for a page, so that a redirect makes sense.
func navigation(r *http.Request) bool { return formOf(r) == asPage }
