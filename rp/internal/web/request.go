package web

import (
	"mime"
	"net/http"

	"github.com/tandem-sso/tandem/rp/internal/classify"
)

// Kind is the kind of answer that whoever asks can use.
type Kind uint8

const (
	Script Kind = iota // JSON
	HTMX               // JSON; htmx follows HX-Redirect by itself
	Page               // a page, or a redirect to one
	Posted             // a page: a form was posted, and a redirect would lose it
)

// IsPage reports whether a person sees the answer.
func (k Kind) IsPage() bool { return k == Page || k == Posted }

// KindOf tells pages from scripts: by Fetch Metadata, and where a browser does not send
// it by Accept. Only text/html asks for a page. */* is what axios, an image or a fetch
// sends, and who accepts nothing in particular is a script too. A guess of the browser's
// (prefetch) is no page: nobody sees it.
func KindOf(r *http.Request) Kind {
	switch {
	case First(r.Header, "Hx-Request") == "true":
		return HTMX
	case classify.Prefetch(r.Header) || !classify.Navigation(r.Header):
		return Script
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		return Page
	case http.MethodPost:
		return Posted
	}
	return Script
}

// Navigation reports whether a browser asks for a page, so that a redirect makes sense.
func Navigation(r *http.Request) bool { return KindOf(r) == Page }

// ForScript reports whether a page's script asks for JSON alone, where a page would be
// redirected.
func ForScript(h http.Header) bool {
	return First(h, "Accept") == "application/json" && First(h, "Sec-Fetch-Mode") != "navigate"
}

// FromNowhere reports whether a form comes from a page that hides its origin
// (Referrer-Policy: no-referrer), in a browser without Fetch Metadata. It may be this
// app's own page, or a sandboxed frame of anybody's.
func FromNowhere(h http.Header) bool {
	return First(h, "Origin") == "null" && First(h, "Sec-Fetch-Site") == ""
}

// ContentType is the media type of a body without its parameters; empty if none is named.
func ContentType(h http.Header) string {
	t, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return t
}

// First reads a header whose name is in canonical form without searching further.
func First(h http.Header, name string) string {
	if v := h[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}
