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
	offline  bool      // the scope has offline_access
	// resources are the APIs that the authorization request has named.
	resources []string
	part      *clientSession
	// machine: a client that acts for itself; there is no person and no session.
	machine bool
	dead    dead // why none of its tokens is good any more
	// noRefresh: its refresh tokens are gone, its access tokens are not; see
	// Temperament.MaxRefreshTokens.
	noRefresh bool
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
	until    time.Time // an end of its own, see Temperament.ClientIdle; zero: the grant's
	issued   time.Time
	consumed time.Time // zero: not yet
	next     string    // what it was rotated to, see Temperament.RepeatInGrace
}

func (k *refreshToken) expired(now time.Time) bool {
	return !now.Before(k.grant.until) || !k.until.IsZero() && !now.Before(k.until)
}

type accessToken struct {
	grant  *grant
	jti    string
	issued time.Time
	until  time.Time
	jkt    string // DPoP
	x5t    string // of the certificate that it is bound to
	format AccessTokenType
	aud    []string
	scope  []string
}

// outlives reports whether the tokens of g stand outside the session.
func (s *settings) outlives(g *grant) bool {
	return g.machine || !s.coordinated(g.client) || g.offline && s.Temperament.OfflineOutlives
}

// proves reports whether a call with a token of g fails once the session is over.
func (s *settings) proves(g *grant, by Endpoint) bool {
	return !s.outlives(g) && s.Temperament.Proves(by)
}

// left reports whether the client session of g has run out by itself.
func (s *settings) left(g *grant, now time.Time) bool {
	return s.Temperament.ClientIdle && !now.Before(g.part.idle)
}

// endsWithSession reports whether all tokens of g end with the session. Where
// only some do, each call is decided by itself.
func (s *settings) endsWithSession(g *grant) bool {
	return s.proves(g, EndpointRefresh) && s.proves(g, EndpointUserinfo) && s.proves(g, EndpointIntrospect)
}

// useSession is the reference behaviour's heart, the session check of every
// call with a token: it says why the session that g came from is over for the
// client, and extends it if it lives. Clients that are not coordinated are not
// checked. The caller holds mu.
func (p *IDP) useSession(cfg *settings, now time.Time, g *grant, by Endpoint) dead {
	signal := Event{Kind: EventSignal, Client: g.client, SID: g.session, Subject: g.user.Subject, Endpoint: by}
	if cfg.outlives(g) {
		signal.Outcome = "uncoordinated"
		p.emit(signal)
		return ""
	}
	s, why := p.sessionOfLocked(cfg, now, g)
	switch {
	case why != "" && cfg.Temperament.Proves(by):
		signal.Kind, signal.Outcome = EventRefused, string(why)
		p.emit(signal)
		return why
	case why != "":
		signal.Outcome = "not checked"
	case !cfg.Temperament.Extends(by):
		signal.Outcome, signal.Deadline = "not extended", s.deadline()
	default:
		p.touchLocked(cfg, s, now, g.client, by)
		signal.Outcome, signal.Deadline = "extended", s.deadline()
	}
	p.emit(signal)
	return ""
}

// sessionOfLocked returns the session that g came from, or why it is over for
// the client.
func (p *IDP) sessionOfLocked(cfg *settings, now time.Time, g *grant) (*session, dead) {
	s := p.liveLocked(cfg, now, p.sessions[g.session])
	if s == nil {
		return nil, deadEnded
	}
	if cfg.Policies.SeparateTimers {
		if v := s.visit(g.client); v != nil && !now.Before(v.idle) {
			p.endVisitLocked(cfg, s, v)
			return nil, deadEnded
		}
	}
	if cfg.left(g, now) {
		return nil, deadIdle
	}
	return s, ""
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
		if g.dead == "" && cfg.endsWithSession(g) {
			g.dead = deadEnded
		}
	}
	delete(p.grants, s.sid)
	p.emit(Event{Kind: EventEnd, SID: s.sid, Subject: s.user.Subject, Outcome: string(cause)})
	for _, v := range s.visits {
		if cause.expiry() && !cfg.ExpiredSessionsTriggerBackchannelLogout && !cfg.coordinated(v.client) {
			continue
		}
		p.tellLocked(cfg, s, v, cause)
	}
}

// tellLocked queues a logout token for one client of a session, if the client
// wants one and the provider sends any for the cause.
func (p *IDP) tellLocked(cfg *settings, s *session, v *visit, cause Cause) {
	c, t := cfg.clients[v.client], &cfg.Temperament
	switch {
	case c == nil || c.BackchannelLogoutURI == "":
	case !t.Has(hasBackchannel) || slices.Contains(t.NoLogoutTokenOn, cause):
	case t.FrontchannelInstead && c.FrontchannelLogoutURI != "":
	default:
		p.enqueueLocked(cfg, c, s.user.Subject, v.sid, s.sid, cause)
	}
}

// endVisitLocked ends one client's part of a session, see
// Policies.SeparateTimers.
func (p *IDP) endVisitLocked(cfg *settings, s *session, v *visit) {
	s.visits = slices.DeleteFunc(s.visits, func(o *visit) bool { return o == v })
	for _, g := range p.grants[s.sid] {
		if g.client == v.client && g.dead == "" {
			g.dead = deadEnded
		}
	}
	p.emit(Event{Kind: EventEnd, Client: v.client, SID: s.sid, Subject: s.user.Subject, Outcome: string(CauseIdle)})
	p.tellLocked(cfg, s, v, CauseIdle)
}
