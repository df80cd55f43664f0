package chaos

import "time"

// The rules about ends: whose session is over is not served.

const (
	ruleLoggedOut = "served after a log-out"
	ruleTold      = "served after the app had confirmed a logout token"
	ruleOver      = "served after the end at the IdP and the time of trust"
	ruleAbsent    = "served although nobody was active"
	ruleSignal    = "the IdP was told of activity that was none"
)

// judgeEnds looks at each page that was shown for an end before it.
func (c *checker) judgeEnds() {
	told, over := c.toldEnds()
	for i := range c.Hops {
		h := &c.Hops[i]
		if !h.served() || h.Cookie == "" {
			continue
		}
		a, sid := apps[h.App], c.sids[h.Cookie]
		if at, ended := over[sid]; ended && a.tokens && h.From > at+trusted(h)+slowness {
			c.report(ruleOver, h, "ended %s", stamp(at))
			continue
		}
		if d, left := c.departed[h.Cookie]; left && d.Acknowledged && h.From > d.To+a.spread {
			if c.undone(h.App, d.To) {
				c.excuse("a failover has undone a log-out", h)
			} else {
				c.report(ruleLoggedOut, h, "acknowledged %s", stamp(d.To))
			}
			continue
		}
		if at, ended := told[h.App+" "+sid]; ended && h.From > at+a.spread {
			if c.undone(h.App, at) {
				c.excuse("a failover has undone a log-out by token", h)
			} else {
				c.report(ruleTold, h, "confirmed %s", stamp(at))
			}
		}
	}
}

// trusted is for how long an app that holds tokens serves on one confirmation by the IdP.
// A poll asks nobody, because to ask extends: it is served for the IdP's window.
func trusted(h *hop) time.Duration {
	if h.Kind == poll {
		return window
	}
	return trustFor
}

// toldEnds returns when an app confirmed a logout token first, by app and sid, and
// when a session ended at the IdP, by sid. An IdP that was killed has ended them all.
func (c *checker) toldEnds() (told, over map[string]moment) {
	told, over = map[string]moment{}, map[string]moment{}
	first := func(m map[string]moment, key string, at moment) {
		if _, known := m[key]; !known {
			m[key] = at
		}
	}
	began := map[string]moment{}
	for _, w := range c.Words {
		switch {
		case w.Kind == "delivery" && w.Outcome == "delivered":
			first(told, w.Client+" "+w.SID, w.At)
		case w.Kind == "end" && w.Client == "":
			first(over, w.SID, w.At)
		case w.SID != "":
			first(began, w.SID, w.At)
		}
	}
	for _, f := range c.forgotten {
		for sid, at := range began {
			if old, ended := over[sid]; at < f.From && (!ended || old > f.From) {
				over[sid] = f.From
			}
		}
	}
	return told, over
}

// judgeAbsence looks at the pauses of each person: after W + δ nobody is served, and
// the IdP hears nothing of them.
func (c *checker) judgeAbsence() {
	for who, hops := range c.hops {
		var last *hop
		var polls []*hop
		for _, h := range hops {
			if !h.active() {
				polls = append(polls, h)
				continue
			}
			if last != nil {
				c.judgePause(who, last.To, h, polls)
			}
			if last == nil || h.To > last.To {
				last = h
			}
			polls = polls[:0]
		}
		if last != nil {
			c.judgePause(who, last.To, nil, polls)
		}
	}
}

// judgePause judges the time from the answer to the last thing that a person did to
// the next one, if there is one.
func (c *checker) judgePause(who string, from moment, next *hop, polls []*hop) {
	until := c.End
	if next != nil {
		until = next.From
	}
	latest, late := from, map[string]bool{}
	for _, w := range c.words[who] {
		if w.At <= from || w.At >= until || w.Kind != "signal" || w.Outcome != "extended" {
			continue
		}
		// A fault can hold up the signal of the last activity in each app, and no other.
		if w.At > from+delivery && (late[w.Client] || !c.heldUp(w.Client, from, w.At)) {
			h := hop{Who: who, App: w.Client, From: w.At, To: w.At, Kind: poll, Path: w.Endpoint}
			c.report(ruleSignal, &h, "the person's last request was answered %s", stamp(from))
		}
		latest, late[w.Client] = w.At, late[w.Client] || w.At > from+delivery
	}
	if next != nil {
		polls = append(polls, next)
	}
	for _, h := range polls {
		if !h.served() || h.From <= latest+window+jittered+delivery || c.born[h.Cookie] >= from {
			continue
		}
		if !apps[h.App].tokens {
			if why := c.untold(h); why != "" {
				c.excuse(why, h)
				continue
			}
		}
		c.report(ruleAbsent, h, "nobody was active since %s", stamp(latest))
	}
}

// heldUp says whether a fault explains that a signal came so late after the activity.
func (c *checker) heldUp(name string, from, at moment) bool {
	return c.disturbed(name, from-leaseTTL, at, settles)
}

// untold says whether a fault explains that an app without tokens has confirmed no
// logout token for the session: the IdP was killed, or stands still and has not ended
// it yet, or its journal shows a delivery that failed at the time of a fault.
func (c *checker) untold(h *hop) (why string) {
	if c.forgot(h.Cookie, h.From) {
		return "the IdP was killed, and an app without tokens hears of no end"
	}
	ended := false
	for _, w := range c.words[h.Who] {
		if w.SID != c.sids[h.Cookie] || w.At > h.From {
			continue
		}
		ended = ended || w.Kind == "end" && w.Client == ""
		if w.Kind == "delivery" && w.Client == h.App && w.Outcome != "delivered" &&
			c.disturbed(h.App, w.At-deliveryWait, w.At, 0) {
			why = "a fault has kept the logout token from an app without tokens"
		}
	}
	if !ended && c.struck("idp", h.From-delivery, h.From) {
		return "a fault has held up the end at the IdP"
	}
	return why
}
