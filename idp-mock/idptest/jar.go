package idptest

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
)

// jar keeps cookies with their SameSite attribute, which net/http's does not tell again: so
// there is one of those for each kind of request. A cookie without the attribute is Lax.
type jar struct{ all, lax, none *cookiejar.Jar }

func newJar() jar {
	j := func() *cookiejar.Jar { j, _ := cookiejar.New(nil); return j } // cannot fail
	return jar{j(), j(), j()}
}

func (j jar) keep(u *url.URL, cookies []*http.Cookie) {
	u = secured(u)
	for _, c := range cookies {
		gone := *c // what it replaces must not stay where it does not belong
		gone.MaxAge = -1
		lax, none := c, &gone
		switch c.SameSite {
		case http.SameSiteStrictMode:
			lax = &gone
		case http.SameSiteNoneMode:
			none = c
		}
		j.all.SetCookies(u, []*http.Cookie{c})
		j.lax.SetCookies(u, []*http.Cookie{lax})
		j.none.SetCookies(u, []*http.Cookie{none})
	}
}

func (j jar) cookies(u *url.URL, level http.SameSite) []*http.Cookie {
	of := j.all
	switch level {
	case http.SameSiteLaxMode:
		of = j.lax
	case http.SameSiteNoneMode:
		of = j.none
	}
	return of.Cookies(secured(u))
}

// secured: browsers take Secure cookies over http from loopback (Secure Contexts §3.1), and
// net/http's jar takes a *.localhost for any other host.
func secured(u *url.URL) *url.URL {
	if u.Scheme != "http" || !loopback(u.Hostname()) {
		return u
	}
	as := *u
	as.Scheme = "https"
	return &as
}
