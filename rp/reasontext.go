package rp

import (
	"time"

	"github.com/tandem-sso/tandem/rp/internal/page"
	"github.com/tandem-sso/tandem/rp/reason"
)

// words tell a person why they were logged out. What the IdP says goes before what the
// app knows by itself, and the app does not say more than that.
func endedWords(e *EndedError) (said []page.Word, minutes int) {
	if e.Cause == reason.Inactivity {
		return []page.Word{"ended-inactivity"}, 0
	}
	said = []page.Word{reasonWord(e.Reason)}
	switch e.Reason {
	case reason.RefreshRejected, reason.APIUnauthorized, reason.BackchannelLogout, reason.Unconfirmed:
		if quiet := e.Quiet.Round(time.Minute); quiet >= quietWorthTelling {
			return append(said, "quiet"), int(quiet / time.Minute)
		}
	}
	return said, 0
}

const quietWorthTelling = 5 * time.Minute

// word tells a person how the app has learnt of the end: the same words as session.js, for
// the pages without it.
func reasonWord(r reason.Reason) page.Word {
	if w, ok := page.Known("ended-" + string(r)); ok {
		return w
	}
	return "ended"
}
