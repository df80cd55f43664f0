package simulation

import (
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

// truth is what really is the case at the IdP, from its own journal.
type truth struct {
	events   <-chan idpmock.Event
	sessions map[string]*idpSession
}

// idpSession is a session at the IdP.
type idpSession struct {
	sid, label string
	person     string
	signedIn   time.Duration                  // credentials were entered
	last       time.Duration                  // last touch by anybody
	by         [len(appNames)]time.Duration   // last touch through an app
	ended      time.Duration                  // never while it lives
	cause      idpmock.Cause                  //
	revoked    [len(appNames)]map[string]bool // why a family of an app's tokens was revoked
	arrived    [len(appNames)]bool            // a logout token for it has reached an app
	accepted   [len(appNames)]time.Duration   // an app has accepted one; never
}

// pull reads what the IdP has done since the last look. The caller holds mu.
func (o *oracle) pull() {
	for {
		select {
		case e, ok := <-o.truth.events:
			if !ok {
				return
			}
			o.observe(e)
		default:
			return
		}
	}
}

func (o *oracle) idpSession(sid, person string) *idpSession {
	s := o.truth.sessions[sid]
	if s == nil {
		s = &idpSession{sid: sid, label: o.label("S"), person: person, ended: never}
		for i := range s.accepted {
			s.accepted[i] = never
			s.revoked[i] = map[string]bool{}
		}
		o.truth.sessions[sid] = s
	}
	return s
}

func appNumber(client string) int {
	for i, name := range appNames {
		if name == client {
			return i
		}
	}
	return -1
}

func (o *oracle) observe(e idpmock.Event) {
	at := e.Time.Sub(o.w.begin)
	if e.SID == "" {
		o.lines = append(o.lines, line{at, "idp", "%s %s %s: %s", []any{e.Kind, e.Client, e.Endpoint, e.Outcome}})
		return
	}
	s := o.idpSession(e.SID, e.Subject)
	o.lines = append(o.lines, line{at, "idp", "%s %s %s %s: %s", []any{s.label, e.Kind, e.Client, e.Endpoint, e.Outcome}})
	n := appNumber(e.Client)
	switch e.Kind {
	case idpmock.EventSignIn:
		s.last, s.signedIn = at, at
	case idpmock.EventJoin, idpmock.EventSignal:
		s.last = at
		if n >= 0 {
			s.by[n] = at
		}
	case idpmock.EventRevoked:
		if n >= 0 {
			s.revoked[n][e.Outcome] = true
		}
	case idpmock.EventEnd:
		s.ended, s.cause = at, idpmock.Cause(e.Outcome)
		o.counts["IdP sessions ended: "+e.Outcome]++
		if s.cause == idpmock.CauseIdle {
			o.judgeIdle(s)
		}
	}
}
