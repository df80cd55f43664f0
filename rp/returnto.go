package rp

import (
	"net/http"
	"net/url"
	"strings"
)

const maxReturnTo = 1024

// SafeReturnTo returns path if it leads to a page of this very app, else "/":
// there is no open redirector (RFC 9700 §4.11).
func SafeReturnTo(path string) string {
	if path == "" || len(path) > maxReturnTo || path[0] != '/' || strings.HasPrefix(path, "//") {
		return "/"
	}
	for _, c := range []byte(path) { // browsers read \ as / and drop control characters
		if c <= ' ' || c == '\\' || c >= 0x7f {
			return "/"
		}
	}
	u, err := url.Parse(path)
	if err != nil || u.IsAbs() || u.Host != "" || u.User != nil || u.Opaque != "" || !strings.HasPrefix(u.Path, "/") || strings.HasPrefix(u.Path, "//") {
		return "/"
	}
	return path
}

// comeBack sends the browser to a path that SafeReturnTo has passed, as it is:
// http.Redirect would tidy it, and /a//b may be another page than /a/b.
func comeBack(w http.ResponseWriter, path string) {
	w.Header().Set("Location", path)
	w.WriteHeader(http.StatusSeeOther)
}
