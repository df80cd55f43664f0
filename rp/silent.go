package rp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/record"
	"github.com/tandem-sso/tandem/rp/internal/verdict"
)

// confirmSilently handles a prompt=none round trip that succeeded: the IdP
// session lives. If it is another person's now, ours is over.
func (p *RelyingParty) confirmSilently(w http.ResponseWriter, r *http.Request, f *flow, got *tokens) error {
	ctx, cancel := p.detached(r.Context())
	defer cancel()
	key, ok := p.sessionKey(r.Header)
	if !ok {
		return p.begin(w, r, f, got)
	}
	st, err := p.load(ctx, key)
	var (
		trouble *UnavailableError
		ended   *EndedError
	)
	switch {
	case errors.As(err, &trouble):
		return err
	case errors.As(err, &ended):
		return p.overtaken(w, f, got, ended.Reason)
	case err != nil, st.data.Subject != got.id.Subject:
		return p.begin(w, r, f, got) // a new session, a new id; the old one is replaced
	}
	// The IdP has looked at its session within this round trip. Not its beginning
	// counts but now: a round trip longer than TrustFor would never come to an end.
	confirmed := p.now()
	_, err = p.commitTokens(ctx, st, func(d *record.Data) {
		got.apply(d)
		p.keepOnly(d)
		heard(d, confirmed, true, true)
	})
	switch {
	case errors.As(err, &ended):
		return p.overtaken(w, f, got, ended.Reason)
	case errors.Is(err, ErrAnonymous):
		return p.overtaken(w, f, got, "")
	case err != nil:
		return err
	}
	p.signalled(key, "prompt=none", verdict.OK, nil)
	comeBack(w, f.returnTo)
	return nil
}

// overtaken handles a round trip whose session has ended meanwhile, perhaps by a
// logout in another tab: it must not begin a new one (C5). The page decides.
func (p *RelyingParty) overtaken(w http.ResponseWriter, f *flow, got *tokens, reason Reason) error {
	p.orphaned(got, record.Data{Subject: got.id.Subject, SID: got.id.SID}, reason)
	comeBack(w, f.returnTo)
	return nil
}

// silentRefused handles a prompt=none round trip that failed. Only the errors
// that mean "there is no session" end ours (Core §3.1.2.6, SM-04); trouble at the
// IdP is not a logout.
func (p *RelyingParty) silentRefused(w http.ResponseWriter, r *http.Request, f *flow, code string) error {
	key, ok := p.sessionKey(r.Header)
	cause := fmt.Errorf("the silent check was answered with %s", clean(code))
	switch code {
	case "login_required", "interaction_required", "consent_required", "account_selection_required":
		if ok {
			if err := p.silentlyRejected(r, f, key, cause); err != nil {
				return err
			}
		}
		comeBack(w, f.returnTo) // the page decides whether to log in
		return nil
	}
	if ok {
		p.signalled(key, "prompt=none", verdict.Retry, cause)
	}
	return &UnavailableError{RetryAfter: 5 * time.Second, Err: cause}
}

// silentlyRejected ends the session that a refused check was about. One that the
// IdP has vouched for since the check began, by a log-in in another tab perhaps,
// is not meant: that word is the newer one.
func (p *RelyingParty) silentlyRejected(r *http.Request, f *flow, key Key, cause error) error {
	ctx, cancel := p.detached(context.WithoutCancel(r.Context()))
	defer cancel()
	st, err := p.load(ctx, key)
	if err == nil && st.data.Confirmed.Before(f.begun) {
		p.signalled(key, "prompt=none", verdict.Ended, cause)
		_, err = p.rejected(ctx, st, Unconfirmed)
	}
	if trouble := (*UnavailableError)(nil); errors.As(err, &trouble) {
		return err
	}
	return nil
}
