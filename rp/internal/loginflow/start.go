package loginflow

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/tandem-sso/tandem/rp/internal/classify"
	"github.com/tandem-sso/tandem/rp/internal/site"
	"github.com/tandem-sso/tandem/rp/internal/web"
)

const (
	maxInitiate  = 8 << 10 // bytes of a form by which another site starts a log-in
	maxInitiated = 2 << 10 // bytes of one field of it
	maxHinted    = 256     // bytes of a login_hint from another site

	// maxFragmentQuery bounds the query that the page for fragments repeats, in bytes.
	maxFragmentQuery = 8 << 10
)

// ErrElsewhere means that a log-in is for another issuer.
var ErrElsewhere = errors.New("iss is missing or is not Config.Issuer")

// ThirdParty are log-ins that another site starts (OpenID Connect Core 1.0 §4).
type ThirdParty struct {
	Issuer string
	Names  []string // Config.LoginQuery: the parameters that anybody may set
	Site   *site.App
}

// Posted reads the form by which another site starts a log-in.
func Posted(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	r.Body = http.MaxBytesReader(w, r.Body, maxInitiate)
	if err := r.ParseForm(); err != nil {
		return nil, errors.New("malformed or too large form")
	}
	return r.PostForm, nil
}

// ByGet returns the address of the same log-in by GET. Browsers send no SameSite=Lax cookie with a
// form of another site, so the cookies of older log-ins could not be found and deleted. Too many of
// them push the session's cookie out of the browser, or make the Cookie header too large for
// proxies.
func (t *ThirdParty) ByGet(form url.Values) string {
	q := url.Values{}
	for _, name := range append([]string{"iss", "login_hint", "target_link_uri"}, t.Names...) {
		if value := form.Get(name); value != "" && len(value) <= maxInitiated {
			q.Set(name, value)
		}
	}
	return t.Site.Endpoint("/login") + "?" + q.Encode()
}

// Read returns the parameters of such a log-in. It always leads to a page of this app. Besides
// that, it may set login_hint and the parameters of Names.
func (t *ThirdParty) Read(r *http.Request, q url.Values) (asked url.Values, hint string, err error) {
	for _, name := range []string{"iss", "login_hint", "target_link_uri"} {
		if len(q[name]) > 1 {
			return nil, "", errors.New(name + " stands twice")
		}
	}
	if q.Get("iss") != t.Issuer {
		return nil, "", ErrElsewhere
	}
	asked = url.Values{"iss": q["iss"], "return_to": {t.Site.OwnPath(r, q.Get("target_link_uri"), t.Site.Home())}}
	for _, name := range t.Names {
		if q.Has(name) {
			asked[name] = q[name]
		}
	}
	if hint = q.Get("login_hint"); len(hint) > maxHinted {
		hint = ""
	}
	return asked, hint, nil
}

// LosesFragment reports whether a log-in could lose the fragment of the page that it leads to. A
// browser keeps a fragment over redirects, so it is still in the address of the log-in; the form at
// the IdP loses it. A log-in that another site has started (iss) has its fragment in
// target_link_uri.
func LosesFragment(r *http.Request, q url.Values) bool {
	return web.Navigation(r) && q.Has("return_to") && !q.Has("fragment") && !q.Has("iss") &&
		!strings.Contains(q.Get("return_to"), "#") && len(r.URL.RawQuery) <= maxFragmentQuery
}

// SentUser reports whether the browser says that a person began this log-in (ACT-05): in this
// request, or in the one before, which only a page of this app may report (sent_user).
func SentUser(r *http.Request, q url.Values) bool {
	return classify.SendsUser(r.Header) ||
		q.Get("sent_user") == "1" && web.First(r.Header, "Sec-Fetch-Site") == "same-origin"
}
