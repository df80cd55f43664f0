package rp

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/tandem-sso/tandem/rp/event"
	"github.com/tandem-sso/tandem/rp/internal/engine"
	"github.com/tandem-sso/tandem/rp/internal/loginflow"
	"github.com/tandem-sso/tandem/rp/internal/site"
	"github.com/tandem-sso/tandem/rp/internal/verdict"
	"github.com/tandem-sso/tandem/rp/internal/web"
	"github.com/tandem-sso/tandem/rp/reason"
)

// callbacks takes up what the IdP answers.
type callbacks struct {
	engine     *engine.Engine // its clock
	browsers   *browsers
	site       *site.App
	responses  *responses
	flows      *flows
	exchanges  *exchanges
	checks     *checks
	beginnings *beginnings
	journal    *journal
}

// serve is the redirection endpoint: it checks the IdP's answer, fetches
// the tokens and begins a session under a new id. Its errors are *LoginError and
// *UnavailableError; nothing that the query says is repeated on a page.
func (c *callbacks) serve(w http.ResponseWriter, r *http.Request) error {
	web.NoStore(w.Header())
	err := c.finish(w, r)
	if stale := (*staleError)(nil); errors.As(err, &stale) {
		err = c.resume(w, r, stale)
	}
	if login := (*LoginError)(nil); errors.As(err, &login) {
		c.journal.refused(event.RefusedLogin, login)
	}
	return err
}

func (c *callbacks) finish(w http.ResponseWriter, r *http.Request) error {
	got, done, err := c.responses.read(w, r)
	if done || err != nil {
		return err
	}
	f, err := c.flows.take(w, r, got.params.Get("state"), got.signed)
	if err != nil {
		return err
	}
	if err := c.useAnswer(w, r, f, got.params); err != nil {
		if login := (*LoginError)(nil); errors.As(err, &login) {
			login.returnTo = f.ReturnTo
		}
		return err
	}
	return nil
}

// useAnswer goes on with a log-in that this browser has begun.
func (c *callbacks) useAnswer(w http.ResponseWriter, r *http.Request, f *loginflow.Flow, params url.Values) error {
	if err := c.responses.isOurs(params); err != nil {
		return err
	}
	if code := params.Get("error"); code != "" {
		return c.denied(w, r, f, code)
	}
	if params.Get("code") == "" {
		return badLogin("failed-link", errors.New("neither code nor error"))
	}
	f.Back, f.SessionState = c.engine.Now(), c.responses.sessionState(params)
	got, err := c.exchanges.inTime(r.Context(), params.Get("code"), f)
	if err != nil {
		return err
	}
	if f.Silent {
		return c.checks.confirm(w, r, f, got)
	}
	return c.beginnings.begin(w, r, f, got)
}

// denied handles an error of the authorization endpoint.
func (c *callbacks) denied(w http.ResponseWriter, r *http.Request, f *loginflow.Flow, code string) error {
	if f.Silent {
		return c.checks.denied(w, r, f, code)
	}
	err := fmt.Errorf("the authorization endpoint answered %s", clean(code))
	switch verdict.Login(code) {
	case verdict.Cancelled:
		return badLogin("failed-cancelled", err)
	case verdict.Elsewhere:
		why := notFinished(&UnavailableError{RetryAfter: 5 * time.Second, Cause: reason.IdPFails, Err: err})
		return &staleError{f.Target(), why, f.Begun} // a session that was not enough before is not now
	case verdict.Later:
		return laterFor(f, &UnavailableError{RetryAfter: 5 * time.Second, Cause: reason.IdPFails, Err: err})
	}
	return badLogin("failed", err)
}
