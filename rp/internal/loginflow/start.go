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
	maxInitiate  = 8 << 10 // bytes of the form of a log-in that another site starts
	maxInitiated = 2 << 10 // of one field, in the address that the form leads to
	maxHinted    = 256     // of a login_hint of another site

	// maxFragmentQuery bounds the query of a log-in's address that a page repeats, in bytes.
	maxFragmentQuery = 8 << 10
)

// ErrElsewhere says that a log-in is meant for another issuer.
var ErrElsewhere = errors.New("iss is missing or is not Config.Issuer")

// ThirdParty are log-ins that another site starts (OpenID Connect Core 1.0 §4).
type ThirdParty struct {
	Issuer string
	Names  []string // of the query that anybody may set
	Site   *site.App
}

// Posted is the form of another site that starts a log-in.
func Posted(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	r.Body = http.MaxBytesReader(w, r.Body, maxInitiate)
	if err := r.ParseForm(); err != nil {
		return nil, errors.New("malformed or too large form")
	}
	return r.PostForm, nil
}

// ByGet is the address of the same log-in by GET. Browsers send no SameSite=Lax cookie with
// the form of another site, so nothing could drop the older ones of the log-ins that it starts:
// enough of them push the session's out of the browser, or make its header too large for
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

// Read is what such a log-in asks for. Where it leads to is a page of this app, whoever asks;
// what it may ask for beside is login_hint, and what Names let anybody ask for.
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

// LosesFragment reports whether a log-in could lose the fragment of the page that it is to
// lead to. A browser takes a fragment along over redirects, and so it is still in the address of
// the log-in; the form of a log-in loses it. A log-in that another site has started (iss) has
// it in target_link_uri, and takes none beside.
func LosesFragment(r *http.Request, q url.Values) bool {
	return web.Navigation(r) && q.Has("return_to") && !q.Has("fragment") && !q.Has("iss") &&
		!strings.Contains(q.Get("return_to"), "#") && len(r.URL.RawQuery) <= maxFragmentQuery
}

// SentUser reports whether the browser says that a person began this log-in (ACT-05):
// now, or on the page before, whose word only a page of this app can repeat.
func SentUser(r *http.Request, q url.Values) bool {
	return classify.SendsUser(r.Header) ||
		q.Get("sent_user") == "1" && web.First(r.Header, "Sec-Fetch-Site") == "same-origin"
}
