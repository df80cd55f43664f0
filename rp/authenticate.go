package rp

import (
	"context"
	"net/http"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/activity"
	"github.com/tandem-sso/tandem/rp/internal/engine"
	"github.com/tandem-sso/tandem/rp/internal/lifetime"
	"github.com/tandem-sso/tandem/rp/internal/record"
	"github.com/tandem-sso/tandem/rp/internal/web"
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
		if err != engine.ErrChanged {
			return s, err
		}
	}
	return nil, engine.Busy(time.Second, "the session changes faster than it can be read")
}

func (p *RelyingParty) session(r *http.Request, key store.Key, m activity.Mark) (*Session, error) {
	ctx := r.Context()
	rec, err := p.cfg.Store.Load(ctx, key)
	if err != nil {
		return nil, p.engine.NotLoaded(&rec, err)
	}
	now := p.engine.Now()
	o := p.engine.Cached(&rec)
	if o != nil && o.Quiet.Holds(now) {
		class := classOf(p.activity.IsActive(r, m, p.saysUser(o.Data, now)))
		if class == Active {
			p.engine.Touch(&o.State, &o.Item, now, rec.Active)
		}
		p.noteUser(r, &o.State)
		return p.newSession(r, class, &o.State), nil
	}
	st, err := p.engine.Open(rec)
	if err != nil {
		return nil, err
	}
	class := classOf(p.activity.IsActive(r, m, p.saysUser(st.Data, now)))
	if st, err = p.engine.Decide(r.Context(), st, lifetime.Class(class), web.Navigation(r), now, o != nil); err != nil {
		return nil, err
	}
	p.noteUser(r, st)
	return p.newSession(r, class, st), nil
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
func (p *RelyingParty) noteUser(r *http.Request, st *engine.State) {
	if st.Data.SendsUser || !activity.SendsUser(r.Header) || p.userNotes.Take(st.Rec.Key, p.cfg.Now()) > 0 {
		return
	}
	p.engine.Go(func(ctx context.Context) {
		ctx, cancel := p.engine.Detached(ctx)
		defer cancel()
		_, _ = p.engine.Commit(ctx, st, func(d *record.Data) bool { // else the next one does
			news := !d.SendsUser
			d.SendsUser = true
			return news
		})
	})
}
