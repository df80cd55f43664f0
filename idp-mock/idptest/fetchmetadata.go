package idptest

import (
	"net"
	"net/http"
	"net/url"
	"strings"
)

// metadata are the headers of Fetch Metadata. Browsers send them to trustworthy addresses
// alone (Fetch Metadata Request Headers §2, Secure Contexts §3.1).
func metadata(mode, dest, site string, to *url.URL) http.Header {
	if to.Scheme != "https" && !loopback(to.Hostname()) {
		return http.Header{}
	}
	return http.Header{"Sec-Fetch-Mode": {mode}, "Sec-Fetch-Dest": {dest}, "Sec-Fetch-Site": {site}}
}

// siteOf is Sec-Fetch-Site of a request from one page to an address.
func siteOf(from, to *url.URL) string {
	switch {
	case sameOrigin(from, to):
		return "same-origin"
	case from.Scheme == to.Scheme && site(from.Hostname()) == site(to.Hostname()):
		return "same-site" // ports do not part sites
	}
	return "cross-site"
}

// farther is Sec-Fetch-Site after a redirect: the farthest address of all counts
// (Fetch Metadata Request Headers §2.3).
func farther(a, b string) string {
	for _, s := range []string{"cross-site", "same-site", "same-origin"} {
		if a == s || b == s {
			return s
		}
	}
	return "none"
}

func site(host string) string {
	if net.ParseIP(host) != nil {
		return host
	}
	labels := strings.Split(strings.TrimSuffix(host, "."), ".")
	return strings.Join(labels[max(0, len(labels)-2):], ".")
}

func origin(u *url.URL) string { return u.Scheme + "://" + u.Host }

func sameOrigin(a, b *url.URL) bool { return origin(a) == origin(b) }

func safe(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback() || host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// levelOf says which cookies go along: those of at most this strictness. Other sites get
// Strict ones never, and Lax ones with safe navigations of the whole page only
// (draft-ietf-httpbis-rfc6265bis §5.8.3).
func levelOf(r *http.Request) http.SameSite {
	h := r.Header
	switch {
	case h.Get("Sec-Fetch-Site") != "cross-site":
		return http.SameSiteStrictMode
	case h.Get("Sec-Fetch-Mode") == "navigate" && h.Get("Sec-Fetch-Dest") == "document" && safe(r.Method):
		return http.SameSiteLaxMode
	}
	return http.SameSiteNoneMode
}
