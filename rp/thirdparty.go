package rp

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/tandem-sso/tandem/rp/internal/web"
)

const (
	maxInitiate  = 8 << 10 // bytes of the form of a log-in that another site starts
	maxInitiated = 2 << 10 // of one field, in the address that the form leads to
)

// asked is what a log-in's address asks for, and with Config.ThirdPartyLogin its form.
// Its errors are *LoginError.
func (p *RelyingParty) asked(w http.ResponseWriter, r *http.Request) (q url.Values, opts []LoginOption, err error) {
	q = r.URL.Query()
	posted := p.postedElsewhere(r)
	if posted {
		r.Body = http.MaxBytesReader(w, r.Body, maxInitiate)
		if err := r.ParseForm(); err != nil {
			return nil, nil, badLogin("failed-link", errors.New("malformed or too large form"))
		}
		q = r.PostForm
	}
	switch {
	case !p.cfg.ThirdPartyLogin:
		if q.Has("iss") {
			p.refusals.spend(p.log, p.now(), "another site has started a log-in (iss in its address); it leads to no page and takes no hint unless Config.ThirdPartyLogin is set")
		}
		return q, nil, nil
	case !posted && !q.Has("iss"):
		return q, nil, nil
	}
	return p.initiated(r, q)
}

// postedElsewhere reports whether a request is the form of another site that starts a log-in.
func (p *RelyingParty) postedElsewhere(r *http.Request) bool {
	return p.cfg.ThirdPartyLogin && r.Method == http.MethodPost && r.URL.Path == p.cfg.Prefix+"/login"
}

// askAgain leads to the same log-in by GET. Browsers send no SameSite=Lax cookie with the form
// of another site, so nothing could drop the older ones of the log-ins that it starts: enough
// of them push the session's out of the browser, or make its header too large for proxies.
func (p *RelyingParty) askAgain(w http.ResponseWriter, form url.Values) {
	q := url.Values{}
	for _, name := range append([]string{"iss", "login_hint", "target_link_uri"}, p.cfg.LoginQuery...) {
		if value := form.Get(name); value != "" && len(value) <= maxInitiated {
			q.Set(name, value)
		}
	}
	web.SeeOther(w, p.site.Endpoint("/login")+"?"+q.Encode())
}

// initiated is a log-in that another site has started (OpenID Connect Core 1.0 §4). Where
// it leads to is a page of this app, whoever asks; what it may ask for beside is
// login_hint, and what Config.LoginQuery lets anybody ask for.
func (p *RelyingParty) initiated(r *http.Request, q url.Values) (url.Values, []LoginOption, error) {
	for _, name := range []string{"iss", "login_hint", "target_link_uri"} {
		if len(q[name]) > 1 {
			return nil, nil, badLogin("failed-link", errors.New(name+" stands twice"))
		}
	}
	if q.Get("iss") != p.cfg.Issuer {
		return nil, nil, badLogin("failed-elsewhere", errors.New("iss is missing or is not Config.Issuer"))
	}
	out := url.Values{"iss": q["iss"], "return_to": {p.site.OwnPath(r, q.Get("target_link_uri"), p.site.Home())}}
	for _, name := range p.cfg.LoginQuery {
		if q.Has(name) {
			out[name] = q[name]
		}
	}
	if hint := q.Get("login_hint"); hint != "" && len(hint) <= maxHinted {
		return out, []LoginOption{LoginParam("login_hint", hint)}, nil
	}
	return out, nil, nil
}

// maxHinted bounds a login_hint of another site, in bytes.
const maxHinted = 256
