package rp

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/idp"
	"github.com/tandem-sso/tandem/rp/internal/keyset"
	"github.com/tandem-sso/tandem/rp/internal/loginflow"
	"github.com/tandem-sso/tandem/rp/internal/page"
	"github.com/tandem-sso/tandem/rp/reason"
)

// byFormPost reports whether the IdP is to post its answer.
func (p *RelyingParty) byFormPost() bool { return idp.Posts(p.responseMode()) }

// responseMode is what the authorization request says; empty: what is usual, query.
func (p *RelyingParty) responseMode() string {
	mode, modes := p.cfg.ResponseMode, p.idp.At().ResponseModes
	switch {
	case idp.IsJARM(mode), mode == idp.FormPost:
		return mode
	case mode == "" && slices.Contains(modes, idp.FormPost) && !slices.Contains(modes, "query"):
		return idp.FormPost
	}
	return ""
}

// unsigned is the IdP's answer as it is read: where it was to be signed, what the signature
// vouches for, and nothing else.
func (p *RelyingParty) unsigned(ctx context.Context, params url.Values) (url.Values, error) {
	if !idp.IsJARM(p.cfg.ResponseMode) {
		return params, nil
	}
	ctx, cancel := p.engine.DetachedFor(ctx, p.cfg.WaitFor)
	defer cancel()
	inside, err := p.idp.Response(ctx, params.Get("response"))
	if down := (*keyset.UnavailableError)(nil); errors.As(err, &down) {
		return nil, &UnavailableError{RetryAfter: max(down.RetryAfter, time.Second), Cause: reason.IdPFails, Err: err}
	}
	if err != nil {
		return nil, badLogin("failed-trust", err)
	}
	if v := params.Get(loginflow.PostedAgain); v != "" {
		inside.Set(loginflow.PostedAgain, v)
	}
	return inside, nil
}

// postAgain is a page that posts the IdP's answer from this app's own origin, with the
// cookies.
func (p *RelyingParty) postAgain(w http.ResponseWriter, r *http.Request, params url.Values) error {
	return p.pages.Write(w, r, page.Page{Title: "almost-title", Advice: []page.Word{"almost"},
		Form: &page.Form{Action: p.site.Endpoint("/callback"), Fields: loginflow.PostAgain(params),
			Button: "to-continue",
			Script: page.AtOnce, Own: true}})
}
