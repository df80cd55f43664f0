package rp

import (
	"net/http"

	"github.com/tandem-sso/tandem/rp/internal/weburl"
)

// origins knows whose pages a request to one name of this app may come from.
type origins struct {
	own     string
	trusted map[string]bool // with the own one
	csrf    *http.CrossOriginProtection
}

func newOrigins(base string, more []string) (*origins, error) {
	o := &origins{own: weburl.Origin(base), trusted: map[string]bool{}, csrf: http.NewCrossOriginProtection()}
	for _, raw := range append([]string{base}, more...) {
		origin := weburl.Origin(raw)
		if err := o.csrf.AddTrustedOrigin(origin); err != nil {
			return nil, wrong("TrustedOrigins", "%v", err)
		}
		o.trusted[origin] = true
	}
	return o, nil
}

// refuses reports whether a request comes from a page that may not make it, as far
// as the browser says: what changes something, and what opens a WebSocket.
//
// A handshake is a GET, yet the page reads what comes back without CORS. So it needs
// the very Origin of the name that is asked, or one of Config.TrustedOrigins; browsers send one with each
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
func (o *origins) refuses(r *http.Request) bool {
	if r.Method == http.MethodConnect || len(r.Header["Upgrade"]) > 0 {
		return !o.trusts(r.Header)
	}
	return !safeMethod(r.Method) && o.csrf.Check(r) != nil
}

func (o *origins) trusts(h http.Header) bool {
	if origin := first(h, "Origin"); origin != "" {
		return o.trusted[origin]
	}
	return o.isOwn(h)
}

// isOwn reports whether a request that a page makes comes from a page of this app's
// own origin, as far as the browser says: by Fetch Metadata, and an older one by
// Origin.
func (o *origins) isOwn(h http.Header) bool {
	if site := first(h, "Sec-Fetch-Site"); site != "" {
		return site == "same-origin"
	}
	origin := first(h, "Origin")
	return origin == "" || origin == o.own
}

func safeMethod(m string) bool {
	return m == http.MethodGet || m == http.MethodHead || m == http.MethodOptions
}
