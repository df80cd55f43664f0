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
	if !ok || p.sites.of(r).refuses(r) {
		return nil
	}
	st, err := p.load(r.Context(), key)
	if err != nil {
		return nil // the store's failure is logged there
	}
	stored, now, policy := st.rec.Active, p.now(), p.policy(st)
	known := *st
	known.rec.Active = p.agenda.latest(key, stored)
	class := p.classify(r, p.mark(r), p.saysUser(st.data, now))
	d := lifetime.Decide(known.clocks(), policy, now, lifetime.Passive)
	if d.End != lifetime.Live {
		_ = p.expire(r.Context(), &known, d.End) // an outage: whoever comes next tries again
		return nil
	}
	if class == Active {
		due := lifetime.Decide(known.clocks(), policy, now, lifetime.Active).Signal
		known.rec.Active = now
		p.touch(&known, new(*item), now, stored)
		p.noteUser(r, &known)
		if due != lifetime.NotDue {
			p.signalBeside(&known, policy)
		}
	}
	if d.Unconfirmed {
		return nil
	}
	return p.newSession(r, class, &known)
}
