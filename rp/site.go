package rp

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/tandem-sso/tandem/rp/internal/weburl"
)

// sites are the names of this app, and the path below which browsers see it.
type sites struct {
	path string // of each BaseURL: a proxy takes it away. Empty: none
	main *site
	more map[string]*site // those of Config.BaseURLs, by host and port
}

// site is this app under one name.
type site struct {
	base string // as Config has it
	*origins
}

func newSites(c *Config) (*sites, error) {
	s := &sites{path: pathOf(c.BaseURL), more: map[string]*site{}}
	for i, base := range append([]string{c.BaseURL}, c.BaseURLs...) {
		o, err := newOrigins(base, c.TrustedOrigins)
		if err != nil {
			return nil, err
		}
		one := &site{base, o}
		if i == 0 {
			s.main = one
		} else if o.own != s.main.own {
			_, host, _ := strings.Cut(o.own, "://")
			s.more[host] = one
		}
	}
	return s, nil
}

// of is the site that a request was made to. A name that nobody has configured is taken
// for Config.BaseURL's: a proxy may have put it there.
func (s *sites) of(r *http.Request) *site {
	one, _ := s.named(r.Host)
	return one
}

func (s *sites) named(host string) (_ *site, known bool) {
	if one := s.more[host]; one != nil { // without allocation: browsers write it so
		return one, true
	}
	if len(s.more) == 0 {
		return s.main, false
	}
	scheme, _, _ := strings.Cut(s.main.own, "://")
	_, plain, _ := strings.Cut(weburl.Origin(scheme+"://"+host), "://")
	if one := s.more[plain]; one != nil {
		return one, true
	}
	return s.main, false
}

// outside is how browsers see a path of this app.
func (s *sites) outside(path string) string { return s.path + path }

// home is the page that is shown for want of a better one.
func (s *sites) home() string { return s.path + "/" }

// inside is a path that came from outside, if it leads to a page of this app, else its
// home. One that does not begin with the path of BaseURL gets it in front, so nothing
// leads to another app of this host.
func (s *sites) inside(raw string) string {
	to := SafeReturnTo(raw)
	if s.path == "" {
		return to
	}
	if !s.covers(to) {
		to = s.path + to
	}
	if len(to) > maxReturnTo || climbs(to) {
		return s.home()
	}
	return to
}

// covers reports whether a path lies below the path of BaseURL.
func (s *sites) covers(path string) bool {
	rest, ok := strings.CutPrefix(path, s.path)
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

// pathOf is the path of a URL that checkBase has passed.
func pathOf(base string) string {
	u, err := url.Parse(base)
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(u.EscapedPath(), "/")
}

// checkBase accepts scheme, host and a plain path.
func checkBase(raw string, allowHTTP bool) error {
	if err := weburl.CheckPlain(raw, allowHTTP); err != nil {
		return err
	}
	if p := pathOf(raw); p != "" && (!plainPath.MatchString(p) || path.Clean(p) != p) {
		return fmt.Errorf("is %q; its path must be a plain one such as /app", raw)
	}
	return nil
}

// checkFurther accepts a further name of the app at base.
func checkFurther(raw, base string, allowHTTP bool) error {
	if err := checkBase(raw, allowHTTP); err != nil {
		return err
	}
	scheme, _, _ := strings.Cut(weburl.Origin(base), "://")
	if pathOf(raw) != pathOf(base) || !strings.HasPrefix(weburl.Origin(raw), scheme+"://") {
		return fmt.Errorf("is %q; scheme and path must be those of BaseURL (%s)", raw, base)
	}
	return nil
}

// isOpen reports whether browsers reach this app by http over a network. Then they keep
// no Secure cookie, and none whose name begins with __Host- (RFC 6265bis §4.1.3). On
// loopback they do.
func (c *Config) isOpen() bool {
	for _, base := range append([]string{c.BaseURL}, c.BaseURLs...) {
		u, err := url.Parse(base)
		if err == nil && u.Scheme == "http" && !weburl.IsLoopback(weburl.Host(u)) {
			return true
		}
	}
	return false
}

const hostPrefix = "__Host-"

// cookieName is the name of the session cookie. The prefix __Host- demands Path=/, so it
// is the name that keeps apps apart that share a host: "+" can stand in a cookie's name
// and not in the path of a BaseURL, nor in the id at the end of a log-in's cookie.
func (c *Config) cookieName() (string, error) {
	name := strings.TrimPrefix(c.CookieName, hostPrefix)
	if name == "" {
		name = strings.TrimPrefix(strings.ReplaceAll(pathOf(c.BaseURL)+"/tandem", "/", "+"), "+")
	}
	if !c.isOpen() {
		name = hostPrefix + name
	}
	if (&http.Cookie{Name: name, Value: "x"}).Valid() != nil {
		return "", errors.New("is not a valid cookie name")
	}
	return name, nil
}

// judgeSites says what is wrong with where the app runs.
func judgeSites(c *Config) []Finding {
	if !c.isOpen() {
		return nil
	}
	return []Finding{{Code: "plain_http", Serious: true, Text: "Browsers reach this app by plain http " +
		"(Config.InsecureAllowHTTP): whoever listens on the network reads the session cookie and can act as that person. " +
		"The cookies are not Secure and their names have no __Host- prefix, so another site of this domain can set " +
		"them, too. Pages have no Web Locks and no WebCrypto: every tab holds a stream of its own, and what was typed " +
		"is not kept over the end of a session. Use https."}}
}
