// Package classify decides whether a request was made because a person did something. It is
// pure: it looks only at the request and three facts.
//
// The requests of browsers were measured (testdata/browsers.json, which tests in real
// browsers check). If a person and a page send the same bytes, the answer is Unclear, and the
// caller decides.
package classify

import (
	"net/http"
	"strings"
)

// Class says who makes a request.
type Class uint8

const (
	// Unclear requests come from both, and nothing in them tells which: a fetch, a page
	// through a service worker, a navigation in a browser without Sec-Fetch-User.
	Unclear Class = iota
	// Page requests are made by a page, a browser or another site by itself.
	Page
	// Person requests are the direct result of what a person did.
	Person
)

func (c Class) String() string { return [...]string{"unclear", "page", "person"}[c] }

// Mark is what the application says about a request.
type Mark uint8

const (
	Unmarked Mark = iota
	// Passive requests are never a person's.
	Passive
	// Active requests are a person's if they are Unclear, whatever the page's script says.
	Active
	// Forced requests are a person's, but for those that no application can vouch for:
	// prefetches, preflights, and what a page of a foreign origin fetches.
	Forced
)

// Header lets a page's own script say what a fetch is: "passive", or "active", which is
// the mark Active.
const Header = "Tandem-Activity"

// Facts are what the request does not say.
type Facts struct {
	Mark Mark
	// SentUser: this browser has sent Sec-Fetch-User in this session (SendsUser). One
	// that has never done so may be a Safari, which never does.
	SentUser bool
	// Trusted are the origins whose pages are the application's: its own too.
	Trusted map[string]bool
}

// SendsUser reports whether the browser says that a person made this navigation. Then it
// says so of each.
func SendsUser(h http.Header) bool { return first(h, "Sec-Fetch-User") == "?1" }

// Request classifies a request.
func Request(method string, h http.Header, f Facts) Class {
	if Prefetch(h) || method == http.MethodOptions || foreign(h, f.Trusted) {
		return Page
	}
	switch f.Mark {
	case Passive:
		return Page
	case Forced:
		return Person
	}
	word := first(h, Header)
	if f.Mark == Unmarked && strings.EqualFold(word, "passive") || stream(method, h) {
		return Page
	}
	c := byMetadata(h, f.SentUser)
	if c == Unclear && (f.Mark == Active || strings.EqualFold(word, "active")) {
		return Person
	}
	return c
}

// Prefetch reports whether the browser guesses what a person may want (Fetch §2.2.7). Sec-Purpose is
// "prefetch", with parameters: "prefetch;prerender". Older browsers sent Purpose or X-Moz.
func Prefetch(h http.Header) bool {
	return strings.Contains(first(h, "Sec-Purpose"), "prefetch") || first(h, "Purpose") == "prefetch" ||
		first(h, "X-Moz") == "prefetch"
}

// foreign: a page of another origin, or no page at all, fetches something. It could keep
// an absent person signed in, since a sibling origin has the cookie sent along. A
// navigation is a matter of its own: whose link was clicked does not matter.
func foreign(h http.Header, trusted map[string]bool) bool {
	if Navigation(h) {
		return false
	}
	origin := first(h, "Origin")
	switch first(h, "Sec-Fetch-Site") {
	case "same-origin":
		return false
	case "": // an old browser, plain http, or a WebSocket of Chromium
		return origin != "" && !trusted[origin]
	}
	return !trusted[origin] // who may read the answer sends an Origin
}

func foreignSite(h http.Header) bool {
	site := first(h, "Sec-Fetch-Site")
	return site == "cross-site" || site == "same-site"
}

// stream: what stays open. That it opens, or opens again, is the page's doing.
func stream(method string, h http.Header) bool {
	return method == http.MethodConnect || len(h["Upgrade"]) > 0 ||
		strings.Contains(first(h, "Accept"), "text/event-stream")
}

// byMetadata goes by Fetch Metadata.
func byMetadata(h http.Header, sentUser bool) Class {
	mode, dest := first(h, "Sec-Fetch-Mode"), first(h, "Sec-Fetch-Dest")
	switch {
	case mode == "" && dest == "":
		return byAccept(h)
	case Navigation(h):
		return navigated(h, dest, sentUser)
	case mode != "no-cors" && (dest == "empty" || dest == ""):
		return Unclear // a fetch whose answer is read
	}
	return Page // a part of a page, a report, a beacon
}

func navigated(h http.Header, dest string, sentUser bool) Class {
	switch {
	case SendsUser(h):
		return Person // in a frame, too
	case !foreignSite(h) && (dest == "empty" || first(h, "Service-Worker-Navigation-Preload") != ""):
		// A service worker that hands a navigation on takes Sec-Fetch-User from it, and
		// so does Firefox if it preloads one beside a service worker. A download in
		// Chromium has none either. Behind a service worker a frame on a sibling origin
		// looks the same, but for its site.
		return Unclear
	case dest != "document" && dest != "":
		return Page // a frame: mostly the page fills it, and Safari does not tell
	case sentUser:
		return Page // meta refresh, a timer, location.reload
	}
	return Unclear
}

// byAccept is for browsers that send no Fetch Metadata: old ones, and all over plain
// http. What asks for images, styles, fonts or media is a part of a page.
func byAccept(h http.Header) Class {
	accept := first(h, "Accept")
	for _, kind := range [...]string{"image/", "text/css", "font/", "application/font", "video/", "audio/"} {
		if strings.HasPrefix(accept, kind) {
			return Page
		}
	}
	return Unclear
}

// Navigation reports whether the browser is to show what comes back as a page, in a frame
// perhaps.
func Navigation(h http.Header) bool {
	switch mode := first(h, "Sec-Fetch-Mode"); mode {
	case "navigate":
		return true
	case "same-origin": // what a service worker of Firefox makes of one
		return first(h, "Upgrade-Insecure-Requests") == "1"
	case "":
		return strings.Contains(first(h, "Accept"), "text/html") &&
			first(h, "X-Requested-With") == "" && first(h, "Hx-Request") == "" && first(h, Header) == ""
	}
	return false
}

// first reads a header whose name is in canonical form without searching further.
func first(h http.Header, name string) string {
	if v := h[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}
