package site

import (
	"net/http"

	"github.com/tandem-sso/tandem/rp/internal/web"
	"github.com/tandem-sso/tandem/rp/internal/weburl"
)

// Name is the app under one name. It knows whose pages a request to it may come from.
type Name struct {
	Base    string          // its URL, as it is configured
	Trusted map[string]bool // origins, with its own one
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

// Refuses reports whether a request comes from a page that may not make it, as far
// as the browser says: what changes something, and what opens a WebSocket.
//
// A handshake is a GET, yet the page reads what comes back without CORS. So it needs
// the very Origin of the name that is asked, or a trusted one; browsers send one with each
// (RFC 6455 §4.1), and who sends none is no browser. Over HTTP/2 it is a CONNECT (RFC
// 8441 §5). No browser asks for any other Upgrade.
//
// Not refused are the other safe requests, an EventSource and a fetch with cookies
// among them: what another origin may read of their answers is for the CORS headers
// of the app to say, and without any it reads nothing. Nor is a page refused to a
// frame, an image or a script of another origin: for that there are
// Content-Security-Policy frame-ancestors and Cross-Origin-Resource-Policy, which
// are the app's too. The session cookie is SameSite=Lax, so that only origins of the
// same site can send it along with any of these.
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

// IsOwn reports whether a request that a page makes comes from a page of this app's
// own origin, as far as the browser says: by Fetch Metadata, and an older one by
// Origin.
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
