package rp

import (
	"fmt"
	"time"
)

// text tells a person why they were logged out. What the IdP says goes before what the
// app knows by itself, and the app does not say more than that.
func (e *EndedError) text() string {
	if e.Cause == Inactivity {
		return "You were not active in any application for a while."
	}
	text := e.Reason.text()
	switch e.Reason {
	case RefreshRejected, APIUnauthorized, BackchannelLogout, Unconfirmed:
		if quiet := e.quiet.Round(time.Minute); quiet >= quietWorthTelling {
			text += fmt.Sprintf(" Nobody was active here for %d minutes.", int(quiet/time.Minute))
		}
	}
	return text
}

const quietWorthTelling = 5 * time.Minute

// text tells a person how the app has learnt of the end: the same words as session.js, for
// the pages without it.
func (r Reason) text() string {
	switch r {
	case UserLogout:
		return "You have logged out."
	case Idle:
		return "You were not active for a while."
	case Absolute:
		return "You had been logged in for as long as is allowed."
	case IdPCeiling:
		return "You had been logged in for as long as your log-in service allows."
	case RefreshRejected, APIUnauthorized:
		return "Your log-in service has ended your session."
	case BackchannelLogout:
		return "You have logged out elsewhere, or your log-in service has ended your session."
	case FrontchannelLogout:
		return "You have logged out elsewhere."
	case Replaced, OtherSubject:
		return "There has been another log-in in this browser."
	case SessionLimit:
		return "You have logged in elsewhere."
	case Admin:
		return "Your session was ended by this application."
	case Unconfirmed:
		return "Your log-in service does not know your session any more."
	}
	return "Please log in again."
}
