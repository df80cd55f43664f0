package site

import (
	"net/http"

	"github.com/tandem-sso/tandem/rp/internal/web"
	"github.com/tandem-sso/tandem/rp/internal/weburl"
)

// Name is the app under one host name, with the origins whose pages may send requests to it.
type Name struct {
	Base    string          // its URL, as configured
	Trusted map[string]bool // origins, its own among them
	own     string
	csrf    *http.CrossOriginProtection
}

func newName(base string, more []string) (*Name, error) {
	n := &Name{Base: base, Trusted: map[string]bool{}, own: weburl.Origin(base), csrf: http.NewCrossOriginProtection()}
	for _, raw := range append([]string{base}, more...) {
		origin := weburl.Origin(raw)
		if err := n.csrf.AddTrustedOrigin(origin); err != nil {
			return nil, err
		}
		n.Trusted[origin] = true
	}
	return n, nil
}

// Refuses reports whether a page of another origin makes an unsafe request or opens a WebSocket, as
// far as the headers of the browser show.
//
// The handshake of a WebSocket is a GET, but the page reads the answers without CORS. So the
// handshake needs the Origin of this name, or a trusted one. Browsers send Origin with every
// handshake (RFC 6455 §4.1); a client that sends none is no browser. Over HTTP/2 the handshake is
// a CONNECT (RFC 8441 §5). Browsers use Upgrade for nothing else.
//
// Other safe requests are not refused, such as an EventSource or a fetch with cookies. The app's
// CORS headers say what another origin may read of the answers; without such headers it reads
// nothing. A frame, an image or a script of another origin is not refused either: against these the
// app sets Content-Security-Policy frame-ancestors and Cross-Origin-Resource-Policy. The session
// cookie is SameSite=Lax, so only origins of the same site can send it with these requests.
func (n *Name) Refuses(r *http.Request) bool {
	if r.Method == http.MethodConnect || len(r.Header["Upgrade"]) > 0 {
		return !n.trusts(r.Header)
	}
	return !safeMethod(r.Method) && n.csrf.Check(r) != nil
}

func (n *Name) trusts(h http.Header) bool {
	if origin := web.First(h, "Origin"); origin != "" {
		return n.Trusted[origin]
	}
	return n.IsOwn(h)
}

// IsOwn reports whether a page of this app's own origin makes the request, as far as the browser
// says: by Fetch Metadata, and an older browser by Origin.
func (n *Name) IsOwn(h http.Header) bool {
	if site := web.First(h, "Sec-Fetch-Site"); site != "" {
		return site == "same-origin"
	}
	origin := web.First(h, "Origin")
	return origin == "" || origin == n.own
}

func safeMethod(m string) bool {
	return m == http.MethodGet || m == http.MethodHead || m == http.MethodOptions
}
