package rp

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/idp"
	"github.com/tandem-sso/tandem/rp/internal/loginflow"
	"github.com/tandem-sso/tandem/rp/internal/page"
	"github.com/tandem-sso/tandem/rp/internal/site"
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

// flows are the log-ins in flight: each is taken up once.
type flows struct {
	*loginflow.Logins
	browsers *browsers
	site     *site.App
	timeout  time.Duration // Config.LoginTimeout
}

// take finds the log-in that a state belongs to, in this browser, and uses it up. The answer
// has to be signed if, and only if, the log-in asked for a signed one. The sealed cookie says
// so, and not this instance's Config: an instance with an older Config may have begun the
// log-in. An answer of the other kind does not use the log-in up. Its errors are *staleError,
// *LoginError and *UnavailableError.
func (l *flows) take(w http.ResponseWriter, r *http.Request, sent string, signed bool) (*loginflow.Flow, error) {
	const title = "failed-old"
	state, t, ok := l.ReadState(sent)
	if !ok {
		return nil, badLogin(title, errors.New("the state is not from this app"))
	}
	stale := func(title page.Word, why string) error {
		return &staleError{Target: t, why: badLogin(title, errors.New(why))}
	}
	f, ok := l.Load(r, state)
	if !ok {
		return nil, stale(title, "no log-in cookie for this state")
	}
	if idp.IsJARM(f.Mode) != signed {
		return nil, badLogin("failed-trust", fmt.Errorf("the log-in asked for response_mode %s, but the answer came "+
			"in another mode (signed: %v)", f.Mode, signed))
	}
	t = f.Target() // the cookie's may be longer
	f.RedirectURI = l.site.Callback(r)
	l.Forget(w, state)
	b := l.browsers
	if b.engine.Now().Sub(f.Begun) > l.timeout {
		return nil, stale(title, "older than Config.LoginTimeout")
	}
	switch err := b.store.Once(r.Context(), b.party.Once("state", state), f.Begun.Add(l.timeout+time.Minute)); {
	case errors.Is(err, store.ErrConflict):
		return nil, stale("failed-done", "state shown twice")
	case err != nil:
		return nil, b.engine.StoreFailed(err)
	}
	return f, nil
}

// otherAccount is the address of a log-in with prompt=select_account.
func (l *flows) otherAccount(returnTo string) string {
	more, _ := l.More(loginflow.Wish{Params: map[string]string{"prompt": "select_account"}}) // small
	return l.site.LoginTo(orElse(returnTo, l.site.Home())) + more
}

// resume handles a log-in that cannot be finished. If this browser is logged in meanwhile, it
// leads to the page itself; else to a new log-in; and if this was the new log-in already, it
// returns why.
func (c *callbacks) resume(w http.ResponseWriter, r *http.Request, stale *staleError) error {
	t, why := stale.Target, stale.why
	more, _ := c.flows.More(t.Wish)
	switch {
	case c.browsers.lives(r, stale.since):
		web.SeeOther(w, t.ReturnTo)
	case t.Again:
		why.returnTo = t.ReturnTo
		return why
	default:
		web.SeeOther(w, c.site.LoginTo(t.ReturnTo)+"&again=1"+more)
	}
	c.journal.log.Debug("a log-in could not be finished; the person sees a page that says so, or the log-in starts "+
		"again", "error", why)
	return nil
}
