package idpmock

import "slices"

// Sessions lists the live sessions, oldest first.
func (p *IDP) Sessions() []Session {
	now := p.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]Session, 0, len(p.sessions))
	for _, s := range p.sessions {
		if _, over := s.expired(now); !over {
			out = append(out, s.snapshot())
		}
	}
	slices.SortFunc(out, func(a, b Session) int { return a.Created.Compare(b.Created) })
	return out
}

// Session returns a live session by its sid, or by the sid that one of its
// clients knows it by. It does not extend it.
func (p *IDP) Session(sid string) (Session, error) {
	now := p.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.findLocked(sid)
	if s == nil {
		return Session{}, ErrNoSession
	}
	if _, over := s.expired(now); over {
		return Session{}, ErrNoSession
	}
	return s.snapshot(), nil
}

func (p *IDP) findLocked(sid string) *session {
	if sid == "" {
		return nil
	}
	if s := p.sessions[sid]; s != nil {
		return s
	}
	if p.settings().sidPerClient() {
		for _, s := range p.sessions {
			if slices.ContainsFunc(s.visits, func(v *visit) bool { return v.sid == sid }) {
				return s
			}
		}
	}
	return nil
}

// EndSession ends one session, as an administrator does. Logout tokens are
// under way when it returns; see [IDP.Settle].
func (p *IDP) EndSession(sid string) error {
	cfg, now := p.settings(), p.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.liveLocked(cfg, now, p.findLocked(sid))
	if s == nil {
		return ErrNoSession
	}
	p.endLocked(cfg, s, CauseAdmin)
	return nil
}

// EndUser ends all sessions of a subject and says how many there were.
func (p *IDP) EndUser(sub string) int {
	cfg, now := p.settings(), p.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, s := range p.sessions {
		if s.user.Subject == sub && p.liveLocked(cfg, now, s) != nil {
			p.endLocked(cfg, s, CauseAdmin)
			n++
		}
	}
	return n
}

// Extend slides a session's idle deadline, as if the person had been active in
// the client ("" for none), as a session API does, or an API that reports activity. A client
// that is not part of the session does not become part of it.
func (p *IDP) Extend(sid, client string) (Session, error) {
	cfg, now := p.settings(), p.Now()
	if client != "" && cfg.clients[client] == nil {
		return Session{}, ErrUnknownClient
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.liveLocked(cfg, now, p.findLocked(sid))
	if s == nil {
		return Session{}, ErrNoSession
	}
	part := client
	if s.visit(client) == nil {
		part = ""
	}
	p.touchLocked(cfg, s, now, part, EndpointControl)
	p.emit(Event{Kind: EventSignal, Client: client, SID: s.sid, Subject: s.user.Subject, Endpoint: EndpointControl,
		Outcome: "extended", Deadline: s.deadline()})
	return s.snapshot(), nil
}
