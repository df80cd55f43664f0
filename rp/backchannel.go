package rp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/tandem-sso/tandem/rp/event"
	"github.com/tandem-sso/tandem/rp/internal/checkup"
	"github.com/tandem-sso/tandem/rp/internal/engine"
	"github.com/tandem-sso/tandem/rp/internal/idp"
	"github.com/tandem-sso/tandem/rp/internal/keyset"
	"github.com/tandem-sso/tandem/rp/internal/logouttoken"
	"github.com/tandem-sso/tandem/rp/internal/names"
	"github.com/tandem-sso/tandem/rp/internal/web"
	"github.com/tandem-sso/tandem/rp/store"
)

const maxLogoutBody = 64 << 10

// logoutTokens are the log-outs that the IdP tells of.
type logoutTokens struct {
	cfg     *Config
	engine  *engine.Engine
	idp     *idp.Provider
	party   *names.Party
	journal *journal
}

// serve receives logout tokens from the IdP (OpenID Connect
// Back-Channel Logout 1.0 §2.5). It depends on no cookie. Its only error is a
// *requestError; nil means 200 was written, also for a session that is not known
// (§2.7). A token by a key that is not known is answered 503 with Retry-After for 10 s
// after the IdP's keys were read; they are read again when they are an hour old, or as
// old as the IdP's Cache-Control allows, a minute at least.
func (t *logoutTokens) serve(w http.ResponseWriter, r *http.Request) error {
	web.NoStore(w.Header()) // BCL-23
	began := time.Now()
	err := t.receive(w, r)
	if fn := t.cfg.Events.Timed; fn != nil && !checkup.IsOwn(r) {
		fn(r.Context(), event.Timed{What: event.TimedLogoutToken, Outcome: carriedOut(err), Took: time.Since(began)})
	}
	if bad := (*requestError)(nil); errors.As(err, &bad) && bad.RetryAfter == 0 && !checkup.IsOwn(r) {
		t.journal.refused(event.RefusedLogoutToken, bad.Err) // the reason, nothing of the token (BCL-25)
	}
	return err
}

func (t *logoutTokens) receive(w http.ResponseWriter, r *http.Request) error {
	if web.ContentType(r.Header) != "application/x-www-form-urlencoded" {
		return badLogout(errors.New("not a form (application/x-www-form-urlencoded)"))
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxLogoutBody))
	if err != nil {
		return badLogout(errors.New("malformed or too large form"))
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return badLogout(errors.New("malformed or too large form"))
	}
	raw := form["logout_token"]
	if len(raw) != 1 { // BCL-03
		return badLogout(errors.New("exactly one logout_token is needed"))
	}
	ctx, cancel := t.engine.Detached(r.Context())
	defer cancel()
	c := t.cfg
	signed, err := t.idp.Opened(raw[0])
	if err != nil {
		return badLogout(fmt.Errorf("the logout token: %w", err)) // BCL-04
	}
	token, err := logouttoken.Verify(ctx, signed, logouttoken.Want{
		Issuer: c.Issuer, ClientID: c.ClientID, Alg: c.IDTokenAlg, Keys: t.idp.Keys.Limited(c.IDTokenAlg),
		Now: c.Now(), Skew: c.Skew, Strict: c.StrictLogoutToken, TrustedAudiences: c.TrustedAudiences,
	})
	if err != nil {
		var down *keyset.UnavailableError
		switch {
		case !errors.As(err, &down):
			return badLogout(err)
		case down.RetryAfter > 0:
			return t.notYet(down)
		}
		return t.failed(err)
	}
	return t.carryOut(ctx, w, token)
}

func (t *logoutTokens) carryOut(ctx context.Context, w http.ResponseWriter, token *logouttoken.Token) error {
	which := meantBy(token.IssuedAt, t.engine.Now(), t.cfg.Skew)
	ended, err := t.engine.EndByToken(ctx, token, which)
	if errors.Is(err, engine.ErrOtherSession) {
		return badLogout(err)
	}
	if err != nil {
		t.engine.EndLater(token, which)
		return t.failed(err)
	}
	// Only after the log-out, so that a token whose logout failed can be sent again.
	err = t.cfg.Store.Once(ctx, t.party.Once("jti", token.ID), token.Until)
	if errors.Is(err, store.ErrConflict) && t.cfg.StrictLogoutToken {
		return badLogout(errors.New("the jti was used before"))
	}
	t.journal.log.Debug("logout token accepted", "sessions", len(ended))
	w.WriteHeader(http.StatusOK) // the conformance suite wants 200, not 204
	return nil
}

// meantBy says which sessions a logout token that was issued at iat ends (BCL-18).
// Of the living those whose log-in the IdP had answered by then: both times are the
// IdP's, so it does not matter how its clock differs from ours. A log-in under way is
// refused if the IdP answers it with an ID token older than the log-out, or if it has
// started by then: that is our time, so the clocks may differ by skew. None that
// starts from now on is refused: its ID token is not older, and begunBy is not later
// than now.
func meantBy(iat, now time.Time, skew time.Duration) store.Selector {
	begunBy := iat.Add(skew)
	if begunBy.After(now) {
		begunBy = now
	}
	return store.Selector{IssuedBy: iat, BegunBy: begunBy}
}

// carriedOut returns the outcome of a logout token, in the words of event.Timed.
func carriedOut(err error) string {
	bad := (*requestError)(nil)
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &bad) && bad.RetryAfter == 0:
		return "refused"
	}
	return "failed"
}

func badLogout(err error) error {
	return &requestError{Status: http.StatusBadRequest, Code: "invalid_request", Err: err}
}

// notYet answers a token by a key that nobody knows and that cannot be looked for yet.
// It may be a rightful one, so it is not called invalid: 503 without a switch (BCL-21).
func (t *logoutTokens) notYet(err *keyset.UnavailableError) error {
	t.journal.refused("a logout token cannot be checked yet", err)
	return &requestError{Status: http.StatusServiceUnavailable, Code: "temporarily_unavailable",
		Err: errors.New("the logout token cannot be checked yet"), RetryAfter: err.RetryAfter}
}

// failed is 400 by the letter (§2.8); IdPs that deliver again do so after a
// 5xx only. The cause is for the log: it may name what is inside this system.
func (t *logoutTokens) failed(err error) error {
	t.journal.refused(event.FailedLogoutToken, err)
	status := http.StatusBadRequest
	if t.cfg.LogoutRetry503 {
		status = http.StatusServiceUnavailable
	}
	return &requestError{Status: status, Code: "temporarily_unavailable",
		Err: errors.New("the log-out cannot be carried out now"), RetryAfter: 5 * time.Second}
}
