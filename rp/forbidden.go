package rp

import (
	"net/http"

	"github.com/tandem-sso/tandem/rp/internal/page"
	"github.com/tandem-sso/tandem/rp/internal/web"
)

// forbidden is the answer to ErrForbidden: the app's own (Config.Forbidden), else a page
// that offers another account, or JSON.
func (p *RelyingParty) forbidden(r *http.Request) Answer {
	const code = "forbidden"
	a := p.refuse(r, http.StatusForbidden, code, page.Page{Title: "forbidden-title", Advice: []page.Word{"forbidden"},
		Link: p.otherAccount(p.site.Back(r)), LinkText: "to-another"})
	if p.cfg.Forbidden == nil {
		return a
	}
	own := web.NewMemory(http.StatusForbidden)
	web.NoStore(own.Header())
	own.Header().Set(ErrorHeader, code)
	p.cfg.Forbidden.ServeHTTP(own, r)
	return Answer{Status: own.Status(), Header: own.Header(), Body: own.Body()}
}
