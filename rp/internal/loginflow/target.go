package loginflow

import (
	"encoding/base64"

	"github.com/tandem-sso/tandem/rp/internal/cookie"
)

// Target is where a log-in leads. It is in state, encrypted, beside the id of the log-in. So a
// callback whose cookie is gone (a restored tab, the Back button, a sixth tab) still leads to the
// page. It never finishes a log-in.
type Target struct {
	ReturnTo string
	Again    bool // this log-in was started because another one could not be finished
	Wish     Wish // only from the cookie; it is not in state
}

// maxState bounds state, in bytes: some IdPs refuse long URLs.
const maxState = 1 << 10

// State returns the id and the target of a log-in. If the target is too long, it is the app's
// home.
func (l *Logins) State(id string, t Target) string {
	plain := append([]byte{0}, t.ReturnTo...)
	if t.Again {
		plain[0] = 1
	}
	s := id + base64.RawURLEncoding.EncodeToString(l.ring.Seal(plain, l.owner))
	if len(s) > maxState {
		return l.State(id, Target{ReturnTo: l.site.Home(), Again: t.Again})
	}
	return s
}

// ReadState splits a state into the id and the target of a log-in. ok is false if it is not a
// state of this client.
func (l *Logins) ReadState(sent string) (id string, t Target, ok bool) {
	id = sent[:min(len(sent), cookie.IDLen)]
	t, ok = l.targetOf(sent)
	return id, t, ok && cookie.IsID(id)
}

// targetOf decrypts the target of a state; ok only if this client has encrypted it.
func (l *Logins) targetOf(state string) (t Target, ok bool) {
	if len(state) <= cookie.IDLen || len(state) > maxState {
		return Target{}, false
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(state[cookie.IDLen:])
	if err != nil {
		return Target{}, false
	}
	plain, err := l.ring.Open(sealed, l.owner)
	if err != nil || len(plain) == 0 {
		return Target{}, false
	}
	return Target{ReturnTo: l.site.Inside(string(plain[1:])), Again: plain[0] == 1}, true
}
