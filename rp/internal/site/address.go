package site

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/tandem-sso/tandem/rp/internal/web"
	"github.com/tandem-sso/tandem/rp/internal/weburl"
)

// Endpoint returns the path under which browsers see one of the library's endpoints, such as
// "/login".
func (a *App) Endpoint(path string) string { return a.path + a.prefix + path }

// Callback returns the redirect URI for a request, under the name that the browser uses.
func (a *App) Callback(r *http.Request) string { return a.Of(r).Base + a.prefix + "/callback" }

// LoggedOut returns where the IdP sends the browser after a log-out, under the name that the
// browser uses.
func (a *App) LoggedOut(r *http.Request) string { return a.Of(r).Base + a.prefix + "/logged-out" }

// LoginTo returns the address of a log-in that leads to a path of this app.
func (a *App) LoginTo(path string) string {
	if path == "" {
		return a.Endpoint("/login")
	}
	return a.Endpoint("/login") + "?return_to=" + url.QueryEscape(path)
}

// Login returns the address of a log-in that leads back to where the browser was.
func (a *App) Login(r *http.Request) string { return a.LoginTo(a.Back(r)) }

// IsEndpoint reports whether a path, as the app sees it, is one of the library's own.
func (a *App) IsEndpoint(path string) bool { return strings.HasPrefix(path, a.prefix+"/") }

// IsLogin reports whether a path is a part of the log-in.
func (a *App) IsLogin(path string) bool { return path == a.prefix+"/login" || a.IsCallback(path) }

// IsCallback reports whether a path is where the IdP sends the browser.
func (a *App) IsCallback(path string) bool { return path == a.prefix+"/callback" }

// Back returns the path of the page that the browser shows or asks for. A person comes back to it
// after the log-in.
func (a *App) Back(r *http.Request) string {
	switch {
	case a.IsEndpoint(r.URL.Path):
		return a.Home() // not a page of the app
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		return a.OwnPath(r, r.Referer(), a.Home())
	}
	asked := a.Asked(r)
	if !web.KindOf(r).IsPage() { // nobody wants to come back to what a script fetched
		return a.OwnPath(r, r.Referer(), asked)
	}
	return asked
}

// Asked returns the path that a request asks for, as browsers see it.
func (a *App) Asked(r *http.Request) string { return a.Outside(SafeReturnTo(r.URL.RequestURI())) }

// OwnPath returns the path of a URL of this app, and or for any other URL.
func (a *App) OwnPath(r *http.Request, raw, or string) string {
	u, err := url.Parse(raw)
	if err != nil || weburl.OriginOf(u) != a.Of(r).own || !a.covers(u.EscapedPath()) {
		return or
	}
	return WithFragment(a.Inside(u.RequestURI()), u.EscapedFragment())
}
