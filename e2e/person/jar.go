package person

import (
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
)

// jar is net/http's, but takes Secure cookies over plain http from this machine,
// as browsers do (W3C Secure Contexts §3.1).
type jar struct{ *cookiejar.Jar }

func newJar() jar {
	j, _ := cookiejar.New(nil) // cannot fail
	return jar{j}
}

func (j jar) SetCookies(u *url.URL, cookies []*http.Cookie) { j.Jar.SetCookies(secured(u), cookies) }

func (j jar) Cookies(u *url.URL) []*http.Cookie { return j.Jar.Cookies(secured(u)) }

func secured(u *url.URL) *url.URL {
	if u.Scheme != "http" || !thisMachine(u.Hostname()) {
		return u
	}
	v := *u
	v.Scheme = "https"
	return &v
}

func thisMachine(host string) bool {
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback() || host == "localhost" || strings.HasSuffix(host, ".localhost")
}
