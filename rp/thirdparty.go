package rp

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/tandem-sso/tandem/rp/internal/loginflow"
)

// asked is what a log-in's address asks for, and with Config.ThirdPartyLogin its form.
// Its errors are *LoginError.
func (s *starts) asked(w http.ResponseWriter, r *http.Request) (q url.Values, opts []LoginOption, err error) {
	q = r.URL.Query()
	posted := s.postedElsewhere(r)
	if posted {
		if q, err = loginflow.Posted(w, r); err != nil {
			return nil, nil, badLogin("failed-link", err)
		}
	}
	switch {
	case !s.cfg.ThirdPartyLogin:
		if q.Has("iss") {
			s.journal.spend("another site has started a log-in (iss in its address); it " +
				"leads to no page and takes no hint unless Config.ThirdPartyLogin is set")
		}
		return q, nil, nil
	case !posted && !q.Has("iss"):
		return q, nil, nil
	}
	q, hint, err := s.thirdParty().Read(r, q)
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
func (s *starts) postedElsewhere(r *http.Request) bool {
	return s.cfg.ThirdPartyLogin && r.Method == http.MethodPost && r.URL.Path == s.cfg.Prefix+"/login"
}

func (s *starts) thirdParty() *loginflow.ThirdParty {
	return &loginflow.ThirdParty{Issuer: s.cfg.Issuer, Names: s.cfg.LoginQuery, Site: s.site}
}
