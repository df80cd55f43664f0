package simulation

import (
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

// truth is what really is the case at the IdPs, from their own journals.
type truth struct {
	sessions map[string]*idpSession
}

// idpSession is a session at an IdP.
type idpSession struct {
	at         *provider
	sid, label string
	person     string
	signedIn   time.Duration // credentials were entered
	signIns    int           // how often they were
	last       time.Duration // last touch by anybody
	ended      time.Duration // never while it lives
	cause      idpmock.Cause
	revokedAt  [len(parties)]time.Duration // an app has revoked tokens; the last time
	reusedAt   [len(parties)]time.Duration // it was taken for a thief; the last time
}

// pull reads what the IdPs have done since the last look. The caller holds mu.
func (o *oracle) pull() {
	for _, p := range o.w.idps {
		if p != nil {
			o.pullFrom(p)
		}
	}
}

func (o *oracle) pullFrom(p *provider) {
	for {
		select {
		case e, ok := <-p.events:
			if !ok {
				return
			}
			o.observe(p, e)
		default:
			return
		}
	}
}

func (o *oracle) idpSession(p *provider, sid, person string) *idpSession {
	s := o.truth.sessions[sid]
	if s == nil {
		s = &idpSession{at: p, sid: sid, label: o.label([...]string{"S", "T"}[p.n]), person: person, ended: never}
		o.truth.sessions[sid] = s
	}
	return s
}

func (o *oracle) observe(p *provider, e idpmock.Event) {
	at := e.Time.Sub(o.w.begin) - p.ahead
	name := idpHosts[p.n]
	if e.SID == "" {
		o.lines = append(o.lines, line{at, name, "%s %s %s: %s", []any{e.Kind, e.Client, e.Endpoint, e.Outcome}})
		return
	}
	s := o.idpSession(p, e.SID, e.Subject)
	o.lines = append(o.lines, line{at, name, "%s %s %s %s: %s", []any{s.label, e.Kind, e.Client, e.Endpoint,
		e.Outcome}})
	switch e.Kind {
	case idpmock.EventSignIn:
		s.last, s.signedIn = at, at
		s.signIns++
	case idpmock.EventJoin, idpmock.EventSignal:
		if e.Outcome == "extended" {
			s.last = at
		}
	case idpmock.EventRevoked:
		if n := partyOf(p.n, e.Client); n >= 0 {
			s.revokedAt[n] = at
			if e.Outcome == "refresh token reuse" {
				s.reusedAt[n] = at
			}
		}
	case idpmock.EventEnd:
		if e.Client != "" { // only its part
			return
		}
		s.ended, s.cause = at, idpmock.Cause(e.Outcome)
		o.counts["IdP sessions ended: "+e.Outcome]++
		if s.cause == idpmock.CauseIdle {
			o.judgeIdle(s)
		}
	}
}
