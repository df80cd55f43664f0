package idpmock

import (
	"net/http"
	"net/url"
)

// The provider's cookies. Browsers do not tell the ports of one host apart (RFC 6265 §8.5), so
// the names have the issuer's port: two providers on localhost leave each other's alone.
// Providers on one port have different paths.
const (
	cookieSession = "idpmock.session"
	cookieBrowser = "idpmock.browser"
	// cookieState holds the browser state for check_session_iframe. Script must
	// read it, so it is not HttpOnly; it is no credential.
	cookieState = "idpmock.state"
)

// cookieName is what a browser calls the cookie.
func (p *IDP) cookieName(name string) string { return name + "." + p.port }

// portOf is the port of a URL, also where it is the scheme's own.
func portOf(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "https":
		return "443"
	}
	return "80"
}

func (p *IDP) cookieValue(r *http.Request, name string) string {
	c, err := r.Cookie(p.cookieName(name))
	if err != nil {
		return ""
	}
	return c.Value
}

// setCookie sets a cookie that no script can read, and deletes it where value is empty.
func (p *IDP) setCookie(w http.ResponseWriter, name, value string) {
	c := p.newCookie(name, value)
	c.HttpOnly = true
	http.SetCookie(w, c)
}

func (p *IDP) setStateCookie(w http.ResponseWriter, opbs string) {
	http.SetCookie(w, p.newCookie(cookieState, opbs))
}

// newCookie is a cookie for as long as the browser is open. Where the browser allows Secure it
// is SameSite=None, so that a silent prompt=none in an iframe and a cross-site POST to
// end_session work as far as the browser lets them.
func (p *IDP) newCookie(name, value string) *http.Cookie {
	c := &http.Cookie{Name: p.cookieName(name), Value: value, Path: or(p.path, "/"), SameSite: http.SameSiteLaxMode}
	if p.secure {
		c.Secure, c.SameSite = true, http.SameSiteNoneMode
	}
	if value == "" {
		c.MaxAge = -1
	}
	return c
}
