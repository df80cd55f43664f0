package site

import (
	"net/url"
	"strings"
)

// MaxReturnTo bounds the address of a page that somebody comes back to, in bytes.
const MaxReturnTo = 1024

// SafeReturnTo returns path if it leads to a page of this very app, else "/":
// there is no open redirector (RFC 9700 §4.11).
func SafeReturnTo(path string) string {
	if path == "" || len(path) > MaxReturnTo || path[0] != '/' || strings.HasPrefix(path, "//") {
		return "/"
	}
	for _, c := range []byte(path) { // browsers read \ as / and drop control characters
		if c <= ' ' || c == '\\' || c >= 0x7f {
			return "/"
		}
	}
	u, err := url.Parse(path)
	if err != nil || u.IsAbs() || u.Host != "" || u.User != nil || u.Opaque != "" || !strings.HasPrefix(u.Path, "/") ||
		strings.HasPrefix(u.Path, "//") {
		return "/"
	}
	return path
}

// WithFragment adds a fragment to a path that SafeReturnTo has passed; one that makes
// another path of it, or is too long, is left out.
func WithFragment(path, fragment string) string {
	if fragment == "" || strings.Contains(path, "#") {
		return path
	}
	if whole := SafeReturnTo(path + "#" + fragment); whole != "/" {
		return whole
	}
	return path
}

// Outside is how browsers see a path of this app.
func (a *App) Outside(path string) string { return a.path + path }

// Home is the page that is shown for want of a better one.
func (a *App) Home() string { return a.path + "/" }

// Inside is a path that came from outside, if it leads to a page of this app, else its
// home. One that does not begin with the path of the app gets it in front, so nothing
// leads to another app of this host.
func (a *App) Inside(raw string) string {
	to := SafeReturnTo(raw)
	if a.path == "" {
		return to
	}
	if !a.covers(to) {
		to = a.path + to
	}
	if len(to) > MaxReturnTo || climbs(to) {
		return a.Home()
	}
	return to
}

// covers reports whether a path lies below the path of the app.
func (a *App) covers(path string) bool {
	rest, ok := strings.CutPrefix(path, a.path)
	return ok && (rest == "" || strings.ContainsRune("/?#", rune(rest[0])))
}

// climbs finds the dots by which a browser leaves a folder (URL Standard §4.1:
// double-dot path segment).
func climbs(to string) bool {
	to, _, _ = strings.Cut(to, "?")
	to, _, _ = strings.Cut(to, "#")
	for segment := range strings.SplitSeq(to, "/") {
		if encodedDots.Replace(segment) == ".." {
			return true
		}
	}
	return false
}

var encodedDots = strings.NewReplacer("%2e", ".", "%2E", ".")
