package rp

import (
	"net/http"

	"github.com/tandem-sso/tandem/rp/internal/lifetime"
)

// Optional answers with the session of a request to a public page, nil if there is none.
// The adapters' OptionalLogin calls it.
//
// It uses what is known, and never keeps anybody waiting for the IdP: a session is there
// as long as its confirmation is no older than the IdP's window (three times
// Config.TrustFor where that is not known). What a person does there is activity, as
// anywhere, and the IdP is told of it beside. An unsafe request of another origin has no
// session, nor has anybody while the store fails.
func (p *RelyingParty) Optional(r *http.Request) *Session {
	key, ok := p.sessionKey(r.Header)
	if !ok || p.site.Of(r).Refuses(r) {
		return nil
	}
	st, err := p.load(r.Context(), key)
	if err != nil {
		return nil // the store's failure is logged there
	}
	now := p.now()
	class := classOf(p.activity.IsActive(r, p.activity.Mark(r), p.saysUser(st.data, now)))
	d := p.judge(st, lifetime.Passive)
	if d.End != lifetime.Live {
		_ = p.expire(r.Context(), st, d.End) // an outage: whoever comes next tries again
		return nil
	}
	if class == Active {
		due := p.judge(st, lifetime.Active).Signal
		st.rec.Active = now
		p.touch(st, new(*item), now, st.stored)
		p.noteUser(r, st)
		if due != lifetime.NotDue {
			p.signalBeside(st)
		}
	}
	if d.Unconfirmed {
		return nil
	}
	return p.newSession(r, class, st)
}
