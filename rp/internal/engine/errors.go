package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tandem-sso/tandem/rp/event"
	"github.com/tandem-sso/tandem/rp/reason"
)

// What rp exports under the same names, with their documentation.
var (
	ErrAnonymous   = errors.New("rp: no session")
	ErrUnconfirmed = errors.New("rp: the IdP has to confirm the session, and only an active request may ask for " +
		"that")
	ErrReauthenticate = errors.New("rp: the IdP asks for a new log-in")
	ErrNoAccessToken  = errors.New("rp: no access token")
)

// ErrSilentCheck is an ErrUnconfirmed for a navigation that can make the prompt=none round
// trip.
var ErrSilentCheck error = silentCheck{}

type silentCheck struct{}

func (silentCheck) Error() string        { return "rp: a silent log-in has to confirm the session" }
func (silentCheck) Is(target error) bool { return target == ErrUnconfirmed }

// Busy is an *UnavailableError for which nobody outside this application is to blame.
func Busy(after time.Duration, format string, args ...any) error {
	return &reason.UnavailableError{RetryAfter: after, Cause: reason.Busy, Err: fmt.Errorf(format, args...)}
}

// IdPSilent is an *UnavailableError that an IdP causes by giving no answer.
func IdPSilent(after time.Duration, format string, args ...any) error {
	return &reason.UnavailableError{RetryAfter: after, Cause: reason.IdPSilent, Err: fmt.Errorf(format, args...)}
}

// NotHeard is an *UnavailableError for an IdP that has not been heard of lately. It tells an IdP
// that answers with errors from one that does not answer.
func (p *Engine) NotHeard() error {
	down := &reason.UnavailableError{RetryAfter: 5 * time.Second, Cause: reason.IdPSilent,
		Err: errors.New("the IdP does not answer, so nobody is sent there")}
	if p.idp.Fails() {
		down.Cause, down.Err = reason.IdPFails, errors.New("the IdP answers with errors, so nobody is sent there")
	}
	return down
}

const storeRetry = 2 * time.Second

// StoreFailed is an *UnavailableError that the Store causes. The operator hears of each
// by Config.Events, and by the log within its budget: most people who got the 503 will
// not tell. That a browser hung up is no failure of the Store.
func (p *Engine) StoreFailed(err error) error {
	if !errors.Is(err, context.Canceled) {
		p.troubles.Spend(p.log, p.Now(), "the session store failed; sessions are kept, and requests are answered "+
			"with 503", "error", err)
		if fn := p.cfg.Events.StoreFailed; fn != nil {
			fn(event.StoreFailed{At: p.Now(), Err: err})
		}
	}
	return &reason.UnavailableError{RetryAfter: storeRetry, Cause: reason.StoreFailed,
		Err: fmt.Errorf("the session store failed: %w", err)}
}
