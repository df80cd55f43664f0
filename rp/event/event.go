// Package event has the types of Config.Events: events for an operator to count, and for an
// audit to keep. Package otelrp makes metrics of them, package audit makes records.
package event

import (
	"context"
	"time"

	"github.com/tandem-sso/tandem/rp/reason"
)

// Handlers are callbacks about sessions. They run on the goroutine that caused the event, so
// they must return quickly. Any may be nil.
type Handlers struct {
	Login  func(Login)
	Signal func(Signal)
	// End is called exactly once for each session that ends, on one instance, on a goroutine
	// of its own. If an instance dies before the call, another instance, or the next start,
	// makes the call after a few minutes. End may come before Login if a log-out overtakes a
	// log-in.
	End func(End)
	// Refused is called for each log-in and each logout token that was refused.
	// Strangers can cause it as often as they like.
	Refused func(Refused)
	// StoreFailed is called each time a call of the Store failed and a session was needed, as
	// often as there are requests.
	StoreFailed func(StoreFailed)
	// MassLogout is called at most once a minute when suspiciously many sessions
	// are refused at once.
	MassLogout func(MassLogout)
	// KeysRead is called each time the IdP's signing keys were read.
	KeysRead func(KeysRead)
	// Unavailable is called for each request that is answered with 503, with its context.
	Unavailable func(context.Context, Unavailable)
	// Timed is called with the duration of something for which somebody waited, and with the
	// context of its request. It is for metrics: see package otelrp.
	Timed func(context.Context, Timed)
	// Stream is called with 1 when an event stream of a page opens, and with -1 when it
	// closes.
	Stream func(change int)
}

// Refusal says what was refused. Its text is the line in the log.
type Refusal string

const (
	RefusedLogin       Refusal = "a log-in failed"
	RefusedLogoutToken Refusal = "a logout token was refused"
	FailedLogoutToken  Refusal = "a logout token could not be carried out"
)

// Refused reports that a log-in or a logout token was refused. Err says why; it contains no
// token, code or cookie.
type Refused struct {
	What Refusal
	At   time.Time
	Err  error
}

// StoreFailed reports that a call of the Store failed. Sessions are kept.
type StoreFailed struct {
	At  time.Time
	Err error // the Store's
}

// Unavailable reports that a request was answered with 503. Sessions are kept.
type Unavailable struct {
	At    time.Time
	Cause reason.Cause
	Err   error // it contains no token, code or cookie
}

// KeysRead reports that the IdP's signing keys were read.
type KeysRead struct {
	At     time.Time
	KeyIDs []string // their kid, in the IdP's order; empty if a key has none
}

// Task says what was timed.
type Task string

const (
	// TimedWait: a request waited for a call to the IdP, its own or another request's. The
	// outcome is "ok", "ended", "login" (the person must log in), "unavailable" or "failed".
	TimedWait Task = "wait"
	// TimedLogoutToken: from the arrival of a logout token to its answer. The outcome is "ok",
	// "refused", or "failed" (the IdP should send it again).
	TimedLogoutToken Task = "logout_token"
	// TimedPage: from the end of a session, on any instance, until an open page on this
	// instance is told. The outcome is the Reason. It comes once for each event stream, so
	// the greatest is that of the last page.
	TimedPage Task = "page"
)

// Timed reports how long something took.
type Timed struct {
	What    Task
	Outcome string
	Took    time.Duration
}

// Login reports that a session began.
type Login struct {
	Session string // hash; the same in all events and logs of the session
	Subject string
	SID     string
	At      time.Time
}

// Signal reports that the IdP was told of activity, or could not be told.
type Signal struct {
	Session string
	How     string // "refresh", "userinfo", "api" or "prompt=none"
	Verdict string // "ok", "ended", "retry", "misconfigured" or "interact"
	At      time.Time
	Lag     time.Duration // since the person's latest activity; 0: not known
	Err     error         // nil if Verdict is "ok"
}

// End reports that a session ended.
type End struct {
	Session string
	Subject string // empty if the record could not be read
	SID     string
	Reason  reason.Reason
	Cause   reason.EndCause // empty: not known
	Detail  string          // the text of rp.Whose.Detail, which comes from outside; else empty
	At      time.Time
	Begun   time.Time // when the log-in that led to it was started
}

// MassLogout reports that within a minute the IdP refused the tokens of many sessions, and of
// more than half of those that asked.
type MassLogout struct {
	Rejected int
	Asked    int
	At       time.Time
	// Paused is how long sessions are kept that the IdP refuses from now on:
	// Config.MassLogoutPause, or 0 within an hour after such a pause.
	Paused time.Duration
}
