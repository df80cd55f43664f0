package simulation

import (
	"net/http"
	"net/url"
	"time"

	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/event"
)

// flow is a log-in on its way to the IdP and back.
type flow struct {
	app   *app
	start time.Duration // the app was asked for it
}

// birth is a session as it was stored, before any event has spoken of it.
type birth struct {
	app    *app
	at     time.Duration
	begun  time.Duration // of its log-in, by the instance's clock
	issued int64         // of its ID token, by the IdP's clock
}

// coded notes a code that a browser brings back from an IdP: it is for one app.
func (o *oracle) coded(a *app, q url.Values) {
	o.lock()
	defer o.unlock()
	if code := q.Get("code"); code != "" {
		o.chains[code] = &chain{app: a, code: code, revoked: map[string]bool{}, tries: map[string]int{}}
	}
}

// sentToIdP notes where an app sends a browser that wants to log in.
func (o *oracle) sentToIdP(v *visit, to *url.URL) {
	q := to.Query()
	if q.Get("state") == "" {
		return
	}
	o.flows[q.Get("state")] = &flow{v.in.app, v.start}
	if s := o.sessions[v.session]; s != nil && q.Get("prompt") == "none" {
		s.asked = v.end
		o.counts["silent log-ins"]++
	}
}

// judgeLogin judges the answer of the log-in endpoint and of the callback.
func (o *oracle) judgeLogin(v *visit) {
	if v.down {
		return
	}
	to, err := url.Parse(v.header.Get("Location"))
	if err != nil {
		to = &url.URL{}
	}
	if v.q.what == "callback" {
		o.finishes(v)
		return
	}
	o.sentToIdP(v, to)
	o.judgeStraight(v, to)
}

// judgeStraight holds C1 where a bookmark, a restored tab or another site leads to
// the log-in: who is logged in and confirmed is not logged in anew. Elsewhere there
// is no way around the IdP.
func (o *oracle) judgeStraight(v *visit, to *url.URL) {
	s := o.sessions[v.session]
	u, _ := url.Parse(v.q.path)
	q := u.Query()
	bare := !q.Has("silent") && !q.Has("anew") && (v.q.site == "none" || v.q.site == "cross-site")
	if v.status == http.StatusSeeOther && to.Path == q.Get("return_to") {
		o.counts["log-ins that were not needed"]++
		lets := func() { o.breach("C5", "%s lets %s in without a log-in", v.in.name, v.b.name) }
		switch {
		case s != nil && q.Has("silent"): // it had nothing to ask about any more, and the page decides
			o.unlessEnded(s, v.end, lets)
			return
		case s == nil || !bare:
			lets()
			return
		}
		o.judgeServed(v, s)
		return
	}
	if s == nil || !bare || v.status != http.StatusFound || s.endAt <= v.end || v.start <= s.began+o.w.h.Late {
		return // the other instance may not have heard of it yet
	}
	trust := orDefault(s.app.knobs.TrustFor, 5*time.Minute)
	if s.app.knobs.KnowsWindow || s.app.provider.announces() {
		trust = min(trust, o.w.h.Window-time.Minute)
	}
	last := s.began
	if c := o.heard(s, v); c != nil {
		last = max(last, c.from)
	}
	asks := !s.surelyDeaf(v.end)
	if (!asks || v.end < last+trust-s.app.skew()-time.Second) && o.clockEndAt(s, v.end+time.Second) == "" &&
		!o.excused(s.app, pathStore|pathRestart, last, v.end) {
		o.unlessEnded(s, v.end, func() {
			o.breach("C1", "%s lets %s log in anew, although %s was confirmed at %s", v.in.name, v.b.name, s.label,
				stamp(last))
		})
	}
}

// finishes ties the session that a callback has begun to its browser and tokens.
func (o *oracle) finishes(v *visit) {
	u, err := url.Parse(v.q.path)
	if err != nil {
		return
	}
	q := u.Query()
	name := ""
	for _, c := range (&http.Response{Header: v.header}).Cookies() {
		if c.Name == sessionCookie && c.MaxAge >= 0 {
			name = v.in.app.nameOf(c.Value)
		}
	}
	s, c, f := o.sessions[name], o.chains[q.Get("code")], o.flows[q.Get("state")]
	if name != "" && s == nil {
		o.breach("C8", "%s gives %s the cookie of a session of which no event has spoken", v.in.name, v.b.name)
		return
	}
	if v.q.of != nil { // it is another app's
		o.counts["callbacks brought to another app"]++
		if v.status != http.StatusBadRequest || s != nil {
			o.breach("C9", "%s answers %d to the callback of a log-in that %s has begun", v.in.name, v.status,
				v.q.of.name)
		}
		return
	}
	switch {
	case c == nil || f == nil:
	case s == nil && v.status == http.StatusBadRequest:
		o.judgeRefusedLogin(v, f, c)
	case s == nil && c.sid == "": // the code was not used: the way back to the page, or to a new log-in
		o.counts["callbacks that could not be used"]++
	case s == nil && c.session == nil && v.status == http.StatusSeeOther:
		o.checked(v, c)
	case s == nil && c.session == nil && v.status == http.StatusServiceUnavailable:
		o.waits(v, c)
	case s != nil:
		s.browser, s.chain, c.session = v.b, c, s
		o.judgeBirth(s, f, c)
		o.inherits(s, v, f)
	}
}

// checked ties the answer to a silent log-in to the session that it was about. An app
// without tokens has only asked; another one has got new tokens.
func (o *oracle) checked(v *visit, c *chain) {
	s := o.sessions[v.session]
	if s == nil {
		return
	}
	c.session = s
	switch {
	case s.app.kind == rp.NoToken || s.chain == nil:
	case s.endAt > v.end:
		o.renewed(s, c, v.start)
	case s.endAt >= v.start: // before its end, or after it
		s.perhaps = append(s.perhaps, c)
	}
	k := &call{sent: &sent{kind: callCode, status: http.StatusOK, access: c.access}, in: v.in, from: c.fetched,
		to: v.end}
	s.calls = append(s.calls, k)
	o.confirmed(s, k)
	if c.sid != s.sid { // the same person, in another session of the IdP
		s.was = append(s.was, s.sid)
		s.sid = c.sid
		o.note(v.in.name, "%s is in %s now", s.label, o.truth.sessions[s.sid].label)
	}
}

// waits notes that the tokens of a renewal wait for the store. When it works again, the session of
// the browser is in the IdP's session that they name, unless it has got others meanwhile.
func (o *oracle) waits(v *visit, c *chain) {
	if s := o.sessions[v.session]; s != nil && c.sid != "" && s.app.kind != rp.NoToken &&
		o.excused(s.app, pathStore, v.start, v.end) {
		s.perhaps, c.session = append(s.perhaps, c), s
	}
}

// judgeBirth compares what was stored of a log-in with what has happened: logouts go
// by it.
func (o *oracle) judgeBirth(s *session, f *flow, c *chain) {
	skews := s.app.knobs.Skew
	off := s.loginAt - f.start
	if (off-skews[0]).Abs() > time.Millisecond && (off-skews[1]).Abs() > time.Millisecond {
		o.breach("C5", "%s is stored as if its log-in had been started at %s; it was at %s",
			s.label, stamp(s.loginAt), stamp(f.start))
	}
	if s.issued != c.iat {
		o.breach("C5", "%s is stored with another time of its ID token than that has", s.label)
	}
	s.loginAt = f.start
	o.judgeBegun(s)
}

// began is the library's event of a log-in.
func (o *oracle) began(in *instance, e event.Login) {
	now := o.lock()
	defer o.unlock()
	b := o.births[e.Session]
	if b == nil {
		o.breach("C8", "%s announces a log-in that nobody has stored", in.name)
		return
	}
	s := &session{app: in.app, name: e.Session, label: o.label(in.app.name), sid: e.SID, person: e.Subject,
		stored: b.at, loginAt: b.begun, issued: b.issued, began: now, endAt: never, tellAt: never}
	t := o.idpSession(in.app.provider, e.SID, e.Subject)
	o.sessions[e.Session] = s
	o.born = append(o.born, s)
	for _, c := range o.revocations {
		s.reachedBy(c)
	}
	o.counts["log-ins"]++
	o.note(in.name, "%s begins, of %s in %s", s.label, e.Subject, t.label)
	if t.at != in.app.provider || t.person != e.Subject {
		o.breach("C9", "%s begins a session of %s in %s", in.name, e.Subject, t.label)
	}
	if x := o.early[e.Session]; x != nil {
		o.note(in.name, "%s had ended by then", s.label)
		s.endAt, s.tellAt, s.reason = min(x.endAt, x.tellAt), x.tellAt, x.reason
		if s.tellAt == never {
			o.expectEvent(s, now)
		}
	}
}
