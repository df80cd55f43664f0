package simulation

import (
	"net/url"
	"slices"

	"github.com/tandem-sso/tandem/rp/reason"
)

// opens notes a request that is about to be made.
func (o *oracle) opens(b *browser, in *instance, q request, cookie string) *visit {
	now := o.lock()
	defer o.unlock()
	v := &visit{b: b, in: in, q: q, session: in.app.nameOf(cookie), start: now, end: never, toldAt: never}
	o.visits[v] = true
	s := o.sessions[v.session]
	switch {
	case s == nil && cookie != "":
		v.stranger = o.issuerOf(cookie)
	case s != nil && q.active:
		s.activity = append(s.activity, v)
		if q.kind == save {
			s.values.saving(v, o.w.h.Late)
		}
	}
	return v
}

// issuerOf says which app has given out a cookie.
func (o *oracle) issuerOf(cookie string) *app {
	for _, a := range o.w.apps {
		if o.sessions[a.nameOf(cookie)] != nil {
			return a
		}
	}
	return nil
}

// closes judges the answer.
func (o *oracle) closes(v *visit) {
	now := o.lock()
	defer o.unlock()
	v.end = now
	delete(o.visits, v)
	s := o.sessions[v.session]
	what := v.q.what
	if what == "" {
		what = v.q.kind.String()
	}
	label := "-"
	if s != nil {
		label = s.label
	} else if v.stranger != nil {
		label = "a cookie of " + v.stranger.name
	}
	extra := ""
	if to := v.header.Get("Location"); to != "" {
		if u, err := url.Parse(to); err == nil {
			extra = " → " + u.Host + u.Path
		}
	}
	if api := v.header.Get(apiHeader); api != "" {
		extra += " (API: " + api + ")"
	}
	if v.gaveUp {
		extra += " (gave up)"
	}
	if v.start != v.end {
		extra += " after " + (v.end - v.start).String()
	}
	o.note(v.b.name, "%-8s %s with %s: %d%s", what, v.in.name, label, v.status, extra)
	o.counts["requests"]++
	o.judgeWait(v)
	o.judgeTold(v)
	o.judgeLeak(v)
	switch {
	case v.q.kind == login:
		o.judgeLogin(v)
	case v.down:
	case v.q.kind == visitor:
		o.judgeVisitor(v, s)
	case s == nil:
		o.judgeStranger(v)
	case s.livesAgain(v.end):
	default:
		o.judgeDelay(v, s)
		o.judgeTrusted(v, s)
		o.judge(v, s)
	}
}

// judgeList holds C9 for Session.List: all that are the person's in this app, and no
// others.
func (o *oracle) judgeList(v *visit, s *session) {
	names := v.header.Values(listHeader)
	for _, name := range names {
		other := o.sessions[name]
		switch {
		case other == nil: // its log-in is not finished, or has failed in the store
		case other.app != s.app || other.person != s.person:
			o.breach("C9", "%s lists %s among the sessions of %s", v.in.name, other.label, s.person)
		case other.endAt < v.start:
			o.breach("C5", "%s lists %s, which ended at %s", v.in.name, other.label, stamp(other.endAt))
		}
	}
	for _, other := range o.born {
		lived := (s == other || s.beside(other)) && other.began < v.start && other.endAt > v.end
		if lived && !slices.Contains(names, other.name) {
			o.unlessEnded(other, v.end, func() {
				o.breach("C9", "%s does not list %s among the sessions of %s", v.in.name, other.label, s.person)
			})
		}
	}
	o.counts["sessions listed"] += len(names)
}

// told: a stream has heard of the end.
func (o *oracle) told(v *visit, why string) {
	now := o.lock()
	defer o.unlock()
	v.told, v.toldAt = why, now
	s := o.sessions[v.session]
	if s == nil {
		return
	}
	o.note(v.b.name, "stream of %s is told: %s", s.label, why)
	if s.endAt > now {
		if l := o.clockEnd(s); l == "" || l != reason.Reason(why) {
			o.breach("C8", "a stream of %s is told that it ended (%s), but it has not", s.label, why)
		}
		return
	}
	if reason.Reason(why) != s.reason && s.reason != "" {
		o.breach("C8", "a stream of %s is told %q, but the end was %q", s.label, why, s.reason)
	}
}
