package simulation

import (
	"bytes"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/tandem-sso/tandem/rp/reason"
)

// tolerated is Config.Skew, by its default: how far the clocks of IdP and app may
// differ.
const tolerated = 60 * time.Second

// remembered is for how long an app carries out a logout token that the store has not
// let it carry out.
const remembered = time.Hour + time.Minute

// order is a log-out that one app is told to carry out: by a logout token, by
// front-channel logout, or by the app's own code.
type order struct {
	app    *app
	what   string
	reason reason.Reason
	sid    string // whose: those of one session at the IdP
	sub    string // or, without sid, all of a person
	token  bool
	void   bool          // not for this app, or not of its IdP: nothing may come of it
	iat    int64         // of a token: seconds of the IdP's clock
	life   time.Duration // of a token
	made   time.Duration // when the order was given
	at     time.Duration // when it arrived
	until  time.Duration // answered; never
	done   time.Duration // carried out; never
	late   time.Duration // until when it may be carried out although the answer was no; 0
}

func (x *order) names(sub string, sids ...string) bool {
	if x.sid != "" {
		return slices.Contains(sids, x.sid)
	}
	return x.sub == sub
}

func (x *order) means(s *session) bool {
	return !x.void && x.app == s.app && (x.names(s.person, s.sid) || x.sid != "" && slices.Contains(s.was, x.sid))
}

// mayMean: s is in the IdP's session that the order names, if the tokens that wait have been stored.
func (x *order) mayMean(s *session) bool {
	return !x.void && x.app == s.app && x.sid != "" &&
		slices.ContainsFunc(s.perhaps, func(c *chain) bool { return c.sid == x.sid })
}

// demands: s has to end. After a second move to another session of the IdP, which has vouched
// for s both times, the first one is forgotten.
func (x *order) demands(s *session) bool {
	forgotten := s.was[:max(0, len(s.was)-1)]
	return x.means(s) && (s.sid == x.sid || !slices.Contains(forgotten, x.sid))
}

// covers: s is one of those that were logged in when the order was given. For a
// token that is a matter of the IdP's clock alone: the log-in's ID token is not
// newer than the token (a tie ends).
func (x *order) covers(s *session) bool {
	if x.token {
		return s.issued <= x.iat
	}
	return s.loginAt-x.app.skew() <= x.until
}

// ends: the order can be what has ended s at a time.
func (x *order) ends(s *session, at time.Duration) bool {
	return x.reason == s.reason && x.at <= at && at <= max(x.until, x.late) && x.means(s) && x.covers(s)
}

// forbids: a log-in that began at a time, and whose ID token the IdP has issued at a
// second of its clock, is to be refused, because it was under way when the order
// arrived. Where the IdP's clock does not say so, those of the instances do, within
// what is tolerated.
func (x *order) forbids(began time.Duration, issued int64) bool {
	if x.reason == reason.FrontchannelLogout { // leaves nothing behind if nobody was logged in
		return false
	}
	if x.token && issued < x.iat {
		return true
	}
	limit := x.at - x.app.skew()
	if x.token {
		limit = min(limit, x.made+tolerated-x.app.apart()-time.Second)
	}
	return began < limit
}

// mayForbid: a log-in that began at a time may be refused. One that began after the
// order was carried out never is.
func (x *order) mayForbid(began, now time.Duration) bool {
	return x.at <= now && began <= min(x.until, now)+x.app.skew()
}

// apart is how far the clock of an instance differs from that of its IdP.
func (a *app) apart() (d time.Duration) {
	for _, skew := range a.knobs.Skew {
		d = max(d, (skew - a.provider.ahead).Abs())
	}
	return d
}

// ordered notes an order that has arrived.
func (o *oracle) ordered(x *order) {
	now := o.lock()
	defer o.unlock()
	o.arrives(x, now)
	o.note("-", "%s to %s for %s%s", x.what, x.app.name, o.sidLabel(x.sid), x.sub)
}

func (o *oracle) arrives(x *order, now time.Duration) {
	x.at, x.until, x.done = now, never, never
	if !x.token {
		x.made = now
	}
	o.orders[x.app.n] = append(o.orders[x.app.n], x)
	o.counts["orders: "+x.what]++
}

func (o *oracle) sidLabel(sid string) string {
	if t := o.truth.sessions[sid]; t != nil {
		return t.label
	}
	if sid != "" {
		return "an unknown sid"
	}
	return ""
}

// carriedOut judges the answer to an order. An app that says yes has ended
// everybody whom it means.
func (o *oracle) carriedOut(x *order, in *instance, yes bool) {
	now := o.lock()
	defer o.unlock()
	x.until = now
	who := x.app.name
	if in != nil {
		who = in.name
	}
	if !yes {
		paths := pathStore | pathRestart
		if x.token {
			paths |= pathIdP // which has the keys
			x.late = now + remembered
		}
		if !o.excused(x.app, paths, x.at, now) {
			o.breach("C6", "%s does not carry out %s for %s%s, although nothing is out of order",
				who, x.what, o.sidLabel(x.sid), x.sub)
		}
		return
	}
	x.done = now
	for _, s := range o.born {
		if s.began < x.at && s.endAt == never && x.demands(s) && x.covers(s) {
			o.later(now, func(time.Duration) { // copies of a token may share the work
				if s.endAt > now && x.demands(s) {
					o.breach("C8", "%s has carried out %s for %s%s, but %s lives on", who, x.what, o.sidLabel(x.sid),
						x.sub, s.label)
				}
			})
		}
	}
}

// tokenArrives notes a logout token that reaches an app.
func (o *oracle) tokenArrives(a *app, body []byte) *order {
	now := o.lock()
	defer o.unlock()
	form, _ := url.ParseQuery(string(body))
	c := claimsOf(form.Get("logout_token"))
	x := &order{app: a, what: "a logout token", reason: reason.BackchannelLogout, sid: c.SID, token: true, iat: c.Iat,
		life: c.life()}
	if c.SID == "" {
		x.sub = c.Sub
	}
	x.void = c.Iss != a.provider.issuer || c.Aud != a.client
	x.made = time.Unix(c.Iat, 0).Sub(o.w.begin) - a.provider.ahead
	o.arrives(x, now)
	return x
}

// tokenAnswered judges what an app says to a logout token: 200 to a good one, also
// of somebody who is not known; 400 to one that is not for it.
func (o *oracle) tokenAnswered(x *order, in *instance, code int) {
	now := o.lock()
	who := x.app.name
	if in != nil {
		who = in.name
	}
	o.note(who, "is handed a logout token for %s%s: %d", o.sidLabel(x.sid), x.sub, code)
	old := x.at-x.made > x.life+tolerated-x.app.apart()-time.Second // it may be refused
	if x.void && in != nil && code != http.StatusBadRequest {
		o.breach("C9", "%s answers %d to a logout token that is not for it", who, code)
	}
	if x.void || old && code == http.StatusBadRequest {
		x.until = now
		o.unlock()
		return
	}
	o.unlock()
	o.carriedOut(x, in, code == http.StatusOK)
}

// refusedPage is what a person reads whose log-in was overtaken by a log-out.
const refusedPage = "You were logged out while this log-in was under way"

// judgeRefusedLogin holds C5: a log-in that was started after the end is never
// refused.
func (o *oracle) judgeRefusedLogin(v *visit, f *flow, c *chain) {
	if !bytes.Contains(v.body, []byte(refusedPage)) {
		return
	}
	o.counts["log-ins refused after a log-out"]++
	for _, x := range o.orders[v.in.app.n] {
		if !x.void && x.names(v.b.person, c.sid) && x.mayForbid(f.start, v.end) {
			return
		}
	}
	o.breach("C5", "%s refuses the log-in that %s started at %s, and no logout of %s has come since",
		v.in.name, v.b.name, stamp(f.start), o.sidLabel(c.sid))
}

// judgeBegun holds C5: a log-out that arrives before the log-in's callback has
// finished wins.
func (o *oracle) judgeBegun(s *session) {
	for _, x := range o.orders[s.app.n] {
		if x.done < s.stored && x.means(s) && x.forbids(s.loginAt, s.issued) {
			o.breach("C5", "%s, whose log-in was started at %s, begins at %s, although %s has carried out %s for it "+
				"at %s",
				s.label, stamp(s.loginAt), stamp(s.stored), s.app.name, x.what, stamp(x.done))
		}
	}
}

// ordersEnd: an order explains the end of s. So does one that forbids the session of
// the IdP that s was about to move to by a silent check.
func (o *oracle) orderEnds(s *session, at time.Duration) bool {
	for _, x := range o.orders[s.app.n] {
		if x.ends(s, at) || x.mayMean(s) && x.reason == s.reason && x.at <= at && at <= max(x.until, x.late) {
			return true
		}
	}
	if s.reason != reason.BackchannelLogout {
		return false
	}
	for v := range o.visits {
		if v.q.what != "callback" || v.session != s.name {
			continue
		}
		u, err := url.Parse(v.q.path)
		if err != nil {
			continue
		}
		c := o.chains[u.Query().Get("code")]
		for _, x := range o.orders[s.app.n] {
			if c != nil && !x.void && x.names(s.person, c.sid) && x.mayForbid(s.loginAt, at) {
				return true
			}
		}
	}
	return false
}
