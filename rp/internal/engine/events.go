package engine

import (
	"context"
	"time"

	"github.com/tandem-sso/tandem/rp/reason"
)

// Events are told what happens to sessions. Each may be nil.
type Events struct {
	Signal      func(SignalEvent)
	End         func(EndEvent)
	StoreFailed func(StoreFailedEvent)
	MassLogout  func(MassLogout)
	KeysRead    func(KeysReadEvent)
	// Waited is told how long somebody has waited for the IdP, with the context of who has.
	Waited func(ctx context.Context, took time.Duration, err error)
	// LogoutRefused is told of a logout that came late and is not for that session.
	LogoutRefused func(error)
}

// SignalEvent is a call that told the IdP of activity, or could not.
type SignalEvent struct {
	Session string
	How     string
	Verdict string
	At      time.Time
	Lag     time.Duration
	Err     error
}

// EndEvent is the end of a session.
type EndEvent struct {
	Session string
	Subject string
	SID     string
	Reason  reason.Reason
	Cause   reason.EndCause
	Detail  string
	At      time.Time
	Begun   time.Time
}

// KeysReadEvent is a look at the IdP's keys that brought some.
type KeysReadEvent struct {
	At     time.Time
	KeyIDs []string
}

// StoreFailedEvent is a call of the Store that failed.
type StoreFailedEvent struct {
	At  time.Time
	Err error
}
