package rp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/engine"
	"github.com/tandem-sso/tandem/rp/internal/idp"
	"github.com/tandem-sso/tandem/rp/internal/loginflow"
	"github.com/tandem-sso/tandem/rp/internal/verdict"
	"github.com/tandem-sso/tandem/rp/reason"
)

// sentTo is where the browser goes with an authorization request: to the URL that has all
// of it, perhaps signed, or, once it is pushed, to one that names it (RFC 9126 §4). There is
// no way back from the second to the first: what is in addresses can be read and changed
// (PAR-01).
func (p *RelyingParty) sentTo(ctx context.Context, f *loginflow.Flow, whole string) (string, error) {
	at := p.idp.At()
	if !at.Pushes && !at.Signs {
		return whole, nil
	}
	params, err := url.ParseQuery(strings.TrimLeft(strings.TrimPrefix(whole, at.AuthURL), "?&"))
	if err != nil {
		return "", err
	}
	if at.Signs {
		if params, err = p.idp.SignedRequest(params); err != nil {
			return "", laterFor(f, &UnavailableError{RetryAfter: time.Second, Cause: reason.Busy, Err: err})
		}
	}
	if !at.Pushes {
		return at.AuthURL + joint(at.AuthURL) + params.Encode(), nil
	}
	ctx, cancel := p.engine.DetachedFor(ctx, p.cfg.WaitFor)
	defer cancel()
	name, out := at.Client.Push(ctx, params)
	if out.Err != nil {
		return "", p.notPushed(f, out)
	}
	short := url.Values{"client_id": {p.cfg.ClientID}, "request_uri": {name}}
	return at.AuthURL + joint(at.AuthURL) + short.Encode(), nil
}

func joint(address string) string {
	if strings.Contains(address, "?") {
		return "&"
	}
	return "?"
}

// errNotPushed says: the IdP refuses the request of a silent check, perhaps for its hint, as
// at invalid_request of the authorization endpoint. A log-in sends none.
var errNotPushed = errors.New("the IdP does not take a silent check")

// notPushed describes a request that the IdP has not taken. At a silent check somebody is
// logged in, and stays so.
func (p *RelyingParty) notPushed(f *loginflow.Flow, out idp.Outcome) error {
	if f.Silent && out.Fault == verdict.None && out.Status >= 400 && out.Status < 500 &&
		out.Status != http.StatusTooManyRequests && !verdict.ClientWide(out.Answer) {
		return fmt.Errorf("%w: %w", errNotPushed, out.Err)
	}
	if f.Silent || out.Fault != verdict.None || out.Status >= 500 || out.Status == http.StatusTooManyRequests {
		return laterFor(f, &UnavailableError{RetryAfter: max(out.RetryAfter, time.Second), Cause: engine.WhoFails(&out),
			Err: out.Err})
	}
	p.log.Error("this client and the IdP do not fit", "error", out.Err)
	return loginFailed(http.StatusBadGateway, out.Err, "failed-client", "advice-tell")
}
