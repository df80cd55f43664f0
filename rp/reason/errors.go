package reason

import (
	"fmt"
	"time"

	"github.com/tandem-sso/tandem/rp/store"
)

// EndedError says: the session is over.
type EndedError struct {
	Reason Reason
	Cause  EndCause // empty: not known
	// Quiet is how long nobody had been active in this app when the session ended; 0: not
	// known.
	Quiet time.Duration
	// SendsUser: this browser says when a person navigates (Sec-Fetch-User), so one that
	// does not say so may be sent on by the page itself.
	SendsUser bool
}

func (e *EndedError) Error() string { return "rp: session has ended: " + string(e.Reason) }

// Is makes errors.Is(err, store.ErrEnded) true.
func (e *EndedError) Is(target error) bool { return target == store.ErrEnded }

// Cause says who keeps a request from being answered.
type Cause string

const (
	StoreFailed Cause = "store"           // the Store gave an error
	IdPSilent   Cause = "idp_unreachable" // the IdP gives no answer
	IdPFails    Cause = "idp"             // the IdP answers, but not with what is needed
	Busy        Cause = "busy"            // this application: at work on it, at a limit, or shutting down
)

// UnavailableError says: the store or the IdP cannot answer now. Nothing is known
// about the session, and it is kept.
type UnavailableError struct {
	RetryAfter time.Duration
	Cause      Cause
	Err        error
}

func (e *UnavailableError) Error() string {
	return fmt.Sprintf("rp: cannot confirm the session, try again in %v: %v", e.RetryAfter, e.Err)
}
func (e *UnavailableError) Unwrap() error { return e.Err }
