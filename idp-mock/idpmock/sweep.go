package idpmock

import "time"

// gcEvery is how often tokens and requests that have run out are forgotten.
const gcEvery = time.Minute

// sweeper looks for expired sessions and due deliveries until Close.
func (p *IDP) sweeper() {
	t := time.NewTicker(p.settings().SweepEvery)
	defer t.Stop()
	for {
		select {
		case <-p.ctx.Done():
			return
		case <-t.C:
			p.Sweep()
		}
	}
}

// Sweep ends the sessions that have run out, sends the deliveries that are due
// and forgets old tokens. The background sweeper does the same every
// [Config.SweepEvery]. It returns how many sessions it ended.
func (p *IDP) Sweep() int {
	cfg, now := p.settings(), p.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	ended := 0
	// Nothing can expire before the earliest deadline of the last look, which
	// markLocked lowers where a deadline moves in.
	if p.earliest.IsZero() || !now.Before(p.earliest) {
		p.earliest = now.Add(365 * 24 * time.Hour)
		for _, s := range p.sessions {
			if p.liveLocked(cfg, now, s) == nil {
				ended++
				continue
			}
			next := s.deadline()
			if cfg.Policies.SeparateTimers {
				next = p.sweepVisits(cfg, now, s, next)
			}
			if next.Before(p.earliest) {
				p.earliest = next
			}
		}
	}
	p.dispatchLocked(now)
	if now.Sub(p.gc) >= gcEvery {
		p.gc = now
		p.forgetLocked(cfg, now)
	}
	return ended
}

// sweepVisits ends the parts of s whose own timers have run out and returns the
// next deadline.
func (p *IDP) sweepVisits(cfg *settings, now time.Time, s *session, next time.Time) time.Time {
	for i := len(s.visits) - 1; i >= 0; i-- {
		v := s.visits[i]
		if !now.Before(v.idle) {
			p.endVisitLocked(cfg, s, v)
		} else if v.idle.Before(next) {
			next = v.idle
		}
	}
	return next
}

// remembered is how long after its end a refresh token is known where the
// provider has words for each way to die.
const remembered = 24 * time.Hour

// forgetLocked clears out what is of no use any more. Dead tokens are kept where
// the provider says of each why it is dead.
func (p *IDP) forgetLocked(cfg *settings, now time.Time) {
	explains := cfg.Temperament.Refusals != Refusals{}
	for k, c := range p.codes {
		if c.grant.dead != "" || now.Sub(c.until) > gcEvery { // used ones are kept a while: their reuse revokes
			delete(p.codes, k)
		}
	}
	for k, t := range p.refresh {
		if explains && now.Before(t.grant.until.Add(remembered)) {
			continue
		}
		if t.grant.dead != "" || t.expired(now) {
			delete(p.refresh, k)
		}
	}
	for k, t := range p.access {
		if t.grant.dead != "" && !explains || !now.Before(t.until) {
			delete(p.access, k)
		}
	}
	for k, r := range p.requests {
		if !now.Before(r.until) {
			delete(p.requests, k)
		}
	}
	for k, r := range p.pushed {
		if !now.Before(r.until) {
			delete(p.pushed, k)
		}
	}
	for k, r := range p.logouts {
		if !now.Before(r.until) {
			delete(p.logouts, k)
		}
	}
	for k, until := range p.seen {
		if !now.Before(until) {
			delete(p.seen, k)
		}
	}
}
