package simulation

import (
	"encoding/hex"
	"slices"
	"time"

	"github.com/tandem-sso/tandem/rp"
)

// The store, as the oracle sees it through the wrapper of each instance.

func (o *oracle) named(key rp.Key) *session { return o.sessions[hex.EncodeToString(key[:6])] }

func (o *oracle) created(in *instance, rec rp.Record, err error) {
	o.lock()
	defer o.unlock()
	if s := o.named(rec.Key); s != nil && err == nil {
		o.breach("C5", "%s creates %s a second time", in.name, s.label)
	}
}

func (o *oracle) replaced(in *instance, rec rp.Record, err error) {
	now := o.lock()
	defer o.unlock()
	if s := o.named(rec.Key); s != nil && err == nil && s.endAt <= now {
		o.breach("C5", "%s saves %s, which ended at %s", in.name, s.label, stamp(s.endAt))
	}
}

func (o *oracle) loaded(in *instance, key rp.Key, rec rp.Record, err error) {
	if err != nil {
		return
	}
	now := o.lock()
	defer o.unlock()
	if s := o.named(key); s != nil && s.endAt < now {
		o.breach("C5", "%s finds %s alive in the store, which ended at %s", in.name, s.label, stamp(s.endAt))
	}
	_ = rec
}

// storeEnded: the store has ended sessions for good. From here on nobody may be
// served; the reason must be true (C6), an event has to follow at once (C8), and
// what the session held has to be revoked.
func (o *oracle) storeEnded(in *instance, recs []rp.Record) {
	if len(recs) == 0 {
		return
	}
	now := o.lock()
	defer o.unlock()
	for _, rec := range recs {
		s := o.named(rec.Key)
		if g := o.ghosts[hex.EncodeToString(rec.Key[:6])]; g != nil {
			o.note(in.name, "ends a session that never began: %s", rec.End.Reason)
			g.laid = true
			continue
		}
		if s == nil {
			x := o.overtakes(in, hex.EncodeToString(rec.Key[:6]))
			x.endAt, x.reason = now, rec.End.Reason
			continue
		}
		switch {
		case s.assumed: // its event was faster than our look at the store
			s.assumed = false
		case s.endAt != never:
			o.breach("C8", "the store ends %s twice", s.label)
			return
		}
		s.endAt, s.reason = min(s.endAt, now), rec.End.Reason
		o.note(in.name, "ends %s in the store: %s", s.label, s.reason)
		o.counts["ends: "+string(s.reason)]++
		o.explain(s, s.endAt)
		o.expectEvent(s, now)
		o.expectStreams(s)
		o.expectRevocation(s)
	}
}

// expectEvent: at once, or, if the one who has ended it could not hear of it, as
// soon as another instance takes over.
func (o *oracle) expectEvent(s *session, by time.Duration) {
	o.later(by, func(now time.Duration) {
		switch {
		case s.tellAt != never:
		case o.excused(s.app, pathStore|pathRestart, s.endAt, now) && now < s.endAt+time.Hour:
			o.expectEvent(s, now+5*time.Minute) // a minute's head start, a batch held for two
		default:
			o.breach("C8", "%s ended at %s, and no event says so", s.label, stamp(s.endAt))
		}
	})
}

// expectStreams: every open tab on every instance is told within a second, or
// soon after its instance can read the store again.
func (o *oracle) expectStreams(s *session) {
	for v := range o.visits {
		if v.q.kind == stream && v.session == s.name {
			o.expectTold(s, v, s.endAt, s.endAt+time.Second)
		}
	}
}

func (o *oracle) expectTold(s *session, v *visit, from, by time.Duration) {
	o.later(by, func(now time.Duration) {
		switch {
		case v.toldAt <= now || v.end <= now:
		case o.excused(s.app, pathWatch|pathStore|pathRestart, from, by):
			o.expectTold(s, v, now, now+feltAfter)
		default:
			o.breach("C8", "%s ended at %s, and its stream on %s was not told by %s", s.label, stamp(s.endAt), v.in.name, stamp(now))
		}
	})
}

// early is the end of a session whose callback is still waiting for the store's
// answer, so that nobody has heard of its beginning.
type early struct {
	endAt, tellAt time.Duration
	reason        rp.Reason
}

func (o *oracle) overtakes(in *instance, name string) *early {
	x := o.early[name]
	if x == nil {
		x = &early{endAt: never, tellAt: never}
		o.early[name] = x
	}
	for v := range o.visits {
		if v.in.app == in.app && v.q.what == "callback" {
			o.note(in.name, "ends a session of which no event has spoken")
			return x
		}
	}
	o.breach("C8", "%s announces the end of a session that never began", in.name)
	return x
}

// ended is the library's event. C8: exactly one per session, with its reason.
func (o *oracle) ended(in *instance, e rp.EndEvent) {
	now := o.lock()
	defer o.unlock()
	s := o.sessions[e.Session]
	if o.ghosts[e.Session] != nil {
		if e.Reason == "never_begun" {
			o.breach("C8", "%s announces the end of a session whose log-in has failed", in.name)
		}
		return // another end, such as a logout, came before it could be taken back
	}
	if s == nil {
		x := o.overtakes(in, e.Session)
		if x.tellAt != never {
			o.breach("C8", "a second event says that a session ended that has only begun")
		}
		x.tellAt, x.reason = now, e.Reason
		return
	}
	o.note(in.name, "announces the end of %s: %s", s.label, e.Reason)
	if s.tellAt != never {
		// Only if it could not be noted that one was told already.
		if !o.excused(s.app, pathStore|pathRestart, s.tellAt, now) {
			o.breach("C8", "a second event says that %s ended (%s, %s)", s.label, s.reason, e.Reason)
		}
		return
	}
	s.tellAt = now
	switch {
	case s.endAt == never:
		s.endAt, s.assumed = now, true
		o.later(now, func(time.Duration) {
			if s.assumed {
				o.breach("C8", "%s announces the end of %s, which lives on in the store", in.name, s.label)
			}
		})
	case s.reason != e.Reason:
		o.breach("C8", "%s says that %s ended for %s; it was %s", in.name, s.label, e.Reason, s.reason)
	}
}

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
	case rp.UserLogout:
		if !underWay(logout) {
			wrong("nobody has logged out")
		}
	case rp.Admin:
		if !underWay(adminEnd) {
			wrong("the app has not ended it")
		}
	case rp.Replaced:
		if !underWay(login) {
			wrong("nobody logs in in its browser")
		}
	case rp.BackchannelLogout:
		if !slices.ContainsFunc(append(s.was, s.sid), func(sid string) bool {
			t := o.truth.sessions[sid]
			return t.ended <= at && t.arrived[s.app.n]
		}) {
			wrong("no logout token for it has arrived")
		}
	case rp.Idle, rp.Absolute:
		if o.clockEndAt(s, at) != s.reason {
			wrong("that clock has not run out")
		}
	case rp.RefreshRejected, rp.APIUnauthorized:
		o.explainRefusal(s, t, at, wrong)
	case rp.Unconfirmed:
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
	now, err := s.browser.idp.Session()
	return err == nil && now.SID == s.sid
}

// explainRefusal: the IdP has refused the current token, and has had cause to.
func (o *oracle) explainRefusal(s *session, t *idpSession, at time.Duration, wrong func(string)) {
	refused := slices.ContainsFunc(s.calls, func(c *call) bool {
		switch {
		case c.to > at:
			return false
		case s.reason == rp.RefreshRejected:
			return c.kind == callRefresh && c.err == "invalid_grant"
		}
		return c.kind == callUserinfo && c.status == 401
	})
	c := s.chain
	switch {
	case !refused:
		wrong("the IdP has refused nothing")
	case t.ended <= at:
	case s.reason == rp.APIUnauthorized && at >= c.fetched+s.app.knobs.TokenLife-s.app.skew():
	case t.revoked[s.app.n]["refresh token reuse"] && c.lost:
		o.counts["sessions lost with an answer"]++
	default:
		wrong("its session at the IdP lives, and no answer about its tokens was lost")
	}
}

// clockEnd says which of the app's own clocks has run out for a session, if any.
func (o *oracle) clockEnd(s *session) rp.Reason { return o.clockEndAt(s, o.w.at()) }

func (o *oracle) clockEndAt(s *session, at time.Duration) rp.Reason {
	early := s.app.skew()
	if o.excused(s.app, pathStore, s.began-slowestStore, s.began) {
		early += slowestStore // the clocks of a session start before its record is stored
	}
	if at >= s.began+orDefault(s.app.knobs.Absolute, 8*time.Hour)-early {
		return rp.Absolute
	}
	if idle := s.app.knobs.Idle; idle > 0 && at >= o.lastServed(s, at)+idle-early {
		return rp.Idle
	}
	return ""
}

// slowestStore is how long a log-in waits for the store at the most.
const slowestStore = 10 * time.Second

// lastServed is when the person was last active in the app and all its instances
// could know it.
func (o *oracle) lastServed(s *session, before time.Duration) time.Duration {
	last := s.began
	for _, v := range s.activity {
		if v.end <= before && v.served() != "" && !o.untold(s.app, v, before) {
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
		if t.path&pathStore == 0 || t.app >= 0 && t.app != a.n || t.from > v.end+granule || t.to < v.start {
			continue
		}
		if t.to == never || t.to+again > at || o.excused(a, pathRestart, v.start, t.to+again) {
			return true
		}
	}
	return false
}

// expectRevocation: what an ended session held is revoked.
func (o *oracle) expectRevocation(s *session) {
	c := s.chain
	if c == nil {
		return
	}
	token, at := c.access, c.fetched
	if n := len(c.refresh); n > 0 {
		token, at = c.refresh[n-1].value, c.refresh[n-1].at
	}
	if token == "" || s.app.n == 2 { // an app without tokens has kept none
		return
	}
	if o.excused(s.app, pathStore, at, at+time.Minute) && o.excused(s.app, pathRestart, at, s.endAt) {
		return // it could not be saved, and was lost with the process that had it
	}
	o.later(s.endAt+30*time.Minute, func(now time.Duration) {
		if !c.revoked[token] && !o.excused(s.app, pathIdP|pathStore|pathRestart, s.endAt, now) {
			o.breach("C5", "%s ended at %s, and its token was not revoked by %s", s.label, stamp(s.endAt), stamp(now))
		}
	})
}
