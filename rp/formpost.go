package rp

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/engine"
	"github.com/tandem-sso/tandem/rp/internal/idp"
	"github.com/tandem-sso/tandem/rp/internal/keyset"
	"github.com/tandem-sso/tandem/rp/internal/loginflow"
	"github.com/tandem-sso/tandem/rp/internal/page"
	"github.com/tandem-sso/tandem/rp/internal/site"
	"github.com/tandem-sso/tandem/rp/reason"
)

// responses reads what the IdP answers to an authorization request.
type responses struct {
	cfg    *Config
	engine *engine.Engine
	idp    *idp.Provider
	site   *site.App
	logins *loginflow.Logins
	pages  *page.Set
}

// response is what an answer of the IdP says. signed: the IdP vouches for it, and nothing else
// of the answer counts.
type response struct {
	params url.Values
	signed bool
}

// read returns the answer. done: the response is written; it asks the browser to send the
// answer once more, with its cookies. Errors: *LoginError, *UnavailableError.
func (a *responses) read(w http.ResponseWriter, r *http.Request) (got response, done bool, err error) {
	raw, err := loginflow.CallbackParams(w, r)
	if err != nil {
		return response{}, false, badLogin("failed-link", err)
	}
	got = response{raw, raw.Has("response")}
	if got.signed {
		if got.params, err = a.unsigned(r.Context(), raw); err != nil {
			return response{}, false, err
		}
	}
	if a.logins.LacksCookies(r, got.params) {
		return response{}, true, a.postAgain(w, r, raw)
	}
	return got, false, nil
}

// isOurs: an answer of another IdP is not used (RFC 9207 §2.4), nor is its error believed.
func (a *responses) isOurs(params url.Values) error {
	iss := params.Get("iss")
	if iss != a.cfg.Issuer && (iss != "" || a.idp.At().IssInResponse || a.cfg.Profile != "") {
		return badLogin("failed-issuer", errors.New("iss is missing or is not Config.Issuer"))
	}
	return nil
}

// sessionState is the answer's session_state, where the IdP has a frame to ask about it.
func (a *responses) sessionState(params url.Values) string {
	if a.idp.At().CheckSession == "" {
		return ""
	}
	return loginflow.SessionState(params)
}

// unsigned returns what the signature of the IdP's answer covers, and nothing else. The log-in
// in flight says whether the answer has to be signed: see flows.take.
func (a *responses) unsigned(ctx context.Context, params url.Values) (url.Values, error) {
	ctx, cancel := a.engine.DetachedFor(ctx, a.cfg.WaitFor)
	defer cancel()
	inside, err := a.idp.Response(ctx, params.Get("response"))
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
func (a *responses) postAgain(w http.ResponseWriter, r *http.Request, params url.Values) error {
	return a.pages.Write(w, r, page.Page{Title: "almost-title", Advice: []page.Word{"almost"},
		Form: &page.Form{Action: a.site.Endpoint("/callback"), Fields: loginflow.PostAgain(params),
			Button: "to-continue",
			Script: page.AtOnce, Own: true}})
}
