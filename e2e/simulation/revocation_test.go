package simulation

import (
	"slices"
	"time"

	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/idps"
	"github.com/tandem-sso/tandem/rp/reason"
)

// What an ended session held is revoked, where that ends nothing that is to go on
// (rp.Capabilities, RevocationScope): this app's own limits end this app's session
// and not the IdP's, and another session of the same person at this client goes on.

// wide: a revocation takes more than the tokens of the same log-in.
func (a *app) wide() bool {
	return a.knobs.Revocation == idps.RevokesGrant || a.knobs.Revocation == idps.RevokesClientSession
}

// ownLimit: neither the person nor the IdP nor the app's code has wanted that end.
func ownLimit(r reason.Reason) bool {
	switch r {
	case reason.Idle, reason.Absolute, reason.IdPCeiling, reason.SessionLimit:
		return true
	}
	return false
}

// beside: both are sessions of the same person in the same app.
func (s *session) beside(other *session) bool {
	return other != s && other.app == s.app && other.person == s.person
}

// hit is a session that a revocation of the tokens of s would hit, and that lived from
// one time to another.
func (o *oracle) hit(s *session, from, to time.Duration) *session {
	if !s.app.wide() {
		return nil
	}
	for _, other := range o.born {
		if !s.beside(other) || other.began >= to || other.endAt < from {
			continue
		}
		if s.app.knobs.Revocation == idps.RevokesGrant || s.shares(other) {
			return other
		}
	}
	return nil
}

// shares: both are, or were, in the same session of the IdP.
func (s *session) shares(other *session) bool {
	return slices.ContainsFunc(append(other.was, other.sid), func(sid string) bool {
		return sid == s.sid || slices.Contains(s.was, sid)
	})
}

// lateLook is how long after a revocation a log-in that was under way may lead to a session.
const lateLook = waitFor + 5*time.Second

// reachedBy: a revocation was answered, and s was logged in by then or perhaps was: where a
// revocation reaches far, s is not to be ended because its tokens are refused.
func (s *session) reachedBy(c *call) {
	if !s.app.wide() || c.to == never || c.chain == nil || c.chain.session == nil || !c.chain.session.beside(s) ||
		s.endAt < c.from || s.stored > c.to+lateLook+slowestStore || s.loginAt > c.to+time.Second+s.app.skew() {
		return
	}
	s.reached = max(s.reached, c.to+lateLook+slowestStore)
}

// reachable: it was so, and no token of s has shown since that it works.
func (s *session) reachable() bool {
	return s.reached > 0 && !slices.ContainsFunc(s.calls, func(c *call) bool { return c.good() && c.from > s.reached })
}

// judgeRevocation holds C1: nobody is logged out because another log-in of theirs is
// cleaned up.
func (o *oracle) judgeRevocation(c *call) {
	if c.chain == nil || !c.in.app.wide() {
		return
	}
	s := c.chain.session
	if s == nil { // perhaps its callback is not answered yet
		o.later(c.from+5*time.Minute, func(time.Duration) {
			if c.chain.session == nil {
				o.breach("C1", "%s revokes tokens of a log-in that led to no session, which takes along what others "+
					"have",
					c.in.name)
			}
		})
		return
	}
	switch other := o.hit(s, c.from+1, c.from); {
	case s.endAt == never:
		o.breach("C1", "%s revokes a token of %s, which lives", c.in.name, s.label)
	case ownLimit(s.reason):
		o.breach("C1", "%s revokes a token of %s, which has only reached a limit of the app (%s)",
			c.in.name, s.label, s.reason)
	case other != nil && o.truth.sessions[other.sid].ended <= c.from: // there is nothing to take along
	case other != nil && !o.excused(s.app, pathStore|pathIdP, other.began, c.from):
		o.unlessEnded(other, c.from, func() { // by a copy of the same logout token
			o.breach("C1", "%s revokes a token of %s, which takes along what %s has", c.in.name, s.label, other.label)
		})
	}
}

// expectRevocation holds C5: what an ended session held is revoked.
func (o *oracle) expectRevocation(s *session) {
	if s.chain == nil || s.app.kind == rp.NoToken { // which has kept none
		return
	}
	if s.app.wide() && ownLimit(s.reason) || !s.app.provider.temper.Has("revocation_endpoint") {
		return
	}
	for _, c := range s.chains() {
		token, at := c.last()
		if token == "" || o.excused(s.app, pathStore, at, at+time.Minute) &&
			o.excused(s.app, pathRestart, at, s.endAt) {
			return // it could not be saved, and was lost with the process that had it
		}
	}
	o.later(s.endAt+30*time.Minute, func(now time.Duration) {
		revoked := slices.ContainsFunc(s.chains(), func(c *chain) bool {
			token, _ := c.last()
			return c.revoked[token] || c.forked && len(c.revoked) > 0
		})
		if !revoked && o.hit(s, s.endAt, now) == nil && !o.excused(s.app, pathIdP|pathStore|pathRestart, s.endAt, now) {
			o.breach("C5", "%s ended at %s, and its token was not revoked by %s", s.label, stamp(s.endAt), stamp(now))
		}
	})
}

// expectAnotherTry: if the first revocation for a session has failed, it is tried again soon, while
// the token may be worth something to a thief.
func (o *oracle) expectAnotherTry(c *call) {
	own := c.chain.session
	o.later(c.from+4*time.Second, func(now time.Duration) {
		switch {
		case c.chain.tries[c.token] > 1, own == nil, o.hit(own, own.endAt, now) != nil:
		case o.excused(c.in.app, pathStore|pathRestart, own.endAt, now):
		case slices.ContainsFunc(o.troubles, func(t *trouble) bool { return t.hangs && t.felt(c.in.app, c.from, now) }):
		default:
			o.breach("C5", "%s could not revoke a token of %s at %s and has not tried again by %s",
				c.in.name, own.label, stamp(c.from), stamp(now))
		}
	})
}

// failures counts the revocations that have failed, of all tokens: the app waits longer after each.
func (c *chain) failures() (n int) {
	for token, tries := range c.tries {
		if n += tries; c.revoked[token] {
			n--
		}
	}
	return n
}

// last is the token to be revoked, and when it came.
func (c *chain) last() (string, time.Duration) {
	if n := len(c.refresh); n > 0 {
		return c.refresh[n-1].value, c.refresh[n-1].at
	}
	return c.access, c.fetched
}
