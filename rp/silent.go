package rp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/authrequest"
	"github.com/tandem-sso/tandem/rp/internal/engine"
	"github.com/tandem-sso/tandem/rp/internal/loginflow"
	"github.com/tandem-sso/tandem/rp/internal/record"
	"github.com/tandem-sso/tandem/rp/internal/site"
	"github.com/tandem-sso/tandem/rp/internal/verdict"
	"github.com/tandem-sso/tandem/rp/internal/web"
	"github.com/tandem-sso/tandem/rp/reason"
	"github.com/tandem-sso/tandem/rp/store"
)

// checks are silent log-ins (prompt=none): the IdP is asked whether its session lives.
type checks struct {
	cfg      *Config
	engine   *engine.Engine
	browsers *browsers
	site     *site.App
	requests *authrequest.Requests
}

// asks returns the session of a browser that is to make a silent log-in, nil if
// it has none that may make one. Its error is an *UnavailableError.
func (c *checks) asks(r *http.Request) (*engine.State, error) {
	st, err := c.browsers.session(r)
	if trouble := (*UnavailableError)(nil); errors.As(err, &trouble) {
		return nil, err
	}
	if err != nil || !c.cfg.SilentCheck && c.engine.Means(st.Data) != engine.BySilentLogin {
		return nil, nil
	}
	return st, nil
}

// noteAsked notes that the browser is about to ask. So the browser does not ask again at once,
// whatever the answer is, even if none comes. If this cannot be noted, the browser is not sent
// to the IdP: the page would send it here again. Its errors are those of engine.Commit.
func (c *checks) noteAsked(ctx context.Context, st *engine.State) (*engine.State, error) {
	now := c.engine.Now()
	return c.engine.Commit(ctx, st, func(d *record.Data) bool { d.Asked = now; return true })
}

// url is where the browser asks the IdP whether the session lives.
func (c *checks) url(st *engine.State, f *loginflow.Flow) string {
	about := authrequest.Subject{IDToken: st.Data.IDToken, LoginHint: claimOf(st.Data, "login_hint")}
	if !c.engine.WantsTokens(st.Data) {
		return c.requests.Silent(f, about, nil)
	}
	f.Renews = st.Data.Generation + 1
	w, _ := loginflow.ReadWish(st.Data.Wish)
	return c.requests.Silent(f, about, &w)
}

// confirm handles a prompt=none round trip that succeeded: the IdP session lives. The tokens of
// a check are not kept, and no session is made of them. If this browser has no session, or the
// IdP's session is another person's now, a whole log-in follows.
func (c *checks) confirm(w http.ResponseWriter, r *http.Request, f *loginflow.Flow,
	got *engine.Tokens) error {
	ctx, cancel := c.engine.Detached(r.Context())
	defer cancel()
	key, ok := c.browsers.key(r.Header)
	if !ok {
		c.discard(got)
		return c.logInInstead(w, f)
	}
	st, err := c.engine.Load(ctx, key)
	var (
		trouble *UnavailableError
		ended   *EndedError
	)
	switch {
	case errors.As(err, &trouble):
		return err
	case errors.As(err, &ended):
		return c.overtaken(w, f, got, ended.Reason)
	case err != nil:
		c.discard(got)
		return c.logInInstead(w, f)
	case st.Data.Subject != got.ID.Subject: // another person uses this browser now
		c.discard(got)
		if _, err := c.engine.Rejected(ctx, st, reason.OtherSubject); errors.As(err, &trouble) {
			return err
		}
		return c.logInInstead(w, f)
	}
	_, err = c.note(ctx, st, f, got)
	switch {
	case errors.As(err, &ended):
		return c.overtaken(w, f, got, ended.Reason)
	case errors.Is(err, ErrAnonymous):
		return c.overtaken(w, f, got, "")
	case err != nil:
		return err
	}
	c.engine.Signalled(key, st.Rec.Active, "prompt=none", verdict.OK, nil)
	web.SeeOther(w, f.ReturnTo)
	return nil
}

// note notes the IdP's answer. The IdP has looked at its session during this round trip. The
// session counts as confirmed now, not at the beginning of the round trip: otherwise a round
// trip longer than TrustFor would lead to the next one, without end. The flow says whether the
// browser was sent for a renewal or a check. The clocks do not decide that again: the clock of
// the instance that asked may be ahead, and by this one's the tokens may still be good.
func (c *checks) note(ctx context.Context, st *engine.State, f *loginflow.Flow,
	got *engine.Tokens) (*engine.State, error) {
	at := c.engine.Now()
	if f.Renews == st.Data.Generation+1 && f.About == st.Rec.Key.Short() {
		return c.renew(ctx, st, f, got, at)
	}
	st, err := c.engine.Commit(ctx, st, func(d *record.Data) bool {
		got.Learn(d)
		engine.Heard(d, at, true, true)
		engine.Unchanged(d, f.SessionState)
		d.Asked = time.Time{}
		return true
	})
	if err == nil {
		c.discard(got)
	}
	return st, err
}

// renew stores the tokens of a renewal. The store may fail for a while: the person waits for what
// is left of Config.WaitFor, and the tokens are stored when the store is back.
func (c *checks) renew(ctx context.Context, st *engine.State, f *loginflow.Flow, got *engine.Tokens,
	at time.Time) (*engine.State, error) {
	c.engine.Observe(got)
	keep := func(ctx context.Context) (*engine.State, error) {
		next, err := c.engine.CommitTokens(ctx, st, func(d *record.Data) {
			_ = c.engine.TakeTokens(st.Rec.Key, d, got, nil) // a fault is an audience's
			c.engine.KeepOnly(d)
			engine.Heard(d, at, true, true)
			engine.Unchanged(d, f.SessionState)
			if !c.engine.WantsTokens(d) {
				d.Asked = time.Time{}
			}
		})
		if err == nil {
			c.engine.ReadProfile(next)
		}
		return next, err
	}
	wait := max(stillWaits(c.cfg, f.Back), time.Second) // the IdP may have used up all of it
	next, err := inTime(c.engine, wait, keep, func(_ *engine.State, err error) {
		ended := (*EndedError)(nil)
		switch {
		case errors.As(err, &ended):
			c.orphaned(got, ended.Reason)
		case errors.Is(err, ErrAnonymous):
			c.orphaned(got, "")
		}
	})
	switch {
	case errors.Is(err, errClosing):
		return keep(ctx)
	case errors.Is(err, errLate):
		return nil, c.engine.StoreFailed(fmt.Errorf("fresh tokens could not be stored within Config.WaitFor (%v); they "+
			"are stored when the store is back", c.cfg.WaitFor))
	}
	return next, err
}

// discard revokes the tokens that a check has brought. If that would revoke the session's own
// tokens too, the tokens of the check are left to run out.
func (c *checks) discard(got *engine.Tokens) {
	if c.cfg.Kind != NoToken {
		c.orphaned(got, "")
	}
}

// logInInstead sends the browser to an ordinary log-in.
func (c *checks) logInInstead(w http.ResponseWriter, f *loginflow.Flow) error {
	web.SeeOther(w, c.site.Endpoint("/login")+"?anew=1&return_to="+url.QueryEscape(f.ReturnTo))
	return nil
}

// overtaken handles a round trip whose session has ended meanwhile, perhaps by a
// logout in another tab: it must not begin a new one (C5). The page decides.
func (c *checks) overtaken(w http.ResponseWriter, f *loginflow.Flow, got *engine.Tokens,
	reason reason.Reason) error {
	c.orphaned(got, reason)
	web.SeeOther(w, f.ReturnTo)
	return nil
}

func (c *checks) orphaned(got *engine.Tokens, why reason.Reason) {
	c.engine.Orphaned(got, record.Data{Subject: got.ID.Subject, SID: got.ID.SID}, why)
}

// denied handles a prompt=none round trip that failed. Where the person has to act the page
// is served while trust lasts, and then an ordinary log-in follows.
func (c *checks) denied(w http.ResponseWriter, r *http.Request, f *loginflow.Flow, code string) error {
	key, ok := c.browsers.key(r.Header)
	cause := fmt.Errorf("the silent check was answered with %s", clean(code))
	switch verdict.Silent(code) {
	case verdict.NoSession:
		if ok {
			if err := c.rejected(r, f, key, cause); err != nil {
				return err
			}
		}
		web.SeeOther(w, f.ReturnTo) // the page decides whether to log in
		return nil
	case verdict.NotSilently:
		if ok {
			c.engine.Signalled(key, time.Time{}, "prompt=none", verdict.Interact, cause)
		}
		web.SeeOther(w, f.ReturnTo)
		return nil
	case verdict.NotTaken:
		return c.logInInstead(w, f)
	}
	if ok {
		c.engine.Signalled(key, time.Time{}, "prompt=none", verdict.Retry, cause)
	}
	return &UnavailableError{RetryAfter: 5 * time.Second, Cause: reason.IdPFails, Err: cause}
}

// rejected ends the session that a refused check was about. It does not end a session that has
// begun in this browser since, in another tab. Nor does it end one that the IdP has confirmed
// since: that answer is newer.
func (c *checks) rejected(r *http.Request, f *loginflow.Flow, key store.Key, cause error) error {
	if f.About != key.Short() {
		return nil
	}
	ctx, cancel := c.engine.Detached(context.WithoutCancel(r.Context()))
	defer cancel()
	st, err := c.engine.Load(ctx, key)
	if err == nil && st.Data.Confirmed.Before(f.Begun) {
		c.engine.Signalled(key, st.Rec.Active, "prompt=none", verdict.Ended, cause)
		c.engine.NoteEnd(st.Data)
		_, err = c.engine.Rejected(ctx, st, reason.Unconfirmed)
	}
	if trouble := (*UnavailableError)(nil); errors.As(err, &trouble) {
		return err
	}
	return nil
}
