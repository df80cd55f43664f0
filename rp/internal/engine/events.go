package engine

import (
	"time"

	"github.com/tandem-sso/tandem/rp/reason"
)

// Events are told what happens to sessions. Each may be nil.
type Events struct {
	Signal      func(SignalEvent)
	End         func(EndEvent)
	StoreFailed func(StoreFailedEvent)
	MassLogout  func(MassLogout)
	// LogoutRefused is told of a logout that came late and is not for that session.
	LogoutRefused func(error)
}

// SignalEvent is a call that told the IdP of activity, or could not.
type SignalEvent struct {
	Session string
	How     string
	Verdict string
	At      time.Time
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

// StoreFailedEvent is a call of the Store that failed.
type StoreFailedEvent struct {
	At  time.Time
	Err error
}
