package simulation

import (
	"net/http"
	"net/url"
	"time"

	"github.com/tandem-sso/tandem/rp"
)

// opens notes a request that is about to be made.
func (o *oracle) opens(b *browser, in *instance, q request, session string) *visit {
	now := o.lock()
	defer o.unlock()
	v := &visit{b: b, in: in, q: q, session: session, start: now, end: never, told: "", toldAt: never}
	o.visits[v] = true
	if s := o.sessions[session]; s != nil && q.active {
		s.activity = append(s.activity, v)
		if q.kind == save {
			s.values.saving(v)
		}
	}
	return v
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
	if v.q.kind == login {
		o.finishes(v)
		return
	}
	o.judge(v, s)
}

// finishes ties the session that a callback has begun to its browser and tokens.
func (o *oracle) finishes(v *visit) {
	u, err := url.Parse(v.q.path)
	if err != nil || u.Path != "/auth/callback" {
		return
	}
	name := ""
	for _, c := range (&http.Response{Header: v.header}).Cookies() {
		if c.Name == sessionCookie && c.MaxAge >= 0 {
			name = nameOf(c.Value)
		}
	}
	s, c := o.sessions[name], o.chains[u.Query().Get("code")]
	if s == nil || c == nil {
		if c != nil && c.session == nil && v.status == http.StatusSeeOther { // a silent check
			if s := o.sessions[v.session]; s != nil {
				k := &call{sent: &sent{kind: callCode, status: http.StatusOK, access: c.access}, in: v.in, from: c.fetched, to: c.fetched}
				s.calls = append(s.calls, k)
				o.confirmed(s, k)
				if c.sid != s.sid { // the same person, in another session of the IdP
					s.was = append(s.was, s.sid)
					s.sid = c.sid
					o.note(v.in.name, "%s is in %s now", s.label, o.truth.sessions[s.sid].label)
				}
			}
		}
		return
	}
	s.browser, s.chain, c.session = v.b, c, s
}

// began is the library's event of a log-in.
func (o *oracle) began(in *instance, e rp.LoginEvent) {
	now := o.lock()
	defer o.unlock()
	s := &session{app: in.app, name: e.Session, label: o.label(in.app.name), sid: e.SID, began: now, endAt: never, tellAt: never}
	t := o.idpSession(e.SID, e.Subject)
	o.sessions[e.Session] = s
	o.born = append(o.born, s)
	o.counts["log-ins"]++
	o.note(in.name, "%s begins, of %s in %s", s.label, e.Subject, t.label)
	if x := o.early[e.Session]; x != nil {
		o.note(in.name, "%s had ended by then", s.label)
		s.endAt, s.tellAt, s.reason = min(x.endAt, x.tellAt), x.tellAt, x.reason
		if s.tellAt == never {
			o.expectEvent(s, now)
		}
		return
	}
	// C5: a logout that arrives before the log-in's callback has finished wins.
	if at := t.accepted[in.app.n]; at < now {
		o.breach("C5", "%s begins in %s, for whose end %s has accepted a logout token at %s", s.label, t.label, in.app.name, stamp(at))
	}
}

// told: a stream has heard of the end.
func (o *oracle) told(v *visit, reason string) {
	now := o.lock()
	defer o.unlock()
	v.told, v.toldAt = reason, now
	s := o.sessions[v.session]
	if s == nil {
		return
	}
	o.note(v.b.name, "stream of %s is told: %s", s.label, reason)
	if s.endAt > now {
		if l := o.clockEnd(s); l == "" || l != rp.Reason(reason) {
			o.breach("C8", "a stream of %s is told that it ended (%s), but it has not", s.label, reason)
		}
		return
	}
	if rp.Reason(reason) != s.reason && s.reason != "" {
		o.breach("C8", "a stream of %s is told %q, but the end was %q", s.label, reason, s.reason)
	}
}

// visitsIdP: the person is at the IdP, which is activity there.
func (o *oracle) visitsIdP(b *browser) {
	o.lock()
	defer o.unlock()
	o.note(b.name, "goes to the IdP")
}

func (o *oracle) signsOut(b *browser) {
	o.lock()
	defer o.unlock()
	o.note(b.name, "signs out at the IdP")
}

// delivery is a logout token that has reached an app.
type delivery struct {
	app *app
	sid string
	sub string
	at  time.Duration
}

func (o *oracle) deliveryArrives(a *app, body []byte) *delivery {
	now := o.lock()
	defer o.unlock()
	d := &delivery{app: a, at: now}
	form, _ := url.ParseQuery(string(body))
	c := claimsOf(form.Get("logout_token"))
	d.sid, d.sub = c.SID, c.Sub
	if t := o.truth.sessions[d.sid]; t != nil {
		t.arrived[a.n] = true
	}
	return d
}

func (o *oracle) deliveryDone(d *delivery, in *instance, status int) {
	now := o.lock()
	defer o.unlock()
	t := o.truth.sessions[d.sid]
	if t == nil {
		o.note("idp", "logout token for an unknown session to %s: %d", d.app.name, status)
		return
	}
	who := d.app.name
	if in != nil {
		who = in.name
	}
	o.note(who, "is handed a logout token for %s: %d", t.label, status)
	o.counts["logout tokens"]++
	if status != http.StatusOK {
		if !o.excused(d.app, pathStore|pathRestart|pathIdP, d.at, now) {
			o.breach("C6", "%s refuses a good logout token for %s: %d", who, t.label, status)
		}
		return
	}
	if t.accepted[d.app.n] == never {
		t.accepted[d.app.n] = now
	}
	for _, s := range o.born {
		if s.app == d.app && s.sid == d.sid && s.endAt == never {
			o.later(now, func(time.Duration) { // copies of the token may share the work
				if s.endAt > now && s.sid == d.sid {
					o.breach("C8", "%s has accepted the logout token for %s, but %s lives on", who, t.label, s.label)
				}
			})
		}
	}
}
