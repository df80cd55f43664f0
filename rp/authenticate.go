package rp

import (
	"context"
	"net/http"
	"time"

	"github.com/tandem-sso/tandem/rp/activity"
	"github.com/tandem-sso/tandem/rp/internal/authrequest"
	"github.com/tandem-sso/tandem/rp/internal/classify"
	"github.com/tandem-sso/tandem/rp/internal/engine"
	"github.com/tandem-sso/tandem/rp/internal/lifetime"
	"github.com/tandem-sso/tandem/rp/internal/record"
	"github.com/tandem-sso/tandem/rp/internal/site"
	"github.com/tandem-sso/tandem/rp/internal/throttle"
	"github.com/tandem-sso/tandem/rp/internal/web"
	"github.com/tandem-sso/tandem/rp/store"
)

// Authenticate answers with the session of a request. Errors: ErrAnonymous, *EndedError,
// *UnavailableError, ErrUnconfirmed, ErrReauthenticate, ErrCrossOrigin, for RelyingParty.Answer.
// Call Session.KeepPrivate before you write an answer with private content.
func (p *RelyingParty) Authenticate(r *http.Request) (*Session, error) {
	class, st, err := p.gate.enter(r)
	if err != nil {
		return nil, err
	}
	return p.newSession(r, class, st), nil
}

// gate authenticates requests: it finds the session of a request, classifies the request, and
// returns the session or an error.
type gate struct {
	engine   *engine.Engine
	browsers *browsers
	site     *site.App
	activity *web.Classifier
	requests *authrequest.Requests
	checkup  *selfCheck
	now      func() time.Time
	reports  *throttle.Throttle // of activity
	users    *throttle.Throttle // of noteUser
}

func (g *gate) enter(r *http.Request) (activity.Class, *engine.State, error) {
	g.checkup.begin()
	key, ok := g.browsers.key(r.Header)
	if !ok {
		return activity.Passive, nil, ErrAnonymous
	}
	if g.site.Of(r).Refuses(r) {
		return activity.Passive, nil, ErrCrossOrigin
	}
	return g.admit(r, key, g.activity.Mark(r))
}

func (g *gate) admit(r *http.Request, key store.Key, m classify.Mark) (activity.Class, *engine.State, error) {
	for range 3 {
		class, st, err := g.once(r, key, m)
		if err != engine.ErrChanged {
			return class, st, err
		}
	}
	return activity.Passive, nil, engine.Busy(time.Second, "the session changes faster than it can be read")
}

func (g *gate) once(r *http.Request, key store.Key, m classify.Mark) (activity.Class, *engine.State, error) {
	ctx := r.Context()
	rec, err := g.browsers.store.Load(ctx, key)
	if err != nil {
		return activity.Passive, nil, g.engine.NotLoaded(&rec, err)
	}
	now := g.engine.Now()
	o := g.engine.Cached(&rec)
	if o != nil && o.Quiet.Holds(now) {
		class := classOf(g.activity.IsActive(r, m, g.saysUser(o.Data, now)))
		if class == activity.Active {
			g.engine.Touch(&o.State, &o.Item, now, rec.Active)
		}
		g.noteUser(r, &o.State)
		return class, &o.State, nil
	}
	st, err := g.engine.Open(rec)
	if err != nil {
		return activity.Passive, nil, err
	}
	class := classOf(g.activity.IsActive(r, m, g.saysUser(st.Data, now)))
	if st, err = g.engine.Decide(r.Context(), st, lifetime.Class(class), web.Navigation(r), now, o != nil); err != nil {
		return activity.Passive, nil, err
	}
	g.noteUser(r, st)
	return class, st, nil
}

// arrivesWithin is how long after a log-in by form_post the page that it leads to may be
// asked for.
const arrivesWithin = 10 * time.Second

// saysUser reports whether a navigation without Sec-Fetch-User was made by the page itself in
// this session (ACT-05). The navigation after a form_post was not: a script has posted, which
// hides that a person has logged in, and the page may need a token that is fetched only for a
// person.
func (g *gate) saysUser(d *record.Data, now time.Time) bool {
	age := now.Sub(d.Started)
	return d.SendsUser && (age < 0 || age >= arrivesWithin || !g.requests.ByFormPost())
}

// noteUser notes in the record that this browser says when a person navigates. From then
// on a navigation that does not say so is the page's own doing (ACT-05).
func (g *gate) noteUser(r *http.Request, st *engine.State) {
	if st.Data.SendsUser || !classify.SendsUser(r.Header) || g.users.Take(st.Rec.Key, g.now()) > 0 {
		return
	}
	g.engine.Go(func(ctx context.Context) {
		ctx, cancel := g.engine.Detached(ctx)
		defer cancel()
		_, _ = g.engine.Commit(ctx, st, func(d *record.Data) bool { // else the next one does
			news := !d.SendsUser
			d.SendsUser = true
			return news
		})
	})
}
