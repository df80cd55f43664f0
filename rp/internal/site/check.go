package site

import (
	"fmt"
	"net/url"
	"path"
	"regexp"
	"strings"

	"github.com/tandem-sso/tandem/rp/internal/weburl"
)

// PathOf returns the path of a URL that CheckBase has accepted.
func PathOf(base string) string {
	u, err := url.Parse(base)
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(u.EscapedPath(), "/")
}

// CheckBase accepts a URL with scheme, host and a plain path. Its errors continue a sentence that
// begins with the name of the field.
func CheckBase(raw string, allowHTTP bool) error {
	if err := weburl.CheckPlain(raw, allowHTTP); err != nil {
		return err
	}
	if p := PathOf(raw); p != "" && !IsPlainPath(p) {
		return fmt.Errorf("is %q; its path must be a plain one such as /app", raw)
	}
	return nil
}

// CheckFurther accepts another URL of the app at base.
func CheckFurther(raw, base string, allowHTTP bool) error {
	if err := CheckBase(raw, allowHTTP); err != nil {
		return err
	}
	scheme, _, _ := strings.Cut(weburl.Origin(base), "://")
	if PathOf(raw) != PathOf(base) || !strings.HasPrefix(weburl.Origin(raw), scheme+"://") {
		return fmt.Errorf("is %q; scheme and path must be those of BaseURL (%s)", raw, base)
	}
	return nil
}

// IsPlainPath accepts a path that browsers, routers and our own pages read in the same way. (For
// some routers /{x} is a pattern.)
func IsPlainPath(p string) bool { return plainPath.MatchString(p) && path.Clean(p) == p }

var plainPath = regexp.MustCompile(`^(/[A-Za-z0-9._~-]+)+$`)

// IsOpen reports whether browsers reach this address by http over a network. There they store no
// Secure cookie, and no cookie whose name begins with __Host- (RFC 6265bis §4.1.3). On loopback
// they store both.
func IsOpen(base string) bool {
	u, err := url.Parse(base)
	return err == nil && u.Scheme == "http" && !weburl.IsLoopback(weburl.Host(u))
}
