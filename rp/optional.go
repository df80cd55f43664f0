package rp

import (
	"net/http"

	"github.com/tandem-sso/tandem/rp/activity"
	"github.com/tandem-sso/tandem/rp/internal/engine"
	"github.com/tandem-sso/tandem/rp/internal/lifetime"
)

// Optional returns the session of a request to a public page; nil if there is none, for an unsafe
// request of another origin, and while the store fails. The adapters' OptionalLogin calls it. It
// does not wait for the IdP: it returns a session while its confirmation is no older than the IdP's
// window (three times Config.TrustFor if that is not known). Requests of a person to such a page
// are activity.
func (p *RelyingParty) Optional(r *http.Request) *Session {
	if class, st := p.gate.optional(r); st != nil {
		return p.newSession(r, class, st)
	}
	return nil
}

func (g *gate) optional(r *http.Request) (activity.Class, *engine.State) {
	key, ok := g.browsers.key(r.Header)
	if !ok || g.site.Of(r).Refuses(r) {
		return activity.Passive, nil
	}
	st, err := g.engine.Load(r.Context(), key)
	if err != nil {
		return activity.Passive, nil // the store's failure is logged there
	}
	now := g.engine.Now()
	class := classOf(g.activity.IsActive(r, g.activity.Mark(r), g.saysUser(st.Data, now)))
	d := g.engine.Judge(st, lifetime.Passive)
	if d.End != lifetime.Live {
		_ = g.engine.Expire(r.Context(), st, d.End) // an outage: whoever comes next tries again
		return activity.Passive, nil
	}
	if class == activity.Active {
		due := g.engine.Judge(st, lifetime.Active).Signal
		st.Rec.Active = now
		g.engine.Touch(st, new(*engine.Item), now, st.Stored)
		g.noteUser(r, st)
		if due != lifetime.NotDue {
			g.engine.SignalBeside(r.Context(), st)
		}
	}
	if d.Unconfirmed {
		return activity.Passive, nil
	}
	return class, st
}
