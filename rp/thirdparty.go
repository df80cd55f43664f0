package rp

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/tandem-sso/tandem/rp/internal/loginflow"
)

// asked is what a log-in's address asks for, and with Config.ThirdPartyLogin its form.
// Its errors are *LoginError.
func (p *RelyingParty) asked(w http.ResponseWriter, r *http.Request) (q url.Values, opts []LoginOption, err error) {
	q = r.URL.Query()
	posted := p.postedElsewhere(r)
	if posted {
		if q, err = loginflow.Posted(w, r); err != nil {
			return nil, nil, badLogin("failed-link", err)
		}
	}
	switch {
	case !p.cfg.ThirdPartyLogin:
		if q.Has("iss") {
			p.refusals.Spend(p.log, p.engine.Now(), "another site has started a log-in (iss in its address); it "+
				"leads to no page and takes no hint unless Config.ThirdPartyLogin is set")
		}
		return q, nil, nil
	case !posted && !q.Has("iss"):
		return q, nil, nil
	}
	q, hint, err := p.thirdParty().Read(r, q)
	switch {
	case errors.Is(err, loginflow.ErrElsewhere):
		return nil, nil, badLogin("failed-elsewhere", err)
	case err != nil:
		return nil, nil, badLogin("failed-link", err)
	case hint != "":
		opts = []LoginOption{LoginParam("login_hint", hint)}
	}
	return q, opts, nil
}

// postedElsewhere reports whether a request is the form of another site that starts a log-in.
func (p *RelyingParty) postedElsewhere(r *http.Request) bool {
	return p.cfg.ThirdPartyLogin && r.Method == http.MethodPost && r.URL.Path == p.cfg.Prefix+"/login"
}

func (p *RelyingParty) thirdParty() *loginflow.ThirdParty {
	return &loginflow.ThirdParty{Issuer: p.cfg.Issuer, Names: p.cfg.LoginQuery, Site: p.site}
}
