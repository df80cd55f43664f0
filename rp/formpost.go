package rp

import (
	"net/http"
	"net/url"
	"slices"

	"github.com/tandem-sso/tandem/rp/internal/idp"
	"github.com/tandem-sso/tandem/rp/internal/page"
)

// byFormPost reports whether the IdP is to post its answer.
func (p *RelyingParty) byFormPost() bool {
	modes := p.idp.At().ResponseModes
	return p.cfg.ResponseMode == idp.FormPost ||
		p.cfg.ResponseMode == "" && slices.Contains(modes, idp.FormPost) && !slices.Contains(modes, "query")
}

// postedAgain marks what the callback's own page has posted.
const postedAgain = "tandem_again"

// lacksCookies reports whether an answer of the IdP came by a form of another site, to
// which browsers add no SameSite=Lax cookie. The own page posts it once more, once. It
// finishes nothing by itself: the state is looked at, and the cookie is demanded, as at
// any other callback.
func (p *RelyingParty) lacksCookies(r *http.Request, params url.Values) bool {
	if r.Method != http.MethodPost || params.Has(postedAgain) {
		return false
	}
	id, _, ok := p.logins.ReadState(params.Get("state"))
	if !ok {
		return false // nobody's log-in
	}
	return !p.logins.IsSent(r, id)
}

// postAgain is a page that posts the IdP's answer from this app's own origin, with the
// cookies. Only what the callback reads goes along, and Apple's user, which comes with the
// first answer alone.
func (p *RelyingParty) postAgain(w http.ResponseWriter, r *http.Request, params url.Values) error {
	fields := url.Values{postedAgain: {"1"}}
	for _, name := range []string{"state", "code", "iss", "error", "user"} {
		if params.Has(name) {
			fields.Set(name, params.Get(name))
		}
	}
	return p.pages.Write(w, r, page.Page{Title: "almost-title", Advice: []page.Word{"almost"},
		Form: &page.Form{Action: p.site.Endpoint("/callback"), Fields: fields, Button: "to-continue", Script: page.AtOnce, Own: true}})
}
