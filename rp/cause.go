package rp

import "strings"

// EndCause says more about an end than its Reason, where the IdP has said it. Its reason
// tells how this app has learnt of the end; its cause, why the IdP has ended the session.
type EndCause string

// Inactivity means that nobody was active in any app for as long as the IdP allows. It is
// the IdP's word alone (by its logout token: logout_reason of Duende, cause of Ping).
const Inactivity EndCause = "inactivity"

// causeOf reads what an IdP says. No specification lists the words.
func causeOf(said string) EndCause {
	switch strings.ToLower(strings.NewReplacer("_", "", "-", "", " ", "").Replace(said)) {
	case "idle", "inactivity", "idletimeout", "inactivitytimeout", "sessionidle", "sessionexpiration":
		return Inactivity
	}
	return ""
}

// A Store keeps one text for why a session ended: the reason and, where it is known,
// the cause behind it.
const causeMark = "/"

func because(r Reason, c EndCause) Reason {
	if c == "" {
		return r
	}
	return r + causeMark + Reason(c)
}

// why is what because has put together, as a Store keeps it.
func why(kept string) (Reason, EndCause) {
	r, c, _ := strings.Cut(kept, causeMark)
	return Reason(r), EndCause(c)
}
