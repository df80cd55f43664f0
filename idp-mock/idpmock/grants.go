package idpmock

import (
	"slices"
	"time"
)

// grant is one authorization of a client; all codes and tokens that come from
// it are its family. Guarded by IDP.mu.
type grant struct {
	client   string
	user     User
	session  string // key of IDP.sessions
	sid      string // what the client knows it by
	scope    []string
	nonce    string
	acr      string
	authTime time.Time
	created  time.Time
	until    time.Time // of refresh tokens
	dpop     string    // key thumbprint that public clients' refresh tokens are bound to
	revoked  bool
}

type code struct {
	grant       *grant
	redirectURI string
	challenge   string
	dpop        string // dpop_jkt
	until       time.Time
	used        bool
}

type refreshToken struct {
	grant    *grant
	consumed time.Time // zero: not yet
}

type accessToken struct {
	grant  *grant
	jti    string
	issued time.Time
	until  time.Time
	jkt    string // DPoP
	format AccessTokenType
	aud    []string
}

// useSession is the reference behaviour's heart, the session check of every
// call with a token: it reports whether the session that g came from still
// lives for the client, and extends it. Clients that are not coordinated are
// not checked. The caller holds mu.
func (p *IDP) useSession(cfg *settings, now time.Time, g *grant, by Endpoint) bool {
	if !cfg.coordinated(g.client) {
		p.emit(Event{Kind: EventSignal, Client: g.client, SID: g.session, Subject: g.user.Subject, Endpoint: by, Outcome: "uncoordinated"})
		return true
	}
	s := p.liveLocked(cfg, now, p.sessions[g.session])
	if s != nil && cfg.Policies.SeparateTimers {
		if v := s.visit(g.client); v != nil && !now.Before(v.idle) {
			p.endVisitLocked(cfg, s, v)
			s = nil
		}
	}
	if s == nil {
		p.emit(Event{Kind: EventRefused, Client: g.client, SID: g.session, Subject: g.user.Subject, Endpoint: by, Outcome: "session is gone"})
		return false
	}
	p.touchLocked(cfg, s, now, g.client, by)
	p.emit(Event{Kind: EventSignal, Client: g.client, SID: s.sid, Subject: g.user.Subject, Endpoint: by, Outcome: "extended", Deadline: s.deadline()})
	return true
}

func (p *IDP) touchLocked(cfg *settings, s *session, now time.Time, client string, by Endpoint) {
	s.touch(cfg, now, client, by)
	p.markLocked(s)
}

// markLocked tells the sweeper that s may run out earlier than it believes.
func (p *IDP) markLocked(s *session) {
	next := s.deadline()
	for _, v := range s.visits {
		if v.idle.Before(next) {
			next = v.idle
		}
	}
	if next.Before(p.earliest) {
		p.earliest = next
	}
}

// liveLocked returns s if it lives at now; one that has run out ends here, the
// lazy path of expiry.
func (p *IDP) liveLocked(cfg *settings, now time.Time, s *session) *session {
	if s == nil {
		return nil
	}
	if cause, over := s.expired(now); over {
		p.endLocked(cfg, s, cause)
		return nil
	}
	return s
}

// endLocked ends a session: it is gone, grants of coordinated clients are
// deleted, and logout tokens are queued.
func (p *IDP) endLocked(cfg *settings, s *session, cause Cause) {
	delete(p.sessions, s.sid)
	if p.cookies[s.cookie] == s {
		delete(p.cookies, s.cookie)
	}
	for _, g := range p.grants[s.sid] {
		if cfg.coordinated(g.client) {
			g.revoked = true
		}
	}
	delete(p.grants, s.sid)
	p.emit(Event{Kind: EventEnd, SID: s.sid, Subject: s.user.Subject, Outcome: string(cause)})
	for _, v := range s.visits {
		c := cfg.clients[v.client]
		if c == nil || c.BackchannelLogoutURI == "" {
			continue
		}
		if cause.expiry() && !cfg.ExpiredSessionsTriggerBackchannelLogout && !cfg.coordinated(c.ID) {
			continue
		}
		p.enqueueLocked(cfg, c, s.user.Subject, v.sid, s.sid)
	}
}

// endVisitLocked ends one client's part of a session, see
// Policies.SeparateTimers.
func (p *IDP) endVisitLocked(cfg *settings, s *session, v *visit) {
	s.visits = slices.DeleteFunc(s.visits, func(o *visit) bool { return o == v })
	for _, g := range p.grants[s.sid] {
		if g.client == v.client {
			g.revoked = true
		}
	}
	p.emit(Event{Kind: EventEnd, Client: v.client, SID: s.sid, Subject: s.user.Subject, Outcome: string(CauseIdle)})
	if c := cfg.clients[v.client]; c != nil && c.BackchannelLogoutURI != "" {
		p.enqueueLocked(cfg, c, s.user.Subject, v.sid, s.sid)
	}
}

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
	if p.settings().SIDPerClient {
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
// the client ("" for none): what a session API offers, and how an API reports
// activity that it saw. A client that is no part of the session does not become
// one.
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
	p.emit(Event{Kind: EventSignal, Client: client, SID: s.sid, Subject: s.user.Subject, Endpoint: EndpointControl, Outcome: "extended", Deadline: s.deadline()})
	return s.snapshot(), nil
}
