package idpmock

import (
	"slices"
	"time"
)

// clientSession is what a log-in of a client begins within a session. Later
// log-ins of the client join it where Temperament.SharedClientSession says so.
// Guarded by IDP.mu.
type clientSession struct {
	grants []*grant
	idle   time.Time // its own deadline, see Temperament.ClientIdle
}

// openLocked puts a new grant into the session's books and into its client
// session.
func (p *IDP) openLocked(cfg *settings, now time.Time, s *session, v *visit, g *grant) {
	p.grants[s.sid] = append(p.grants[s.sid], g)
	part := &v.part
	if g.offline && cfg.Temperament.OfflineOutlives && cfg.Temperament.LastClientEndsSession {
		part = &v.offline // it outlives the session, so it is not what keeps the client in it
	}
	if *part == nil || !cfg.Temperament.SharedClientSession {
		*part = &clientSession{}
	}
	g.part = *part
	g.part.grants = append(g.part.grants, g)
	g.part.idle = now.Add(cfg.clientWindow(g.client))
}

// dieLocked ends a family of tokens.
func (p *IDP) dieLocked(g *grant, why dead) {
	if g.dead != "" {
		return
	}
	g.dead = why
	p.emit(Event{Kind: EventRevoked, Client: g.client, SID: g.session, Subject: g.user.Subject, Outcome: string(why)})
}

// takeAlongLocked ends what goes with one token of g; the token itself is the
// caller's.
func (p *IDP) takeAlongLocked(cfg *settings, now time.Time, g *grant, reach Reach, why dead) {
	switch reach {
	case ReachNothing, ReachToken:
	case ReachReference:
		p.dropReferenceLocked(g)
	case ReachFamily:
		p.dieLocked(g, why)
	case ReachClientSession:
		for _, o := range g.part.grants {
			p.dieLocked(o, why)
		}
		if cfg.Temperament.LastClientEndsSession {
			p.leaveLocked(cfg, now, g)
		}
	case ReachUserClient:
		p.disownLocked(g.user.Subject, g.client, why)
	case ReachSession:
		p.dieLocked(g, why)
		if s := p.liveLocked(cfg, now, p.sessions[g.session]); s != nil {
			p.endLocked(cfg, s, CauseRevoked)
		}
	}
}

// leaveLocked takes the client of g out of its session, which ends with its last
// client. Nobody is told.
func (p *IDP) leaveLocked(cfg *settings, now time.Time, g *grant) {
	s := p.liveLocked(cfg, now, p.sessions[g.session])
	if s == nil {
		return
	}
	v := s.visit(g.client)
	if v == nil || v.part != g.part {
		return // a later log-in of the client has a client session of its own
	}
	s.visits = slices.DeleteFunc(s.visits, func(o *visit) bool { return o == v })
	p.emit(Event{Kind: EventEnd, Client: g.client, SID: s.sid, Subject: s.user.Subject, Outcome: string(CauseRevoked)})
	if len(s.visits) > 0 {
		return
	}
	p.endLocked(cfg, s, CauseRevoked)
	for _, o := range g.part.grants {
		o.dead = deadEnded // what the provider says of them from now on
	}
}

// dropReferenceLocked forgets the reference access tokens of g's client in g's
// session.
func (p *IDP) dropReferenceLocked(g *grant) {
	for key, t := range p.access {
		if t.format == Reference && t.grant.client == g.client && t.grant.session == g.session {
			delete(p.access, key)
		}
	}
}

// disownLocked ends every token of a user at a client, those that have outlived
// their session too.
func (p *IDP) disownLocked(sub, client string, why dead) {
	die := func(g *grant) {
		if g.user.Subject == sub && g.client == client {
			p.dieLocked(g, why)
		}
	}
	for _, c := range p.codes {
		die(c.grant)
	}
	for _, t := range p.refresh {
		die(t.grant)
	}
	for _, t := range p.access {
		die(t.grant)
	}
}

// limitRefreshLocked kills the refresh tokens of the oldest log-ins of g's user
// at g's client that are beyond Temperament.MaxRefreshTokens. g is the newest.
func (p *IDP) limitRefreshLocked(cfg *settings, now time.Time, g *grant) {
	limit := cfg.Temperament.MaxRefreshTokens
	if limit == 0 {
		return
	}
	var others []*grant
	seen := map[*grant]bool{g: true}
	for _, t := range p.refresh {
		o := t.grant
		if o.client != g.client || o.user.Subject != g.user.Subject || seen[o] {
			continue
		}
		if o.dead == "" && !o.noRefresh && !t.expired(now) {
			seen[o] = true
			others = append(others, o)
		}
	}
	slices.SortFunc(others, func(a, b *grant) int { return a.created.Compare(b.created) })
	for _, o := range others[:max(0, len(others)+1-limit)] {
		o.noRefresh = true
		p.emit(Event{Kind: EventRevoked, Client: o.client, SID: o.session, Subject: o.user.Subject,
			Outcome: string(deadReplaced)})
	}
}
