package rp

import (
	"time"

	"github.com/tandem-sso/tandem/rp/internal/page"
)

// words tell a person why they were logged out. What the IdP says goes before what the
// app knows by itself, and the app does not say more than that.
func (e *EndedError) words() (said []page.Word, minutes int) {
	if e.Cause == Inactivity {
		return []page.Word{"ended-inactivity"}, 0
	}
	said = []page.Word{e.Reason.word()}
	switch e.Reason {
	case RefreshRejected, APIUnauthorized, BackchannelLogout, Unconfirmed:
		if quiet := e.quiet.Round(time.Minute); quiet >= quietWorthTelling {
			return append(said, "quiet"), int(quiet / time.Minute)
		}
	}
	return said, 0
}

const quietWorthTelling = 5 * time.Minute

// word tells a person how the app has learnt of the end: the same words as session.js, for
// the pages without it.
func (r Reason) word() page.Word {
	if w, ok := page.Known("ended-" + string(r)); ok {
		return w
	}
	return "ended"
}
