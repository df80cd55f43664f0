package simulation

import (
	"slices"
	"time"

	"github.com/tandem-sso/tandem/rp/reason"
)

// explain holds C6 and C3: only a verdict that the IdP really gave, a clock that
// has really run out, or somebody's will ends a session.
func (o *oracle) explain(s *session, at time.Duration) {
	t := o.truth.sessions[s.sid]
	wrong := func(why string) {
		o.breach("C6", "%s ends for %s, but %s", s.label, s.reason, why)
	}
	underWay := func(kind actKind) bool {
		for v := range o.visits {
			if v.q.kind == kind && v.session == s.name {
				return true
			}
		}
		return false
	}
	switch s.reason {
	case reason.UserLogout:
		if !underWay(logout) {
			wrong("nobody has logged out")
		}
	case reason.Admin:
		if !underWay(adminEnd) && !o.orderEnds(s, at) {
			wrong("the app has not ended it")
		}
	case reason.Replaced:
		if !underWay(login) {
			wrong("nobody logs in in its browser")
		}
	case reason.SessionLimit:
		o.explainLimit(s, at, wrong)
	case reason.BackchannelLogout, reason.FrontchannelLogout:
		if !o.orderEnds(s, at) {
			wrong("no logout that means it has arrived")
		}
	case reason.Idle, reason.Absolute:
		if !slices.Contains(o.clocksOver(s, at), s.reason) {
			wrong("that clock has not run out")
		}
	case reason.RefreshRejected, reason.APIUnauthorized:
		o.explainRefusal(s, t, at, wrong)
	case reason.OtherSubject:
		o.explainOther(s, wrong)
	case reason.Unconfirmed:
		if !underWay(login) || t.ended > at && s.inItsBrowser() {
			wrong("the IdP has not refused a silent log-in")
		}
	default:
		wrong("nothing in this history can cause that")
	}
}

// inItsBrowser: the browser is in the same session at the IdP. After two log-ins
// at once it may be in another one, and the IdP vouches for that only.
func (s *session) inItsBrowser() bool {
	if s.browser == nil {
		return true
	}
	now, err := s.browser.at(s.app).Session()
	return err == nil && now.SID == s.sid
}

// explainLimit: the person has logged in elsewhere, which was one session too many,
// and has been active in the others later. The other instance may not know the last
// minute of that.
func (o *oracle) explainLimit(s *session, at time.Duration, wrong func(string)) {
	const granule = time.Minute
	active := func(s *session) (last time.Duration) {
		last = s.stored
		for _, v := range s.activity {
			if v.served() != "" {
				last = max(last, v.start)
			}
		}
		return last
	}
	logsIn, later := false, o.creating[s.app.n]
	for v := range o.visits {
		logsIn = logsIn || v.q.what == "callback" && v.in.app == s.app && v.b.person == s.person
	}
	for _, other := range o.born {
		if s.beside(other) && other.endAt >= at && active(other) >= active(s)-granule-s.app.skew() {
			later++
		}
	}
	for name, b := range o.births {
		if b.app == s.app && o.sessions[name] == nil && b.at >= at-slowestStore {
			later++ // stored, but no event has spoken of it yet
		}
	}
	most := s.app.knobs.Sessions
	if most == 0 || !logsIn || later < most && !o.excused(s.app, pathStore|pathRestart, s.began, at) {
		wrong("the person has fewer others that were active later")
	}
}

// explainRefusal: the IdP has refused the current token, and has had cause to.
func (o *oracle) explainRefusal(s *session, t *idpSession, at time.Duration, wrong func(string)) {
	refusal := slices.IndexFunc(s.calls, func(c *call) bool {
		switch {
		case c.to > at:
			return false
		case s.reason == reason.RefreshRejected:
			return c.kind == callRefresh && c.err == "invalid_grant"
		}
		return c.kind == callUserinfo && (c.status == 401 || c.status == 403)
	})
	switch {
	case refusal < 0:
		wrong("the IdP has refused nothing")
	case t.ended <= at:
	case o.cleanedUp(s, t) && !o.noted(s, t, s.calls[refusal].from):
		o.counts["log-ins hit by a revocation, which nobody could note"]++
	case t.reusedAt[s.app.n] >= s.stored && s.reason == reason.RefreshRejected && s.chain != nil &&
		(!s.chain.doubted || s.chain.perhaps):
		// An answer to another session of the person was lost, and this IdP takes all.
		o.counts["sessions hit by the reuse of another's token"]++
	default:
		wrong("its session at the IdP lives")
	}
}

// noted: before that time the app knew that a revocation may have reached the tokens of s. For that
// the revocation has to be answered, and the session has to begin while somebody waits for the log-in.
func (o *oracle) noted(s *session, t *idpSession, before time.Duration) bool {
	at, found := t.revokedAt[s.app.n], false
	for _, c := range o.revocations {
		if c.in.app != s.app || c.from > at || c.to < at {
			continue
		}
		by := c.to + slowestStore
		if s.stored >= c.to {
			by += lateLook
		}
		if c.to == never || before < by || s.stored > c.to+lateLook ||
			o.excused(s.app, pathStore|pathRestart, c.from, by) {
			return false
		}
		found = true
	}
	return found // else the IdP has read it when the app did not wait any more
}

// cleanedUp: its tokens went with those of another session by a call that was made while nobody
// could know of this one.
func (o *oracle) cleanedUp(s *session, t *idpSession) bool {
	at := t.revokedAt[s.app.n]
	return at >= s.loginAt && (at <= s.stored || slices.ContainsFunc(o.revocations, func(c *call) bool {
		return c.in.app == s.app && c.from <= s.stored && c.from <= at && c.to >= at
	}))
}

// clockEnd says which of the app's own clocks has run out for a session, if any.
func (o *oracle) clockEnd(s *session) reason.Reason { return o.clockEndAt(s, o.w.at()) }

func (o *oracle) clockEndAt(s *session, at time.Duration) reason.Reason {
	if over := o.clocksOver(s, at); len(over) > 0 {
		return over[0]
	}
	return ""
}

// clocksOver are all that may have run out, by the earliest of the app's clocks.
func (o *oracle) clocksOver(s *session, at time.Duration) (over []reason.Reason) {
	early := s.app.skew() + s.began - s.stored // the event may wait for the ends of others
	if o.excused(s.app, pathStore, s.stored-slowestStore, s.began) {
		early += slowestStore // the clocks of a session start before its record is stored
	}
	if o.excused(s.app, pathIdP, s.began-slowestCall, s.began) {
		early += slowestCall // and before userinfo has answered
	}
	if at >= s.began+orDefault(s.app.knobs.Absolute, 8*time.Hour)-early {
		over = append(over, reason.Absolute)
	}
	if idle := s.app.knobs.Idle; idle > 0 && at >= o.lastServed(s, at)+idle-early {
		over = append(over, reason.Idle)
	}
	return over
}

// surelyOver: one of its clocks has run out, also if requests that were answered with 503 count
// as activity.
func (o *oracle) surelyOver(s *session, at time.Duration) bool {
	return slices.ContainsFunc(o.clocksOver(s, at), func(r reason.Reason) bool {
		return r != reason.Idle || !slices.ContainsFunc(s.activity, func(v *visit) bool {
			return v.start+s.app.knobs.Idle > at
		})
	})
}

// slowestStore is how long a log-in waits for the store at the most.
const slowestStore = 10 * time.Second

// slowestCall is how long it waits for a call of the IdP.
const slowestCall = 30 * time.Second

// lastServed is when the person was last active in the app and all its instances
// could know it.
func (o *oracle) lastServed(s *session, before time.Duration) time.Duration {
	last := s.began
	for _, v := range s.activity {
		if v.end+o.w.h.Late <= before && v.served() != "" && !o.untold(s.app, v, before) {
			last = max(last, v.start)
		}
	}
	return last
}

// untold: because of a failing store nobody but the instance that served v can
// know of it at the given time. That one tries again every 15 s, while it lives.
func (o *oracle) untold(a *app, v *visit, at time.Duration) bool {
	const granule, again = time.Minute, 30 * time.Second
	for _, t := range o.troubles {
		if t.path&pathStore == 0 || !t.of.has(a) || t.from > v.end+granule || t.to < v.start {
			continue
		}
		if t.to == never || t.to+again > at || o.excused(a, pathRestart, v.start, t.to+again) {
			return true
		}
	}
	return false
}
