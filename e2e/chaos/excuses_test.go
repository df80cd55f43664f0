package chaos

import (
	"strings"
	"time"
)

// touches says whether a fault may have had to do with what an app did.
func (f *fault) touches(name string) bool {
	return f.Target == "idp" || f.Target == "machine" || f.Target == apps[name].store ||
		strings.HasPrefix(f.Target, name+"/")
}

// disturbed says whether an app, its store or the IdP was broken between from and to,
// or had been until shortly before.
func (c *checker) disturbed(name string, from, to, before time.Duration) bool {
	for i := range c.Faults {
		if f := &c.Faults[i]; f.touches(name) && f.From <= to && f.To+before >= from {
			return true
		}
	}
	return false
}

// struck says the same of one target, or of an app's instances: name + "/".
func (c *checker) struck(target string, from, to moment) bool {
	for i := range c.Faults {
		if f := &c.Faults[i]; strings.HasPrefix(f.Target, target) && f.From <= to && f.To+slowness >= from {
			return true
		}
	}
	return false
}

// undone says whether a failover may have taken an end along that the app had
// acknowledged at that moment.
func (c *checker) undone(name string, acknowledged moment) bool {
	return c.failedOver(name, acknowledged)
}

func (c *checker) failedOver(name string, at moment) bool {
	for i := range c.Faults {
		f := &c.Faults[i]
		if f.What == whatFailover && f.Target == apps[name].store && at >= f.From-lostWrites &&
			at <= f.From+lostWrites {
			return true
		}
	}
	return false
}

// lostToken says whether the session's refresh token was lost by a fault: the IdP has
// seen a spent one, and a fault hit the app, its store or the IdP at about the time
// when the IdP gave out the one after it.
func (c *checker) lostToken(v *visit) bool {
	since := max(c.born[v.Cookie], v.To-remembers)
	var rotated []moment
	for _, w := range c.words[v.Who] {
		if w.Client != v.App || w.At > v.To {
			continue
		}
		switch {
		case w.Kind == "signal" && w.Endpoint == endpointRefresh:
			rotated = append(rotated, w.At)
		case w.reuse() && w.At >= since && len(rotated) > 0:
			at := rotated[len(rotated)-1]
			if c.disturbed(v.App, at-time.Second, at+rotation, 0) {
				return true
			}
		}
	}
	return false
}

// lostSession says whether a failover may have taken the session's record along.
func (c *checker) lostSession(v *visit) bool {
	// The cookie is seen first right after the log-in that has stored the record.
	return c.failedOver(v.App, c.born[v.Cookie])
}

// forgot says whether the IdP was killed while the session lived.
func (c *checker) forgot(cookie string, to moment) bool {
	for _, f := range c.forgotten {
		if f.From >= c.born[cookie]-slowness && f.From <= to {
			return true
		}
	}
	return false
}

// foreign says whether the IdP refuses a log-out because the ID token that names the
// session is from before it was killed: its keys are others since.
func (c *checker) foreign(h *hop) bool {
	if h.Kind != logout || h.Status != 400 {
		return false
	}
	var last departure
	for _, d := range c.Departures {
		if d.Who == h.Who && d.To <= h.From && d.To >= last.To {
			last = d
		}
	}
	return last.Acknowledged && c.forgot(last.Cookie, h.From)
}

// ranOut says whether the IdP has ended the person's session for inactivity since the
// cookie came up, whether the person was away then, and whether faults explain that the
// IdP did not hear of the activity.
func (c *checker) ranOut(v *visit) (ended, away, explained bool) {
	var told moment
	for _, w := range c.words[v.Who] {
		if w.At > v.To {
			break
		}
		switch {
		case w.Outcome == "extended" || w.Kind == "sign-in":
			told = w.At
		case w.Kind == "end" && w.Client == "" && w.Outcome == "idle" && w.At >= c.born[v.Cookie]:
			ended = true
			away = away || w.At-c.lastThere(v.Who, w.At) > stays
			explained = c.unheard(v.Who, told, w.At)
		}
	}
	return ended, away, explained
}

// lastThere is when an app that can tell the IdP has answered a person last.
func (c *checker) lastThere(who string, before moment) (last moment) {
	for _, h := range c.hops[who] {
		if h.served() && h.active() && apps[h.App].tokens && h.To < before {
			last = max(last, h.To)
		}
	}
	return last
}

// unheard says whether a fault explains that the IdP has not heard of a person between
// two moments. It does not if an app that can tell has answered a click meanwhile, late
// enough for a signal to be due, and there was no fault at that time nor shortly before
// or after; nor if the session did not last for its window.
func (c *checker) unheard(who string, told, ended moment) bool {
	if ended-told < window-slowness {
		return false
	}
	for _, h := range c.hops[who] {
		if h.served() && h.active() && apps[h.App].tokens && h.From > told+jittered+slowness && h.To < ended-rotation &&
			!c.disturbed(h.App, h.From, h.To+rotation, settles) {
			return false
		}
	}
	return true
}

// left says whether the session was ended by the person's own doing, or by an
// administrator, before to.
func (c *checker) left(who, cookie string, to moment) bool {
	if d, ok := c.departed[cookie]; ok && d.From <= to {
		return true
	}
	for _, w := range c.words[who] {
		if w.Kind == "end" && w.Client == "" && (w.Outcome == "logout" || w.Outcome == "admin") &&
			w.At >= c.born[cookie] && w.At <= to {
			return true
		}
	}
	return false
}
