package engine

import (
	"strings"

	"github.com/tandem-sso/tandem/rp/reason"
)

// CauseOf reads what an IdP says. No specification lists the words.
func CauseOf(said string) reason.EndCause {
	switch strings.ToLower(strings.NewReplacer("_", "", "-", "", " ", "").Replace(said)) {
	case "idle", "inactivity", "idletimeout", "inactivitytimeout", "sessionidle", "sessionexpiration":
		return reason.Inactivity
	}
	return ""
}

// A Store keeps one text for why a session ended: the reason and, where it is known,
// the cause behind it.
const causeMark = "/"

func because(r reason.Reason, c reason.EndCause) reason.Reason {
	if c == "" {
		return r
	}
	return r + causeMark + reason.Reason(c)
}

// Why takes the text that a Store keeps apart again: it reverses because.
func Why(kept string) (reason.Reason, reason.EndCause) {
	r, c, _ := strings.Cut(kept, causeMark)
	return reason.Reason(r), reason.EndCause(c)
}
