package simulation

import (
	"bytes"
	"net/http"
	"slices"
	"time"
)

// What an instance has under way at its IdP, and what it leaves alone: the pool of calls
// (rp.Config.MaxCalls), the breaker, and the pause of a whole client.

// way is one running instance's way to its IdP, as the wire shows it.
type way struct {
	underWay []*call
	timeouts int           // signals in a row that nobody has answered in time
	open     time.Duration // since when three are
	limits   []*call       // signals that were asked to wait, the last of each session
	paused   time.Duration // since when three sessions were, within limitsWithin
	until    time.Duration // when the last of them may ask again; 0: nobody waits
}

const (
	timeoutsToOpen = 3
	limitsToPause  = 3
	limitsWithin   = 10 * time.Second
	maxCalls       = 64 // rp.Config.MaxCalls by its default
)

func (o *oracle) way(c *call) *way {
	w := o.ways[c.by]
	if w == nil {
		w = &way{}
		o.ways[c.by] = w
	}
	return w
}

// signals: the call is of a session that has begun, and tells of activity.
func (c *call) signals() bool {
	return (c.kind == callRefresh || c.kind == callUserinfo) && c.chain != nil && c.chain.session != nil
}

// setsOut judges a call that an instance is about to make.
func (o *oracle) setsOut(c *call) {
	o.judgeMixed(c)
	if c.kind == callResource || c.by == nil {
		return
	}
	w := o.way(c)
	w.underWay = append(w.underWay, c)
	most := c.in.app.knobs.MaxCalls
	if most == 0 {
		most = maxCalls
	}
	if len(w.underWay) > most {
		o.breach("C6", "%s has %d calls of its IdP under way, and Config.MaxCalls is %d", c.in.name, len(w.underWay),
			most)
	}
	if !c.signals() || c.asked != c.from || o.waited(c) {
		return
	}
	if w.timeouts >= timeoutsToOpen && c.from > w.open {
		for _, other := range w.underWay {
			if other != c && other.signals() && other.asked > w.open {
				o.breach("C6", "%s asks about %s while it asks about %s, although nobody has answered its last %d "+
					"calls", c.in.name, c.chain.session.label, other.chain.session.label, w.timeouts)
			}
		}
	}
	if w.until > 0 && c.from > w.paused && c.from < w.until-time.Second {
		o.breach("C6", "%s asks about %s, although the IdP has asked %d sessions at once to wait until %s",
			c.in.name, c.chain.session.label, limitsToPause, stamp(w.until))
	}
}

// waited: the call was decided on earlier, and may have waited for its place in the pool, for
// another instance or for the store.
func (o *oracle) waited(c *call) bool {
	return c.in.app.knobs.MaxCalls > 0 || o.excused(c.in.app, pathStore|pathRestart, c.from-time.Minute, c.from) ||
		slices.ContainsFunc(c.chain.session.calls, func(other *call) bool {
			return other.in != c.in && other.to > c.from-time.Minute
		})
}

// comesBackFrom notes what became of a call.
func (o *oracle) comesBackFrom(c *call) {
	w := o.ways[c.by]
	if w == nil || c.kind == callResource { // who hangs up stops a call of an API, which is the handler's
		return
	}
	w.underWay = slices.DeleteFunc(w.underWay, func(other *call) bool { return other == c })
	switch {
	case c.cancelled && c.in.closed.Load() == 0:
		o.breach("C6", "%s breaks off a call of its IdP (%s)", c.in.name, c.kind)
	case c.status != 0:
		w.timeouts = 0
	case c.late && c.signals():
		if w.timeouts++; w.timeouts == timeoutsToOpen {
			w.open = c.to
			o.counts["breakers that open"]++
		}
	}
	if c.signals() {
		w.limited(c)
		if w.until == c.to+c.wait && w.until > 0 {
			o.counts["clients that pause"]++
		}
	}
}

// limited notes whether the IdP has asked a session to wait.
func (w *way) limited(c *call) {
	if c.status != http.StatusTooManyRequests || c.wait == 0 {
		w.until = 0
		return
	}
	w.limits = append(slices.DeleteFunc(w.limits, func(other *call) bool {
		return other.chain.session == c.chain.session || other.to < c.to-limitsWithin+time.Second
	}), c)
	if len(w.limits) >= limitsToPause {
		w.paused, w.until = c.to, c.to+c.wait
	}
}

// judgeTrusted holds C6: while a session is trusted, nobody waits for the IdP. (In a small pool
// a call may have waited, and counts from before that.)
func (o *oracle) judgeTrusted(v *visit, s *session) {
	if v.q.kind == stream || v.q.kind == callAPI || v.end-v.start <= soon || s.app.knobs.MaxCalls > 0 ||
		o.excused(s.app, pathStore|pathRestart, s.began, v.end) {
		return
	}
	confirmed := s.began
	if o.excused(s.app, pathIdP, s.began-slowestCall, s.began) {
		confirmed -= slowestCall // the IdP saw the person before it answered to the code
	}
	if c := o.heard(s, v); c != nil {
		confirmed = max(confirmed, c.asked)
	}
	h, t := o.w.h, o.truth.sessions[s.sid]
	trust := min(orDefault(s.app.knobs.TrustFor, 5*time.Minute), h.Window-time.Minute)
	if v.start > confirmed+trust-s.app.skew()-time.Second || t.signedIn+h.IdPAbsolute-v.start < h.Window+2*time.Minute {
		return
	}
	o.breach("C6", "%s lets %s wait for %v, although it trusts %s since %s", v.in.name, v.b.name, v.end-v.start,
		s.label, stamp(confirmed))
}

// judgeVisitor holds C6 and C5 for a public page: it waits for nobody, and greets nobody who
// is not logged in.
func (o *oracle) judgeVisitor(v *visit, s *session) {
	if v.status != http.StatusOK && !v.gaveUp {
		o.breach("C6", "%s answers %d to who looks at a public page", v.in.name, v.status)
	}
	if v.end-v.start > time.Second && !o.excused(v.in.app, pathStore|pathRestart, v.start, v.end) {
		o.breach("C6", "%s lets %s wait for %v for a public page", v.in.name, v.b.name, v.end-v.start)
	}
	switch name := v.served(); {
	case name == "":
	case s == nil || name != s.name:
		o.breach("C5", "a public page of %s greets %s, who is not in this browser", v.in.name, name)
	case s.endAt < v.start-o.w.h.Late:
		o.breach("C5", "a public page of %s greets who was logged out at %s", v.in.name, stamp(s.endAt))
	}
}

// silentPage is what a person reads of an IdP that does not answer.
const silentPage = "The log-in service does not answer right now"

// judgeWords: nobody says of an IdP that it does not answer if it has always done so, and has no
// call to answer: also one of the other instance, whose lease is waited for. Where the store
// fails, or an instance dies, that may be over. Its keys are asked for, too, and are no call here:
// so nothing is said while anything of the IdP hangs.
func (o *oracle) judgeWords(v *visit) {
	hung := func(t *trouble) bool {
		return t.hangs && t.of.has(v.in.app) && t.from <= v.end && (t.to == never || t.to >= v.start)
	}
	if !bytes.Contains(v.body, []byte(silentPage)) || slices.ContainsFunc(o.troubles, hung) ||
		o.excused(v.in.app, pathStore|pathRestart, v.start, v.end) {
		return
	}
	for _, in := range v.in.app.inst {
		if w := o.ways[in.now.Load()]; in.unheard.Load() || w == nil || len(w.underWay) > 0 {
			return
		}
	}
	o.breach("C6", "%s says of its IdP, which has answered every call, that it does not answer", v.in.name)
}
