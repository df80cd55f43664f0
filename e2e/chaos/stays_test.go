package chaos

import (
	"strings"
	"time"
)

// The rules about people who are there: they are not logged out, they are answered,
// and they are served again when the faults are over.

const (
	ruleUntold   = "the IdP was not told of activity"
	ruleActive   = "an active person was sent to the log-in"
	rulePassword = "an active person was asked for a password"
	ruleTrouble  = "an answer that no fault explains"
	ruleRetry    = "503 without Retry-After"
	ruleOther    = "another person's page"
	ruleWait     = "an answer took too long"
	ruleBack     = "not served again after the faults"
)

// judgeStays looks at each visit of a person with a session who was there.
func (c *checker) judgeStays() {
	there := map[string]moment{} // the last time that an app with tokens has answered
	for i := range c.Visits {
		v := &c.Visits[i]
		last, known := there[v.Who]
		// A poll asks nobody, so an app that the person has not used for a window does not
		// serve it; that is no end.
		quiet := v.Kind == poll && strings.HasPrefix(v.Last.Reason, "session_unconfirmed")
		if known && v.Cookie != "" && (v.ToLogin || v.Asked) && !quiet && v.From-last <= stays &&
			!c.left(v.Who, v.Cookie, v.To) {
			c.judgeLost(v)
		}
		if v.Served && apps[v.App].tokens && v.Kind != poll && v.To > last {
			there[v.Who] = v.To
		}
	}
}

// judgeLost looks for what explains that an active person's session is over.
func (c *checker) judgeLost(v *visit) {
	ended, away, explained := c.ranOut(v)
	switch {
	case away: // and the session ended rightly, even if the person is back by now
	case c.forgot(v.Cookie, v.To):
		c.excuse("the IdP was killed and has forgotten its sessions", &v.Last)
	case ended && explained:
		c.excuse("faults have kept all signals from the IdP for its whole window", &v.Last)
	case v.Asked:
		c.report(rulePassword, &v.Last, "the IdP's session ended for inactivity: %t", ended)
	case ended:
		c.report(ruleActive, &v.Last, "the IdP's session ended, and no fault explains that it did not hear of the "+
			"activity")
	case c.lostToken(v):
		c.excuse("a fault has lost a refresh token: a round trip to the IdP", &v.Last)
	case c.lostSession(v):
		c.excuse("a failover has lost a new session: a round trip to the IdP", &v.Last)
	default:
		c.report(ruleActive, &v.Last, "the IdP's session lives, and no fault explains it")
	}
}

// judgeTold looks whether the IdP has heard of each click: within δ before it, or soon
// after it.
func (c *checker) judgeTold() {
	for i := range c.Hops {
		h := &c.Hops[i]
		until := h.To + delivery
		if h.served() && (h.Kind == click || h.Kind == fetch) && apps[h.App].tokens && until <= c.End &&
			!c.disturbed(h.App, h.From, until, settles) && !c.heard(h.Who, h.From-jittered-100*time.Millisecond,
			until) {
			c.report(ruleUntold, h, "nor was there a fault")
		}
	}
}

// heard says whether the IdP noted anything of a person between two moments: activity, or
// that the session is over.
func (c *checker) heard(who string, from, to moment) bool {
	for _, w := range c.words[who] {
		if w.At >= from && w.At <= to && w.Kind != "delivery" {
			return true
		}
	}
	return false
}

// judgeAnswers looks at each answer: what it says, and how long it took.
func (c *checker) judgeAnswers() {
	for i := range c.Hops {
		h := &c.Hops[i]
		if h.Subject != "" && h.Subject != h.Who {
			c.report(ruleOther, h, "of %s", h.Subject)
		}
		if h.App == "idp" {
			if h.Status != 200 && h.Status/100 != 3 && !c.struck("idp", h.From, h.To) && !c.foreign(h) {
				c.report(ruleTrouble, h, "from the IdP")
			}
			continue
		}
		c.judgeStatus(h)
		if took := h.To - h.From - c.stopped(h); took > waitFor+waitMore && !c.killed(h) {
			c.report(ruleWait, h, "%v while its instance ran", took)
		}
	}
}

func (c *checker) judgeStatus(h *hop) {
	switch {
	case h.Status == 200 || h.Status/100 == 3 || h.Status == 401:
	case h.Status == 503 && !h.RetryAfter && h.Trouble == "":
		c.report(ruleRetry, h, "")
	case h.Status == 503 && h.Trouble == "", strings.HasSuffix(h.Path, "/callback"):
		if !c.disturbed(h.App, h.From, h.To, settles) {
			c.report(ruleTrouble, h, "no fault before it")
		}
	case h.Status == 0 || h.Trouble != "": // nobody answered
		if !c.struck(h.App+"/", h.From, h.To) {
			c.report(ruleTrouble, h, "no instance was down")
		}
	default:
		c.report(ruleTrouble, h, "never a right answer here")
	}
}

// stopped is for how long the instance was stopped during a request; any instance's
// time counts where nobody knows which it was.
func (c *checker) stopped(h *hop) (sum moment) {
	for _, f := range c.Faults {
		if f.Target == "machine" || f.What == whatStop && strings.HasPrefix(f.Target, h.App+"/"+h.Instance) {
			sum += max(0, min(f.To, h.To)-max(f.From, h.From))
		}
	}
	return sum
}

// killed says that the instance did not live to answer.
func (c *checker) killed(h *hop) bool {
	for _, f := range c.Faults {
		if f.What == whatKill && strings.HasPrefix(f.Target, h.App+"/"+h.Instance) && f.From <= h.To && f.To >= h.From {
			return true
		}
	}
	return false
}

// judgeRecovery looks whether everybody is served again soon after the last fault.
func (c *checker) judgeRecovery() {
	if c.Calm == 0 {
		return
	}
	back := map[string]bool{}
	for i := range c.Visits {
		v := &c.Visits[i]
		back[v.Who] = back[v.Who] || v.Served && v.Kind != poll && v.From >= c.Calm && v.To <= c.Calm+recovery
	}
	for who, ok := range back {
		if !ok {
			c.report(ruleBack, &hop{Who: who, From: c.Calm, To: c.Calm + recovery}, "within %v", recovery)
		}
	}
}
