package web

import (
	"mime"
	"net/http"

	"github.com/tandem-sso/tandem/rp/internal/classify"
)

// Kind is the kind of answer that the client can use.
type Kind uint8

const (
	Script Kind = iota // JSON
	HTMX               // JSON; htmx follows HX-Redirect by itself
	Page               // a page, or a redirect to one
	Posted             // a page: a form was posted, and a redirect would lose it
)

// IsPage reports whether a person sees the answer.
func (k Kind) IsPage() bool { return k == Page || k == Posted }

// KindOf distinguishes pages from scripts by Fetch Metadata, and by Accept if the browser does
// not send Fetch Metadata. Only text/html asks for a page: axios, an image and a fetch send */*,
// and a client without Accept is a script, too. A prefetch is no page, because nobody sees it.
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

// ForScript reports whether a script of a page asks for JSON instead of a redirect.
func ForScript(h http.Header) bool {
	return First(h, "Accept") == "application/json" && First(h, "Sec-Fetch-Mode") != "navigate"
}

// FromNowhere reports whether a form comes from a page that hides its origin
// (Referrer-Policy: no-referrer), in a browser without Fetch Metadata. It may be a
// page of this app, or a sandboxed frame of any site.
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

// First returns the first value of a header. The name must be in canonical form.
func First(h http.Header, name string) string {
	if v := h[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}
