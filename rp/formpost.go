package rp

import (
	"net/http"
	"net/url"
	"slices"

	"github.com/tandem-sso/tandem/rp/internal/idp"
	"github.com/tandem-sso/tandem/rp/internal/loginflow"
	"github.com/tandem-sso/tandem/rp/internal/page"
)

// byFormPost reports whether the IdP is to post its answer.
func (p *RelyingParty) byFormPost() bool {
	modes := p.idp.At().ResponseModes
	return p.cfg.ResponseMode == idp.FormPost ||
		p.cfg.ResponseMode == "" && slices.Contains(modes, idp.FormPost) && !slices.Contains(modes, "query")
}

// postAgain is a page that posts the IdP's answer from this app's own origin, with the
// cookies.
func (p *RelyingParty) postAgain(w http.ResponseWriter, r *http.Request, params url.Values) error {
	return p.pages.Write(w, r, page.Page{Title: "almost-title", Advice: []page.Word{"almost"},
		Form: &page.Form{Action: p.site.Endpoint("/callback"), Fields: loginflow.PostAgain(params), Button: "to-continue",
			Script: page.AtOnce, Own: true}})
}
