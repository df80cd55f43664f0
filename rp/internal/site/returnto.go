package site

import (
	"net/url"
	"strings"
)

// MaxReturnTo bounds the path of the page that a log-in leads to, in bytes.
const MaxReturnTo = 1024

// SafeReturnTo returns path if it leads to a page of this app, otherwise "/". So the log-in is no
// open redirector (RFC 9700 §4.11).
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

// WithFragment adds a fragment to a path that SafeReturnTo has accepted. It leaves the fragment out
// if the path has one already, or if SafeReturnTo does not accept both together.
func WithFragment(path, fragment string) string {
	if fragment == "" || strings.Contains(path, "#") {
		return path
	}
	if whole := SafeReturnTo(path + "#" + fragment); whole != "/" {
		return whole
	}
	return path
}

// Outside returns the path under which browsers see a path of this app.
func (a *App) Outside(path string) string { return a.path + path }

// Home is the page to use if no better one is known.
func (a *App) Home() string { return a.path + "/" }

// Inside returns a path from outside if it leads to a page of this app, otherwise the app's home.
// If the path does not begin with the app's path, Inside puts that before it. So no path leads to
// another app of this host.
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

// climbs reports whether a path has a segment ".." by which a browser leaves a folder (URL Standard
// §4.1: double-dot path segment).
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
