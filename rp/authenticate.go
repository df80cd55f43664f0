package rp

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/activity"
	"github.com/tandem-sso/tandem/rp/internal/lifetime"
	"github.com/tandem-sso/tandem/rp/internal/record"
	"github.com/tandem-sso/tandem/rp/internal/web"
	"github.com/tandem-sso/tandem/rp/reason"
	"github.com/tandem-sso/tandem/rp/store"
)

// Authenticate answers with the session of a request. Errors: ErrAnonymous,
// *EndedError, *UnavailableError, ErrUnconfirmed, ErrReauthenticate,
// ErrSilentCheck, ErrCrossOrigin; RelyingParty.Answer turns each into what the
// browser should see. Whose answer shows something private calls
// Session.KeepPrivate first.
func (p *RelyingParty) Authenticate(r *http.Request) (*Session, error) {
	return p.authenticate(r, p.activity.Mark(r))
}

// AuthenticateAs is Authenticate for a request of a route that is marked, as if
// by WithClass: only Config.Classify goes before the mark.
func (p *RelyingParty) AuthenticateAs(r *http.Request, class Class) (*Session, error) {
	m, ok := p.activity.Forced(r)
	if !ok {
		m = markOf(class)
	}
	return p.authenticate(r, m)
}

func (p *RelyingParty) authenticate(r *http.Request, m activity.Mark) (*Session, error) {
	p.served()
	key, ok := p.sessionKey(r.Header)
	if !ok {
		return nil, ErrAnonymous
	}
	if p.site.Of(r).Refuses(r) {
		return nil, ErrCrossOrigin
	}
	return p.admit(r, key, m)
}

func (p *RelyingParty) admit(r *http.Request, key store.Key, m activity.Mark) (*Session, error) {
	for range 3 {
		s, err := p.session(r, key, m)
		if err != errChanged {
			return s, err
		}
	}
	return nil, busy(time.Second, "the session changes faster than it can be read")
}

// errChanged: what we read was overtaken; look again.
var errChanged = errors.New("rp: the session changed while it was looked at")

func (p *RelyingParty) session(r *http.Request, key store.Key, m activity.Mark) (*Session, error) {
	ctx := r.Context()
	rec, err := p.cfg.Store.Load(ctx, key)
	if err != nil {
		return nil, p.notLoaded(&rec, err)
	}
	now := p.now()
	o := p.cached(&rec)
	if o != nil && o.quiet.Holds(now) {
		class := classOf(p.activity.IsActive(r, m, p.saysUser(o.data, now)))
		if class == Active {
			p.touch(&o.state, &o.item, now, rec.Active)
		}
		p.noteUser(r, &o.state)
		return p.newSession(r, class, &o.state), nil
	}
	st, err := p.open(rec)
	if err != nil {
		return nil, err
	}
	class := classOf(p.activity.IsActive(r, m, p.saysUser(st.data, now)))
	if st, err = p.decide(r.Context(), st, lifetime.Class(class), web.Navigation(r), now, o != nil); err != nil {
		return nil, err
	}
	p.noteUser(r, st)
	return p.newSession(r, class, st), nil
}

// decide asks the clocks about a session and does what they say. navigation: the browser
// can be sent to the IdP. known: the cache has the session, but it is quiet no longer.
func (p *RelyingParty) decide(ctx context.Context, st *state, class lifetime.Class, navigation bool, now time.Time, known bool) (_ *state, err error) {
	asks := class
	if p.means(st.data) == bySilentLogin && !navigation {
		asks = lifetime.Passive // only a navigation can ask
	}
	decision := lifetime.Decide(st.clocks(), p.policy(st), now, asks)
	if decision.End != lifetime.Live {
		return nil, p.expire(ctx, st, decision.End)
	}
	if decision.Unconfirmed {
		return nil, ErrUnconfirmed
	}
	if class == lifetime.Active {
		st.rec.Active = now
		p.touch(st, new(*item), now, st.stored)
	}
	switch decision.Signal {
	case lifetime.NotDue:
		if class == lifetime.Active && p.wantsTokens(st.data) && navigation && p.asksNow(ctx, st) {
			return nil, ErrSilentCheck
		}
		if known {
			p.remember(st) // activity has moved the limits
		}
	case lifetime.Due:
		if navigation && p.asksNow(ctx, st) {
			return nil, ErrSilentCheck
		}
		p.signalBeside(st)
	case lifetime.Overdue:
		if st, err = p.signalFirst(ctx, st); err != nil {
			return nil, err
		}
		told := p.judge(st, lifetime.Active)
		if told.End != lifetime.Live {
			return nil, p.expire(ctx, st, told.End) // the answer did not move the ceiling
		}
		if told.Signal == lifetime.Overdue && st.data.Confirmed.Before(now) {
			return nil, errChanged // an old answer, which the store has only now taken
		}
	}
	return st, nil
}

// asksNow reports whether a navigation is to make the silent log-in that is due. A
// page that is trusted is served if the IdP might not answer, or was asked lately.
func (p *RelyingParty) asksNow(ctx context.Context, st *state) bool {
	return p.means(st.data) == bySilentLogin && !p.askedLately(st) && p.answers(ctx)
}

// policy is the configuration as it applies to one session.
func (p *RelyingParty) policy(st *state) lifetime.Policy {
	c := &p.cfg
	how := p.means(st.data)
	pol := lifetime.Policy{Idle: c.Idle, Absolute: c.Absolute, Window: c.IdPWindow}
	if how == byNothing {
		return pol
	}
	pol.Renews = how == byRefresh || how == bySilentLogin
	pol.SignalEvery, pol.TrustFor = c.SignalEvery, c.TrustFor
	if pol.SignalEvery == 0 {
		w := c.IdPWindow
		if w == 0 {
			w = st.data.Window
		}
		pol.SignalEvery = lifetime.DefaultSignalEvery(w, st.data.TokenLife)
	}
	// The same jitter at every look: the key is random already.
	u := float64(uint(st.rec.Key[0])<<8|uint(st.rec.Key[1])) / (1 << 16)
	pol.SignalEvery = lifetime.Jitter(pol.SignalEvery, u)
	return pol
}

var reasons = [...]reason.Reason{lifetime.Idle: reason.Idle, lifetime.Absolute: reason.Absolute, lifetime.Ceiling: reason.IdPCeiling}

// expire ends a session whose time is up, unless somebody was active elsewhere
// between our look and now.
func (p *RelyingParty) expire(ctx context.Context, st *state, e lifetime.End) error {
	sel := store.Selector{Key: st.rec.Key}
	cause := reasons[e]
	switch e {
	case lifetime.Idle:
		sel.IdleSince = st.rec.Active
	case lifetime.Ceiling:
		sel.Version = st.rec.Version
	}
	ended, err := p.endNow(ctx, sel, cause, "")
	if err != nil {
		return err
	}
	if len(ended) == 0 {
		if _, err := p.load(ctx, st.rec.Key); err != nil {
			return err // somebody else ended it, for a reason of their own
		}
		return errChanged
	}
	return &EndedError{Reason: cause, SendsUser: st.data.SendsUser}
}

// arrivesWithin is how long after a log-in by form_post the page that it leads to may be
// asked for.
const arrivesWithin = 10 * time.Second

// saysUser reports whether in this session a navigation without Sec-Fetch-User is the page's
// own doing (ACT-05). The one that a form_post leads to is not: the scripts that have posted
// hide that a person has logged in, and that page may need a token that only a person fetches.
func (p *RelyingParty) saysUser(d *record.Data, now time.Time) bool {
	age := now.Sub(d.Started)
	return d.SendsUser && (age < 0 || age >= arrivesWithin || !p.byFormPost())
}

// noteUser notes in the record that this browser says when a person navigates. From then
// on a navigation that does not say so is the page's own doing (ACT-05).
func (p *RelyingParty) noteUser(r *http.Request, st *state) {
	if st.data.SendsUser || !activity.SendsUser(r.Header) || p.userNotes.Take(st.rec.Key, p.cfg.Now()) > 0 {
		return
	}
	p.goes(func(ctx context.Context) {
		ctx, cancel := p.detached(ctx)
		defer cancel()
		_, _ = p.commit(ctx, st, func(d *record.Data) bool { // else the next one does
			news := !d.SendsUser
			d.SendsUser = true
			return news
		})
	})
}
