package rp

import (
	"encoding/base64"
	"net/http"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/cookie"
	"github.com/tandem-sso/tandem/rp/internal/lifetime"
	"github.com/tandem-sso/tandem/rp/internal/web"
)

// target is where a log-in is to lead. It travels in state, sealed, beside the id of the
// log-in: so a callback whose log-in nobody knows any more (a restored tab, the Back
// button, a sixth tab) leads somewhere. It never finishes a log-in.
type target struct {
	returnTo string
	again    bool // this log-in has been started anew already
	wish     wish // where its cookie is there; it is not in state
}

// maxState bounds state, in bytes: some IdPs refuse long URLs.
const maxState = 1 << 10

// state is a log-in's id and its target; for one that is too long, the app's home.
func (p *RelyingParty) state(id string, t target) string {
	plain := append([]byte{0}, t.returnTo...)
	if t.again {
		plain[0] = 1
	}
	s := id + base64.RawURLEncoding.EncodeToString(p.targets.Seal(plain, p.party.owner[:]))
	if len(s) > maxState {
		return p.state(id, target{returnTo: p.site.Home(), again: t.again})
	}
	return s
}

// readState splits a state into a log-in's id and target. ok is false for what is no
// state of this client.
func (p *RelyingParty) readState(sent string) (id string, t target, ok bool) {
	id = sent[:min(len(sent), cookie.IDLen)]
	t, ok = p.targetOf(sent)
	return id, t, ok && cookie.IsID(id)
}

// targetOf opens a state's target; ok only if this client has sealed it.
func (p *RelyingParty) targetOf(state string) (t target, ok bool) {
	if len(state) <= cookie.IDLen || len(state) > maxState {
		return target{}, false
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(state[cookie.IDLen:])
	if err != nil {
		return target{}, false
	}
	plain, err := p.targets.Open(sealed, p.party.owner[:])
	if err != nil || len(plain) == 0 {
		return target{}, false
	}
	return target{returnTo: p.site.Inside(string(plain[1:])), again: plain[0] == 1}, true
}

// resume goes on where a log-in cannot be finished: to the page itself if this browser is
// logged in meanwhile, else to one new log-in, else it is why. A log-in that was started
// anew is not started anew again.
func (p *RelyingParty) resume(w http.ResponseWriter, r *http.Request, stale *staleError) error {
	t, why := stale.target, stale.why
	more, _ := p.more(t.wish)
	switch {
	case p.livesHere(r, stale.since):
		web.SeeOther(w, t.returnTo)
	case t.again:
		why.returnTo = t.returnTo
		return why
	default:
		web.SeeOther(w, p.site.LoginTo(t.returnTo)+"&again=1"+more)
	}
	p.log.Debug("a log-in could not be finished; its page is shown, or it starts again", "error", why)
	return nil
}

// livesHere reports whether this browser has a session that lives and was not begun before.
func (p *RelyingParty) livesHere(r *http.Request, since time.Time) bool {
	key, ok := p.sessionKey(r.Header)
	if !ok {
		return false
	}
	st, err := p.load(r.Context(), key)
	if err != nil || st.data.Started.Before(since) {
		return false
	}
	return p.judge(st, lifetime.Passive).End == lifetime.Live
}
