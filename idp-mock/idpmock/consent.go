package idpmock

import (
	"fmt"
	"slices"
)

// RevokeConsent withdraws a user's consent for a client, as a person does at the provider's
// account page: every token of the user at the client is revoked, and the client gets a
// logout token for each session it has a part in. Those sessions live on, under the same sid;
// the next log-in of the client needs no password. It says how many sessions the client was a
// part of.
func (p *IDP) RevokeConsent(sub, client string) (int, error) {
	cfg, now := p.settings(), p.Now()
	if cfg.clients[client] == nil {
		return 0, fmt.Errorf("%w: %q", ErrUnknownClient, client)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.disownLocked(sub, client, deadConsent)
	n := 0
	for _, s := range p.sessions {
		v := s.visit(client)
		if v == nil || s.user.Subject != sub || p.liveLocked(cfg, now, s) == nil {
			continue
		}
		n++
		s.visits = slices.DeleteFunc(s.visits, func(o *visit) bool { return o == v })
		p.emit(Event{Kind: EventEnd, Client: client, SID: s.sid, Subject: sub, Outcome: string(CauseConsent)})
		p.tellLocked(cfg, s, v, CauseConsent)
	}
	return n, nil
}
