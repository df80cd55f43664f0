package idpmock

import (
	"fmt"
	"time"
)

// Expire ends one session now as if its time had run out, by [CauseIdle] or
// [CauseAbsolute]. The clock stays as it is, so nobody else notices. Logout tokens are under
// way when it returns; see [IDP.Settle].
func (p *IDP) Expire(sid string, cause Cause) error {
	if !cause.expiry() {
		return fmt.Errorf("idpmock: Expire: %q is neither %q nor %q", cause, CauseIdle, CauseAbsolute)
	}
	cfg, now := p.settings(), p.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.liveLocked(cfg, now, p.findLocked(sid))
	if s == nil {
		return ErrNoSession
	}
	p.endLocked(cfg, s, cause)
	return nil
}

// AdvanceSession lets d pass for one session and its tokens alone: all their times move into
// the past, and what runs out by that has ended when it returns. It is [IDP.Advance] for one
// person, where others share the provider. It reports whether the session still lives.
//
// A JWT that was issued before says what it said: introspection and userinfo know better, an
// API that reads the token alone does not.
func (p *IDP) AdvanceSession(sid string, d time.Duration) (live bool, err error) {
	if d < 0 {
		return false, fmt.Errorf("idpmock: AdvanceSession: %v is negative: time does not run backwards", d)
	}
	cfg, now := p.settings(), p.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.liveLocked(cfg, now, p.findLocked(sid))
	if s == nil {
		return false, ErrNoSession
	}
	s.age(d)
	p.ageTokensLocked(s, d)
	if cfg.Policies.SeparateTimers {
		p.sweepVisits(cfg, now, s, now)
	}
	p.markLocked(s)
	return p.liveLocked(cfg, now, s) != nil, nil
}

// age moves everything that the session knows of time into the past.
func (s *session) age(d time.Duration) {
	for _, at := range []*time.Time{&s.created, &s.authTime, &s.active, &s.idle, &s.absolute} {
		*at = at.Add(-d)
	}
	for _, v := range s.visits {
		for _, at := range []*time.Time{&v.joined, &v.active, &v.idle} {
			*at = at.Add(-d)
		}
	}
}

// ageTokensLocked does the same for the grants of a session and all that came from them.
func (p *IDP) ageTokensLocked(s *session, d time.Duration) {
	parts := map[*clientSession]bool{}
	for _, g := range p.grants[s.sid] {
		for _, at := range []*time.Time{&g.authTime, &g.created, &g.until} {
			*at = at.Add(-d)
		}
		parts[g.part] = true
	}
	for part := range parts {
		part.idle = part.idle.Add(-d)
	}
	for _, c := range p.codes {
		if c.grant.session == s.sid {
			c.until = c.until.Add(-d)
		}
	}
	for _, t := range p.refresh {
		if t.grant.session != s.sid {
			continue
		}
		for _, at := range []*time.Time{&t.until, &t.consumed} {
			if !at.IsZero() {
				*at = at.Add(-d)
			}
		}
	}
	for _, t := range p.access {
		if t.grant.session == s.sid {
			t.issued, t.until = t.issued.Add(-d), t.until.Add(-d)
		}
	}
}
