package loginflow

import (
	"encoding/base64"

	"github.com/tandem-sso/tandem/rp/internal/cookie"
)

// Target is where a log-in is to lead. It travels in state, sealed, beside the id of the
// log-in: so a callback whose log-in nobody knows any more (a restored tab, the Back
// button, a sixth tab) leads somewhere. It never finishes a log-in.
type Target struct {
	ReturnTo string
	Again    bool // this log-in has been started anew already
	Wish     Wish // where its cookie is there; it is not in state
}

// maxState bounds state, in bytes: some IdPs refuse long URLs.
const maxState = 1 << 10

// State is a log-in's id and its target; for one that is too long, the app's home.
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

// ReadState splits a state into a log-in's id and target. ok is false for what is no
// state of this client.
func (l *Logins) ReadState(sent string) (id string, t Target, ok bool) {
	id = sent[:min(len(sent), cookie.IDLen)]
	t, ok = l.targetOf(sent)
	return id, t, ok && cookie.IsID(id)
}

// targetOf opens a state's target; ok only if this client has sealed it.
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
