package classify

import (
	"net/http"
	"strings"
	"testing"
)

// headers reads "Name: value" lines.
func headers(lines ...string) http.Header {
	h := http.Header{}
	for _, line := range lines {
		name, v, _ := strings.Cut(line, ": ")
		h.Set(name, v)
	}
	return h
}

// metadata reads site, mode and dest.
func metadata(words string, more ...string) http.Header {
	w := strings.Fields(words)
	return headers(append(more, "Sec-Fetch-Site: "+w[0], "Sec-Fetch-Mode: "+w[1], "Sec-Fetch-Dest: "+w[2])...)
}

const (
	partner = "http://partner.shop.localhost"
	html    = "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
	user    = "Sec-Fetch-User: ?1"
)

// What no browser here sends, or what the application says beside it.
func TestClassify(t *testing.T) {
	fetch := func(more ...string) http.Header {
		return metadata("same-origin cors empty", append(more, "Accept: */*")...)
	}
	navigation := func(more ...string) http.Header {
		return metadata("same-origin navigate document", append(more, html)...)
	}
	for _, row := range []struct {
		what   string
		method string
		header http.Header
		mark   Mark
		new    bool // the browser has not sent Sec-Fetch-User yet
		want   Class
	}{
		{what: "a prefetch on a route marked active", header: navigation("Sec-Purpose: prefetch"), mark: Active,
			want: Page},
		{what: "a prerender on a route marked active", header: navigation("Sec-Purpose: prefetch;prerender"),
			mark: Active, want: Page},
		{what: "a prefetch for somebody else", header: navigation("Sec-Purpose: prefetch;anonymous-client-ip"),
			mark: Active, want: Page},
		{what: "a prefetch that the application forces", header: navigation("Sec-Purpose: prefetch"), mark: Forced,
			want: Page},
		{what: "a prefetch of an older browser", header: headers("Purpose: prefetch", html), mark: Active, want: Page},
		{what: "a prefetch of an older Firefox", header: headers("X-Moz: prefetch", html), mark: Active, want: Page},
		{what: "a prefetch that claims to be a person's", header: navigation("Sec-Purpose: prefetch", user,
			Header+": active"), want: Page},
		{what: "a preflight that the application forces", method: "OPTIONS",
			header: metadata("same-site cors empty", "Origin: "+partner), mark: Forced, want: Page},

		{what: "a fetch of a sibling origin on a route marked active",
			header: metadata("same-site cors empty", "Origin: http://cdn.shop.localhost"), mark: Active, want: Page},
		{what: "a fetch of a sibling origin that the application forces",
			header: metadata("same-site cors empty", "Origin: http://cdn.shop.localhost"), mark: Forced, want: Page},
		{what: "a fetch of another site that claims to be a person's",
			header: metadata("cross-site cors empty", "Origin: http://elsewhere.localhost", Header+": active"),
			want:   Page},
		{what: "a fetch of a trusted origin", header: metadata("same-site cors empty", "Origin: "+partner),
			want: Unclear},
		{what: "a fetch of a trusted origin on another site",
			header: metadata("cross-site cors empty", "Origin: "+partner), want: Unclear},
		{what: "a fetch of a trusted origin on a route marked active",
			header: metadata("cross-site cors empty", "Origin: "+partner), mark: Active, want: Person},
		{what: "a fetch of a trusted origin that says it is a person's",
			header: metadata("same-site cors empty", "Origin: "+partner, Header+": active"), want: Person},
		{what: "a beacon of a trusted origin", header: metadata("same-site no-cors empty", "Origin: "+partner),
			mark: Active, want: Page},
		{what: "an image for a trusted origin's page", header: metadata("same-site no-cors image"), want: Page},
		{what: "a fetch that no page makes, as an extension does", header: metadata("none cors empty"), mark: Active,
			want: Page},
		{what: "a fetch without Fetch Metadata of a sibling origin",
			header: headers("Origin: http://cdn.shop.localhost", "Accept: */*"), mark: Active, want: Page},
		{what: "a fetch without Fetch Metadata of a trusted origin", header: headers("Origin: "+partner, "Accept: */*"),
			want: Unclear},

		{what: "a fetch", header: fetch(), want: Unclear},
		{what: "a fetch on a route marked active", header: fetch(), mark: Active, want: Person},
		{what: "a fetch on a route marked passive", header: fetch(), mark: Passive, want: Page},
		{what: "a fetch that says it is a person's", header: fetch(Header + ": active"), want: Person},
		{what: "a fetch that says so on a route marked passive", header: fetch(Header + ": active"), mark: Passive,
			want: Page},
		{what: "a fetch that says it is not a person's", header: fetch(Header + ": Passive"), want: Page},
		{what: "a fetch that says it is passive on a route marked active", header: fetch(Header + ": passive"),
			mark: Active, want: Person},
		{what: "a fetch that says what nobody understands", header: fetch(Header + ": perhaps"), want: Unclear},
		{what: "a click on a route marked passive", header: navigation(user), mark: Passive, want: Page},

		{what: "an image on a route marked active", header: metadata("same-origin no-cors image"), mark: Active,
			want: Page},
		{what: "a beacon on a route marked active", method: "POST", header: metadata("same-origin no-cors empty",
			"Origin: "+own), mark: Active, want: Page},
		{what: "a beacon that the application forces", method: "POST",
			header: metadata("same-origin no-cors empty", "Origin: "+own), mark: Forced, want: Person},
		{what: "a report on a route marked active", method: "POST", header: metadata("same-origin no-cors report",
			"Origin: "+own), mark: Active, want: Page},
		{what: "a dest that nobody knows yet", header: metadata("same-origin cors hologram"), mark: Active, want: Page},

		{what: "an event stream on a route marked active",
			header: metadata("same-origin cors empty", "Accept: text/event-stream"), mark: Active, want: Page},
		{what: "a WebSocket over HTTP/2", method: "CONNECT", header: headers("Origin: " + own), mark: Active,
			want: Page},
		{what: "a WebSocket on a route marked active", header: headers("Origin: "+own, "Upgrade: websocket"),
			mark: Active, want: Page},

		{what: "a navigation that a page makes by itself", header: navigation(), want: Page},
		{what: "such a one on a route marked active", header: navigation(), mark: Active, want: Page},
		{what: "such a one that the application forces", header: navigation(), mark: Forced, want: Person},
		{what: "a navigation in Safari", header: navigation(), new: true, want: Unclear},
		{what: "a navigation in Safari from another site", header: metadata("cross-site navigate document", html),
			new: true, want: Unclear},
		{what: "a navigation in Safari to a route marked passive", header: navigation(), new: true, mark: Passive,
			want: Page},
		{what: "a frame in Safari", header: metadata("same-origin navigate iframe", html), new: true, want: Page},
		{what: "a click in a fenced frame", header: metadata("cross-site navigate fencedframe", html, user),
			want: Person},

		{what: "a page for a browser without Fetch Metadata", header: headers(html), new: true, want: Unclear},
		{what: "a page without Fetch Metadata after some with it", header: headers(html), want: Unclear},
		{what: "a page posted by such a browser with no referrer", method: "POST",
			header: headers(html, "Origin: null"), new: true, want: Unclear},
		{what: "a script with axios without Fetch Metadata",
			header: headers("Accept: application/json, text/plain, */*"), new: true, want: Unclear},
		{what: "no header at all", header: headers(), new: true, want: Unclear},
		{what: "a frame on a sibling origin, through a service worker",
			header: metadata("same-site navigate empty", html), want: Page},
		{what: "a frame on a sibling origin, preloaded beside a service worker", want: Page,
			header: metadata("same-site navigate iframe", html, "Service-Worker-Navigation-Preload: true")},
		{what: "a font for a browser without Fetch Metadata",
			header: headers("Accept: application/font-woff2;q=1.0,application/font-woff;q=0.9,*/*;q=0.8"), new: true,
			want: Page},
		{what: "a font by its newer name", header: headers("Accept: font/woff2,*/*;q=0.8"), new: true, want: Page},
		{what: "a video for such a browser", header: headers("Accept: video/webm,video/ogg,video/*;q=0.9,*/*;q=0.5"),
			new: true, want: Page},
		{what: "an audio for such a browser",
			header: headers("Accept: audio/webm,audio/ogg,audio/wav,audio/*;q=0.9,*/*;q=0.5"), new: true, want: Page},
		{what: "an image for Safari before 16.4", header: headers("Accept: image/webp,image/avif,image/png,*/*;q=0.8"),
			new: true, want: Page},
	} {
		f := facts()
		f.Trusted[partner] = true
		f.Mark, f.SentUser = row.mark, !row.new
		method := row.method
		if method == "" {
			method = "GET"
		}
		if got := Request(method, row.header, f); got != row.want {
			t.Errorf("%s: %v, want %v", row.what, got, row.want)
		}
	}
}

// A page, or what a script reads: this decides the form of an answer.
func TestNavigation(t *testing.T) {
	through := 0
	for _, r := range measured(t) {
		if r.Request == nil {
			continue
		}
		h := r.header()
		want := h.Get("Upgrade-Insecure-Requests") == "1" || h.Get("Sec-Fetch-Mode") == "navigate" ||
			h.Get("Sec-Fetch-Mode") == "" && h.Get("Accept") == "text/html"
		if got := Navigation(h); got != want {
			t.Errorf("%s, %s: %v", r.Browser, r.What, got)
		}
		if want && h.Get("Sec-Fetch-Mode") == "same-origin" {
			through++
		}
	}
	if through == 0 {
		t.Error("no row of a service worker in Firefox: this proves little")
	}
	for what, h := range map[string]http.Header{
		"htmx":              headers(html, "HX-Request: true"),
		"jQuery":            headers(html, "X-Requested-With: XMLHttpRequest"),
		"the page's script": headers(html, Header+": active"),
		"htmx 4":            metadata("same-origin same-origin empty", "Accept: text/html", "HX-Request: true"),
		"anything":          headers("Accept: */*"),
		"nothing":           headers(),
	} {
		if Navigation(h) {
			t.Errorf("%s asks for a page", what)
		}
	}
}

func TestString(t *testing.T) {
	for c, want := range map[Class]string{Unclear: "unclear", Page: "page", Person: "person"} {
		if got := c.String(); got != want {
			t.Errorf("%d: %q", c, got)
		}
	}
}

func BenchmarkClassify(b *testing.B) {
	h := metadata("same-origin navigate document", html, user)
	f := facts()
	for b.Loop() {
		if Request("GET", h, f) != Person {
			b.Fatal("not a person")
		}
	}
}
