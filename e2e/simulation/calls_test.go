package simulation

import (
	"net/http"
	"slices"
	"time"

	"github.com/tandem-sso/tandem/rp"
)

// calls notes a call that an instance is about to make, and judges whether it
// may (C4, C7).
func (o *oracle) calls(in *instance, s *sent) *call {
	now := o.lock()
	defer o.unlock()
	c := &call{sent: s, in: in, by: in.now.Load(), from: now, asked: now, to: never, chain: o.chains[s.token]}
	if s.kind == callCode && c.chain == nil {
		c.chain = &chain{app: in.app, code: s.token, revoked: map[string]bool{}, tries: map[string]int{}}
		o.chains[s.token] = c.chain
	}
	o.note(in.name, "calls %s%s", s.kind, o.whose(c))
	o.counts["calls: "+s.kind.String()]++
	o.judgeEndpoint(c)
	if c.chain != nil && c.chain.app != in.app {
		o.breach("C9", "%s shows a code or token of %s by %s", in.name, c.chain.app.name, s.kind)
	}
	defer o.setsOut(c)
	if s.kind == callRevoke {
		o.revocations = append(o.revocations, c)
		if c.chain != nil {
			c.chain.tries[s.token]++
		}
		o.judgeRevocation(c)
		return c
	}
	if c.chain == nil || c.chain.session == nil {
		return c
	}
	own := c.chain.session
	own.uses(c.chain)
	if n := len(own.calls); n > 0 && s.kind == callRefresh {
		between := slowestStore // which is asked
		if in.app.knobs.MaxCalls > 0 {
			between += slowestCall // until there is a place in the pool
		}
		if p := own.calls[n-1]; p.in == in && p.status == 0 && p.to >= now-between {
			c.asked = p.asked
		}
	}
	switch s.kind {
	case callRefresh:
		o.judgeRefresh(c, own)
		o.judgeSignal(c, own)
	case callUserinfo:
		o.judgeSignal(c, own)
	default:
		return c
	}
	own.calls = append(own.calls, c)
	return c
}

func (o *oracle) whose(c *call) string {
	if c.chain == nil || c.chain.session == nil {
		return ""
	}
	return " for " + c.chain.session.label
}

// judgeRefresh holds C4: at most one refresh is in flight per session across all
// instances, and a refresh token for which a new one was received is never
// presented again. One retry after an unknown outcome is allowed at once.
func (o *oracle) judgeRefresh(c *call, s *session) {
	for _, other := range s.calls {
		if other.kind == callRefresh && other.to == never && !o.cutOff(other.in, c.in, c.from) {
			o.breach("C4", "%s refreshes %s while %s has a refresh in flight since %s",
				c.in.name, s.label, other.in.name, stamp(other.from))
		}
	}
	if closed := time.Duration(c.in.closed.Load()); closed > 0 && c.from > closed && c.asked == c.from {
		o.breach("C6", "%s shows the refresh token of %s after it was told to close at %s: nobody may be there for "+
			"the answer",
			c.in.name, s.label, stamp(closed))
	}
	i := slices.IndexFunc(c.chain.refresh, func(t *token) bool { return t.value == c.token })
	if i < 0 {
		o.breach("C4", "%s shows a refresh token of %s that nobody has received", c.in.name, s.label)
		return
	}
	t := c.chain.refresh[i]
	unknown, first := 0, never
	for _, p := range t.shown {
		switch {
		case p.status == http.StatusOK && p.sent.refresh != "" && p.sent.refresh != p.token: // Dex repeats it
			// Only this excuses it: the instance that held the answer is dead, or it is
			// cut off from its store.
			if next := c.chain.refresh[min(i+1, len(c.chain.refresh)-1)]; (next.by == nil || !next.by.dead()) &&
				!o.cutOff(p.in, c.in, c.from) {
				o.breach("C4", "%s presents a refresh token of %s that was rotated at %s", c.in.name, s.label,
					stamp(p.to))
			}
			c.chain.doubts() // what came of it, too, where the IdP detects reuse
		case p.status == 0 && p.in == c.in && c.from-p.to < 500*time.Millisecond:
			unknown, first = unknown+1, min(first, p.to)
		}
	}
	if unknown > 1 && !o.answeredOthers(c.in, first) { // else the outage is over for everybody (C6)
		o.breach("C4", "%s presents a refresh token of %s for the third time without a pause", c.in.name, s.label)
	}
	t.shown = append(t.shown, c)
}

// answeredOthers: the IdP has answered a call of an instance since then.
func (o *oracle) answeredOthers(in *instance, since time.Duration) bool {
	return slices.ContainsFunc(o.born, func(s *session) bool {
		return slices.ContainsFunc(s.oks, func(c *call) bool { return c.in == in && c.to >= since })
	})
}

// storesWithin is how long after the end of trouble with the store an instance may need to
// store what it has, or to take its lease again; somebody else who needs it waits so long.
const storesWithin = 5 * time.Second

// keptOut: an instance cannot note what it has heard.
func (o *oracle) keptOut(in *instance, from, to time.Duration) bool {
	return slices.ContainsFunc(o.troubles, func(t *trouble) bool { return t.keepsOut(in) && t.felt(in.app, from, to) })
}

// cutOff: an instance cannot store what it has. That is nobody's fault while the trouble
// lasts; shortly after it, if another one could reach the store all the time and so has
// waited in vain.
func (o *oracle) cutOff(holder, other *instance, now time.Duration) bool {
	return slices.ContainsFunc(o.troubles, func(t *trouble) bool {
		return t.keepsOut(holder) && (t.to == never || t.to+storesWithin > now && !t.keepsOut(other))
	})
}

// judgeSignal holds C7 and the half of C2 that is about signals: a signal is
// sent only if the person was active since the last one that succeeded, and soon
// after that activity.
func (o *oracle) judgeSignal(c *call, s *session) {
	since := s.began
	if s.known != nil {
		since = s.known.from
	}
	last := time.Duration(-1)
	for _, v := range slices.Backward(s.activity) {
		last = max(last, min(v.end, c.from))
		if v.end < c.from {
			break
		}
	}
	skew := s.app.skew()
	if last < 0 || last < since-skew {
		o.breach("C7", "%s signals for %s by %s; the last activity was at %s, the last signal at %s",
			c.in.name, s.label, c.kind, stamp(max(last, 0)), stamp(since))
		return
	}
	late := c.asked - last // the one retry after an unknown outcome belongs to its call
	allowed := o.mostSignalEvery(s.app) + skew + time.Second
	if o.excused(s.app, pathIdP|pathStore|pathRestart, last, c.from) {
		allowed += max(o.mostSignalEvery(s.app), feltAfter) // the bounded grace of C6
	}
	if late > allowed {
		o.breach("C2", "%s signals for %s %v after the last activity; it should have been reported within %v or not "+
			"at all",
			c.in.name, s.label, late, allowed)
	}
}

// answered notes what came back.
func (o *oracle) answered(c *call, s *sent) {
	now := o.lock()
	defer o.unlock()
	c.to = now
	took := ""
	if now > c.from {
		took = " after " + (now - c.from).String()
	}
	o.note(c.in.name, "%s%s: %d %s%s", s.kind, o.whose(c), s.status, s.err, took)
	o.comesBackFrom(c)
	if s.words != "" {
		o.explains(c, s.words)
	}
	if c.chain == nil {
		return
	}
	switch s.kind {
	case callRevoke:
		for _, other := range o.born {
			other.reachedBy(c)
		}
		if s.status == http.StatusOK {
			c.chain.revoked[s.token] = true
		} else if now == c.from && s.status >= 500 && c.chain.failures() == 1 {
			o.expectAnotherTry(c)
		}
		return
	case callResource:
		if own := c.chain.session; own != nil && own.app.knobs.Introspects && s.status == http.StatusOK &&
			own.app.provider.honours(callResource) {
			o.confirmed(own, c)
		}
		return
	}
	if s.status == 0 && s.kind == callRefresh {
		o.counts["unknown outcomes of a refresh"]++
	}
	c.chain.worn = c.chain.worn || c.refusedAtItsEnd(now)
	c.chain.refused = c.refusedOwn() || c.chain.refused && !c.good()
	if !c.good() {
		if s.kind == callRefresh && (s.status == 0 || s.status == http.StatusOK || s.status >= 500 || c.shownBeside()) {
			c.chain.doubts()
		}
		c.chain.unnoted = c.chain.unnoted || s.kind == callRefresh && o.keptOut(c.in, now, now)
		return
	}
	c.chain.fits = c.chain.fits || s.kind == callUserinfo
	if own := c.chain.session; own != nil {
		if s.kind == callRefresh {
			o.judgePace(c, own)
		}
		o.confirmed(own, c)
	}
	if s.sid != "" {
		c.chain.sid = s.sid
	}
	if s.kind == callCode {
		c.chain.iat = s.iat
		o.expectGivenUp(c)
	}
	if s.access != "" {
		o.mixed[s.access] = s.mixed
		c.chain.access, c.chain.fetched = s.access, now
		o.chains[s.access] = c.chain
	}
	if s.access != "" || s.refresh != "" {
		c.chain.doubted, c.chain.unnoted = c.shownBefore(nil), false
		c.chain.perhaps = c.chain.doubted && !c.shownBefore((*call).mayBeRead)
		c.chain.forked = c.chain.forked || c.shownElsewhere()
		if s.lasts > 0 && (c.chain.lasts == 0 || !o.excused(c.in.app, pathStore|pathRestart, c.from, now)) {
			c.chain.lasts = now + s.lasts // else the app may not know it
		}
	}
	if s.refresh != "" && !c.chain.has(s.refresh) {
		t := &token{value: s.refresh, at: now, by: c.by}
		if own := c.chain.session; own != nil && own.endAt < now {
			t.orphan = true
			o.counts["orphaned tokens"]++
		}
		c.chain.refresh = append(c.chain.refresh, t)
		o.chains[s.refresh] = c.chain
	}
}

// doubts: the token may be spent.
func (c *chain) doubts() { c.doubted, c.perhaps = true, false }

// has: a refresh token has come already.
func (c *chain) has(refresh string) bool {
	return slices.ContainsFunc(c.refresh, func(t *token) bool { return t.value == refresh })
}

// refusedAtItsEnd: a token was refused that by some clock had run out. That is no word about
// the session.
func (c *call) refusedAtItsEnd(now time.Duration) bool {
	ends := time.Duration(0)
	switch {
	case c.kind == callRefresh && c.err == "invalid_grant":
		ends = c.chain.lasts
	case c.kind == callUserinfo && c.in.app.kind == rp.ReferenceToken &&
		(c.status == http.StatusUnauthorized || c.status == http.StatusForbidden):
		ends = c.chain.fetched + c.in.app.knobs.TokenLife
	}
	return ends > 0 && now >= ends-tolerated-c.in.app.skew()-time.Second
}

// confirmed notes a successful signal. One that the app could not store counts as
// far as the IdP is concerned; but the app may not know of it.
func (o *oracle) confirmed(s *session, c *call) {
	if !s.app.provider.proves(c.kind) {
		return
	}
	s.ok, s.oks = c, append(s.oks, c)
	if !o.excused(s.app, pathStore|pathRestart, c.from, c.to) {
		s.known = c
	}
}

// apiRefreshes is how many refreshes an API that refuses every token may cost beside the
// signal, one for each instance, before those are due again.
const apiRefreshes = 2

// refreshBefore is the refresh that succeeded before the last n of them; nil: none.
func (s *session) refreshBefore(n int) *call {
	for _, c := range slices.Backward(s.oks) {
		if c.kind == callRefresh {
			if n == 0 {
				return c
			}
			n--
		}
	}
	return nil
}

// judgePace holds the other half of C4: N requests on M instances cause one
// token request. Two successful ones are apart by what makes one due or overdue.
// An API that refuses the tokens may cost some more.
func (o *oracle) judgePace(c *call, s *session) {
	before := s.ok
	if before == nil || before.kind != callRefresh || o.excused(s.app, pathAnswer, before.from-time.Minute, c.from) {
		return
	}
	if before.in != c.in && o.keptOut(before.in, before.from, c.from) || before.shownElsewhere() {
		return // it could not pass on what it has, or somebody else's answer was stored
	}
	if o.excused(s.app, pathAPI, before.from-time.Minute, c.from) {
		if before = s.refreshBefore(apiRefreshes); before == nil {
			return
		}
	}
	k := s.app.knobs
	h := o.w.h
	if t := o.truth.sessions[s.sid]; s.app.provider.announces() && t != nil &&
		t.signedIn+h.IdPAbsolute-c.from < h.Window+2*time.Minute {
		return // the end of the IdP session shortens what it says of its window
	}
	least := min(o.leastSignalEvery(s.app), orDefault(k.TrustFor, 5*time.Minute), k.TokenLife-5*time.Second)
	least -= s.app.skew() + time.Second
	if o.excused(s.app, pathStore, before.asked-slowestStore, before.asked) {
		least -= slowestStore // it counts from before the store was told that the token is about to be shown
	}
	if k.MaxCalls > 0 {
		least -= slowestCall // and from before there was a place in the pool
	}
	if gap := c.from - before.asked; gap < least {
		o.breach("C4", "%s refreshes %s %v after the refresh before, which is sooner than anything calls for (%v)",
			c.in.name, s.label, gap, least)
	}
}

func orDefault(d, preset time.Duration) time.Duration {
	if d == 0 {
		return preset
	}
	return d
}

// signalEvery is δ by the words of rp.Config: configured, or a fifth of W where
// that is known, or half the access token's lifetime, at most 5 minutes.
func (o *oracle) signalEvery(a *app, w time.Duration) time.Duration {
	const most = 5 * time.Minute
	k := a.knobs
	switch {
	case k.SignalEvery > 0:
		return k.SignalEvery
	case k.KnowsWindow:
		return min(o.w.h.Window/5, most)
	case a.kind == rp.NoToken:
		return most
	case a.provider.announces() && a.kind == rp.RefreshToken: // learnt from refresh_expires_in
		return min(w/5, most)
	}
	return min(k.TokenLife/2, most)
}

// mostSignalEvery and leastSignalEvery are δ with its jitter of ±10 %. What is
// learnt of W at a log-in can be shorter by the time a code may wait (1 min).
func (o *oracle) mostSignalEvery(a *app) time.Duration {
	most := o.signalEvery(a, o.w.h.Window)
	if a.lifeless.Load() { // then the life of its tokens says nothing
		most = max(most, 5*time.Minute)
	}
	return most * 11 / 10
}

func (o *oracle) leastSignalEvery(a *app) time.Duration {
	return o.signalEvery(a, o.w.h.Window-time.Minute) * 9 / 10
}
