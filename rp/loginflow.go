package rp

import (
	"errors"
	"net/http"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/lifetime"
	"github.com/tandem-sso/tandem/rp/internal/loginflow"
	"github.com/tandem-sso/tandem/rp/internal/page"
	"github.com/tandem-sso/tandem/rp/internal/web"
	"github.com/tandem-sso/tandem/rp/store"
)

// staleError says: the state is ours, and its log-in cannot be finished.
type staleError struct {
	loginflow.Target
	why   *LoginError
	since time.Time // only a session that has begun since is what was wanted
}

func (e *staleError) Error() string { return e.why.Error() }

// takeFlow finds the log-in that a state belongs to, in this browser, and uses it up.
// Its errors are *staleError, *LoginError and *UnavailableError.
func (p *RelyingParty) takeFlow(w http.ResponseWriter, r *http.Request, sent string) (*loginflow.Flow, error) {
	const title = "failed-old"
	state, t, ok := p.logins.ReadState(sent)
	if !ok {
		return nil, badLogin(title, errors.New("no state of ours"))
	}
	stale := func(title page.Word, why string) error {
		return &staleError{Target: t, why: badLogin(title, errors.New(why))}
	}
	f, ok := p.logins.Load(r, state)
	if !ok {
		return nil, stale(title, "no log-in cookie for this state")
	}
	t = f.Target() // the cookie's may be longer
	f.RedirectURI = p.site.Callback(r)
	p.logins.Forget(w, state)
	if p.engine.Now().Sub(f.Begun) > p.cfg.LoginTimeout {
		return nil, stale(title, "older than Config.LoginTimeout")
	}
	switch err := p.cfg.Store.Once(r.Context(), p.party.Once("state", state),
		f.Begun.Add(p.cfg.LoginTimeout+time.Minute)); {
	case errors.Is(err, store.ErrConflict):
		return nil, stale("failed-done", "state shown twice")
	case err != nil:
		return nil, p.engine.StoreFailed(err)
	}
	return f, nil
}

// resume goes on where a log-in cannot be finished: to the page itself if this browser is
// logged in meanwhile, else to one new log-in, else it is why. A log-in that was started
// anew is not started anew again.
func (p *RelyingParty) resume(w http.ResponseWriter, r *http.Request, stale *staleError) error {
	t, why := stale.Target, stale.why
	more, _ := p.logins.More(t.Wish)
	switch {
	case p.livesHere(r, stale.since):
		web.SeeOther(w, t.ReturnTo)
	case t.Again:
		why.returnTo = t.ReturnTo
		return why
	default:
		web.SeeOther(w, p.site.LoginTo(t.ReturnTo)+"&again=1"+more)
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
	st, err := p.engine.Load(r.Context(), key)
	if err != nil || st.Data.Started.Before(since) {
		return false
	}
	return p.engine.Judge(st, lifetime.Passive).End == lifetime.Live
}
