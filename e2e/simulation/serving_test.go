package simulation

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/tandem-sso/tandem/rp"
)

func (v *visit) served() string {
	if v.status != http.StatusOK {
		return ""
	}
	return v.header.Get(servedHeader)
}

// problem is the JSON answer to scripts.
type problem struct {
	Error  string `json:"error"`
	Reason string `json:"reason"`
	State  string `json:"state"`
}

func (v *visit) problem() (p problem) {
	if json.Unmarshal(v.body, &p) != nil { // a page
		p.Error = v.header.Get("Tandem-Error")
	}
	return p
}

// judge holds the contract against one answer.
func (o *oracle) judge(v *visit, s *session) {
	if v.dropped && s.endAt == never {
		o.unlessEnded(s, v.end, func() { o.breach("C6", "%s takes the cookie of %s, which lives", v.in.name, s.label) })
	}
	switch v.q.kind {
	case poll:
		o.judgeAddress(v, s)
	case status:
		o.judgeStatus(v, s)
		return
	case stream, logout:
		return
	}
	if name := v.served(); name != "" {
		if name != s.name {
			o.breach("C5", "%s serves another session than that of the cookie (%s)", v.in.name, s.label)
		}
		if whose := v.header.Get(whoseHeader); whose != s.app.provider.issuer+" "+s.person {
			o.breach("C9", "%s says that %s is of %s", v.in.name, s.label, whose)
		}
		o.judgeServed(v, s)
		switch v.q.kind {
		case save:
			o.judgeSaved(v, s)
		case list:
			o.judgeList(v, s)
		}
		return
	}
	o.judgeRefused(v, s)
}

// judgeServed holds C5 and C2.
//
// With a the person's last activity in any app that tells, L the last touch of
// the IdP session, E its end (L + W, or earlier by a log-out), D when the app has
// carried out a log-out of it, C the app's last confirmation (C ≤ L), T = TrustFor
// and S the tolerated difference of clocks:
//
//	every kind       t ≤ D, t ≤ last activity here + Idle + S, t ≤ log-in + Absolute + S
//	refresh-token,   active:  t ≤ max(E, C + min(T, W)) + S    (W as far as the app knows it)
//	reference-token  passive: t ≤ max(E, C + W) + S, W unknown: max(E, C + 3T) + S
//	no-token         with SilentCheck as above, a navigation being active and all else passive;
//	                 without it D, Idle and Absolute are all there is: it has no way to ask
//
// judgeSignal bounds L by a + δ (+10 % jitter, + S), so that E ≤ a + W + δ, and
// from C ≤ L follows C + W ≤ E: with W known nobody is served after a + W + δ,
// delivered or not; where W is unknown T takes its place, which is why T should
// not exceed W.
func (o *oracle) judgeServed(v *visit, s *session) {
	if s.endAt < v.start-o.w.h.Late {
		o.breach("C5", "%s serves %s, which ended at %s", v.in.name, s.label, stamp(s.endAt))
		return
	}
	t, k, skew := o.truth.sessions[s.sid], s.app.knobs, s.app.skew()
	if limit := s.began + orDefault(k.Absolute, 8*time.Hour) + skew; v.start > limit {
		o.breach("C2", "%s serves %s after its absolute end at %s", v.in.name, s.label, stamp(limit))
	}
	if k.Idle > 0 {
		last := s.began
		for _, a := range s.activity {
			if a != v && a.start < v.start {
				last = max(last, min(a.end, v.start))
			}
		}
		if v.start > last+k.Idle+skew {
			o.breach("C2", "%s serves %s %v after the last activity, with an idle limit of %v",
				v.in.name, s.label, v.start-last, k.Idle)
		}
	}
	end := min(t.ended, t.last+o.w.h.Window)
	if v.start <= end || s.perhapsDeaf(v.start) {
		return
	}
	trust := orDefault(k.TrustFor, 5*time.Minute)
	window := time.Duration(0) // as far as the app knows it
	if k.KnowsWindow || s.app.provider.announces() && s.app.kind == rp.RefreshToken {
		window = o.w.h.Window
	}
	asks := v.q.navigates() || v.q.active && s.asksByItself(v.end)
	limit := trust
	switch {
	case asks && window > 0:
		limit = min(trust, window)
	case asks:
	case window > 0:
		limit = window
	default:
		limit = 3 * trust
	}
	confirmed := s.began
	if s.ok != nil {
		confirmed = max(confirmed, s.ok.from)
	}
	limit += confirmed
	if v.start <= max(end, limit)+skew {
		return
	}
	// An answer that was given before the end may have been on its way.
	if slices.ContainsFunc(s.calls, func(c *call) bool { return c.good() && c.from <= end && c.to >= v.start }) {
		return
	}
	if !v.again && o.comesBack(s) {
		v.again = true
		o.later(v.end, func(time.Duration) { o.judgeServed(v, s) })
		return
	}
	o.breach("C2", "%s serves %s at %s; its IdP session ended at %s, its last confirmation was good until %s",
		v.in.name, s.label, stamp(v.start), stamp(end), stamp(limit))
}

// comesBack: a silent check of s may have succeeded of which we have not heard yet.
func (o *oracle) comesBack(s *session) bool {
	for v := range o.visits {
		if v.q.what == "callback" && v.session == s.name {
			return true
		}
	}
	return false
}

// unlessEnded breaks a rule unless a session has ended at that very moment: a
// request may learn of an end before we do.
func (o *oracle) unlessEnded(s *session, at time.Duration, breach func()) {
	o.later(at, func(time.Duration) {
		if s.endAt > at {
			breach()
		}
	})
}

// judgeRefused holds C6, C3 and C1: who is signed in is served, or is told to
// try again while there is trouble; never does trouble take a session away.
func (o *oracle) judgeRefused(v *visit, s *session) {
	if s.endAt <= v.end {
		o.judgeAfterEnd(v, s)
		return
	}
	p := v.problem()
	switch to := v.header.Get("Location"); {
	case v.status == http.StatusServiceUnavailable:
		if v.header.Get("Retry-After") == "" {
			o.breach("C6", "503 without Retry-After from %s", v.in.name)
		}
		o.judgeWords(v)
		switch {
		case v.gaveUp:
		case !o.excused(s.app, pathIdP|pathStore|pathRestart|pathAPI, v.start, v.end):
			o.breach("C3", "%s cannot serve %s, although nothing is out of order", v.in.name, s.label)
		case o.waitsForOthers(v, s):
			o.breach("C6", "%s lets %s wait because another session was asked to wait", v.in.name, s.label)
		case o.isBack(v):
			o.breach("C6", "%s still lets %s wait, although the IdP is back and has answered it", v.in.name, s.label)
		}
	case v.status == http.StatusUnauthorized && p.Error == "session_unconfirmed":
		o.judgeUnconfirmed(v, s)
	case (v.status == http.StatusFound || v.status == http.StatusUnauthorized) && o.sentOn(v, s):
	default:
		o.unlessEnded(s, v.end, func() {
			o.breach("C6", "%s answers %d %s %s to %s, whose session %s has not ended",
				v.in.name, v.status, p.Error, to, v.q.kind, s.label)
		})
	}
}

// judgeUnconfirmed: what the app may not serve without asking, and may not ask
// about, because asking would extend.
func (o *oracle) judgeUnconfirmed(v *visit, s *session) {
	k := s.app.knobs
	if v.q.navigates() || v.q.active && s.asksByItself(v.end) {
		o.breach("C3", "%s does not ask the IdP about %s, though the person is active", v.in.name, s.label)
		return
	}
	if s.surelyDeaf(v.end) {
		o.breach("C3", "%s, which cannot ask, does not serve %s", v.in.name, s.label)
		return
	}
	if v.q.active && (s.runningOut(v.end) || s.worn()) {
		return // by the app's clock its token was good, and by the IdP's it was not
	}
	vouched := 3 * orDefault(k.TrustFor, 5*time.Minute)
	switch {
	case k.KnowsWindow:
		vouched = o.w.h.Window
	case s.app.provider.announces() && s.app.kind == rp.RefreshToken:
		vouched = o.w.h.Window - time.Minute // it may have learnt that much less
	}
	h, t := o.w.h, o.truth.sessions[s.sid]
	if s.app.provider.announces() && s.app.kind == rp.RefreshToken && t.signedIn+h.IdPAbsolute-v.start < h.Window {
		return // the IdP has announced an earlier end
	}
	if o.cleanedUp(s, t) {
		return // its token is dead
	}
	confirmed := s.began
	for _, c := range s.oks {
		if c.to >= v.start-h.Late {
			continue
		}
		noted := c.from
		if c.kind == callResource { // soon after another signal it need not be noted
			noted -= o.mostSignalEvery(s.app)
		}
		confirmed = max(confirmed, noted)
	}
	if v.end < confirmed+vouched-s.app.skew()-time.Second && !s.mistrusts() &&
		!o.excused(s.app, pathIdP|pathStore|pathRestart, confirmed, v.end) {
		o.breach("C3", "%s calls %s unconfirmed only %v after its last confirmation", v.in.name, s.label,
			v.end-confirmed)
	}
}

// judgeAddress holds C7: what a page does by itself is given no address to go to, because
// the IdP would answer without the person.
func (o *oracle) judgeAddress(v *visit, s *session) {
	if to := v.header.Get("Location") + v.header.Get("HX-Redirect"); to != "" {
		o.breach("C7", "%s sends a %s of %s to %s", v.in.name, v.q.what, s.label, to)
	}
	if bytes.Contains(v.body, []byte("login_url")) {
		o.breach("C7", "%s gives the address of the log-in to a %s of %s", v.in.name, v.q.what, s.label)
	}
	o.counts["asked by "+v.q.what+" itself"]++
}

// judgeAfterEnd: whoever comes after the end learns that it has ended, and why.
func (o *oracle) judgeAfterEnd(v *visit, s *session) {
	p := v.problem()
	switch {
	case v.status == http.StatusFound, v.status == http.StatusSeeOther:
	case v.status == http.StatusServiceUnavailable:
	case v.status == http.StatusNoContent: // it has just been ended by this very request
	case v.status == http.StatusUnauthorized:
		if p.Error == "session_ended" && s.reason != "" && p.Reason != "" && p.Reason != string(s.reason) {
			o.breach("C8", "%s says that %s ended for %s; it was %s", v.in.name, s.label, p.Reason, s.reason)
		}
		if p.Error == "login_required" && s.endAt < v.start {
			o.breach("C8", "%s does not remember how %s ended", v.in.name, s.label)
		}
	default:
		o.breach("C8", "%s answers %d to a request of %s, which has ended", v.in.name, v.status, s.label)
	}
}

func (o *oracle) judgeStatus(v *visit, s *session) {
	p := v.problem()
	switch {
	case v.status == http.StatusServiceUnavailable:
		if !v.gaveUp && !o.excused(s.app, pathStore|pathRestart, v.start, v.end) {
			o.breach("C6", "%s cannot tell the status of %s, although its store works", v.in.name, s.label)
		}
	case p.State == "live" && s.endAt < v.start-o.w.h.Late:
		o.breach("C5", "%s calls %s live, which ended at %s", v.in.name, s.label, stamp(s.endAt))
	case p.State == "ended" && s.endAt > v.end:
		if string(o.clockEnd(s)) != p.Reason {
			o.unlessEnded(s, v.end, func() {
				o.breach("C6", "%s calls %s ended (%s), which lives", v.in.name, s.label, p.Reason)
			})
		}
	case p.State == "ended" && s.reason != "" && s.endAt < v.start && p.Reason != string(s.reason):
		o.breach("C8", "%s says that %s ended for %s; it was %s", v.in.name, s.label, p.Reason, s.reason)
	case p.State == "anonymous":
		o.breach("C6", "%s does not know %s", v.in.name, s.label)
	}
}
