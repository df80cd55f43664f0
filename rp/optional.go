package rp

import (
	"net/http"

	"github.com/tandem-sso/tandem/rp/internal/engine"
	"github.com/tandem-sso/tandem/rp/internal/lifetime"
)

// Optional answers with the session of a request to a public page, nil if there is none.
// The adapters' OptionalLogin calls it. It keeps nobody waiting for the IdP: a session is
// there while its confirmation is no older than the IdP's window (three times
// Config.TrustFor where that is not known). What a person does there is activity. An
// unsafe request of another origin has no session, nor has anybody while the store fails.
func (p *RelyingParty) Optional(r *http.Request) *Session {
	key, ok := p.sessionKey(r.Header)
	if !ok || p.site.Of(r).Refuses(r) {
		return nil
	}
	st, err := p.engine.Load(r.Context(), key)
	if err != nil {
		return nil // the store's failure is logged there
	}
	now := p.engine.Now()
	class := classOf(p.activity.IsActive(r, p.activity.Mark(r), p.saysUser(st.Data, now)))
	d := p.engine.Judge(st, lifetime.Passive)
	if d.End != lifetime.Live {
		_ = p.engine.Expire(r.Context(), st, d.End) // an outage: whoever comes next tries again
		return nil
	}
	if class == Active {
		due := p.engine.Judge(st, lifetime.Active).Signal
		st.Rec.Active = now
		p.engine.Touch(st, new(*engine.Item), now, st.Stored)
		p.noteUser(r, st)
		if due != lifetime.NotDue {
			p.engine.SignalBeside(r.Context(), st)
		}
	}
	if d.Unconfirmed {
		return nil
	}
	return p.newSession(r, class, st)
}
