package rp

import "time"

// words tell a person why they were logged out. What the IdP says goes before what the
// app knows by itself, and the app does not say more than that.
func (e *EndedError) words() (said []word, minutes int) {
	if e.Cause == Inactivity {
		return []word{"ended-inactivity"}, 0
	}
	said = []word{e.Reason.word()}
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
func (r Reason) word() word {
	if w := "ended-" + string(r); english[w] != "" {
		return word(w)
	}
	return "ended"
}
