// Package lifetime has every rule that compares times. Decide is a pure function, and the
// rest of the library follows it: nothing else decides whether a session lives, or when the
// IdP is told of activity.
package lifetime

import "time"

// Class says whether a request is activity. The zero value is Passive: a request that nobody
// classified keeps nobody signed in.
type Class uint8

const (
	Passive Class = iota // made by the page or the browser itself
	Active               // made because a person did something
)

// Session is what the rules need to know of one session.
type Session struct {
	Started   time.Time // the log-in was finished
	Active    time.Time // last activity in this app
	Signalled time.Time // last successful signal to the IdP
	Confirmed time.Time // last proof that the IdP session lived
	Ceiling   time.Time // latest end that the IdP has announced; zero: none
	Window    time.Duration
	// Window is the IdP's idle window W as its answers announce it; zero: not announced.
	// Policy.Window goes before it.
}

// Policy is the configuration.
type Policy struct {
	Idle     time.Duration // local idle limit; zero: none
	Absolute time.Duration // zero: none
	Window   time.Duration // W as configured; zero: not configured

	// SignalEvery is δ. Zero: this client has no way to tell the IdP.
	SignalEvery time.Duration
	// TrustFor is how long Active requests are served after a confirmation. Zero: this client
	// has no way to ask, so its confirmation does not expire.
	TrustFor time.Duration
	// Renews: a signal can move the ceiling (a refresh yields a new ID token).
	Renews bool
}

// End says which time limit has ended a session.
type End uint8

const (
	Live End = iota
	Idle
	Absolute
	Ceiling
)

// Signal says how urgent it is to tell the IdP of activity.
type Signal uint8

const (
	NotDue  Signal = iota
	Due            // beside the handler
	Overdue        // before the handler
)

// Decision says what happens to a request.
type Decision struct {
	End    End
	Signal Signal
	// Unconfirmed: a Passive request finds a session that was not confirmed within W. It must
	// not be served, but the session has not ended: only an Active request may ask the IdP,
	// because asking extends the IdP session.
	Unconfirmed bool
}

// passiveFactor × TrustFor is how long Passive requests are served if W is not known. So a
// person who reads one page for longer than TrustFor keeps its live parts, and an absent
// person loses them soon.
const passiveFactor = 3

// maxAhead is how far the clocks of instances may differ.
const maxAhead = 5 * time.Minute

// Ahead reports whether t, a time that was noted when it was the present, is in the future
// now: the clock was set back since then.
func Ahead(t, now time.Time) bool { return t.Sub(now) > maxAhead }

// Believable drops times that a wrong clock noted. They prove nothing, and the IdP would not be
// asked before they come.
func Believable(s Session, now time.Time) Session {
	if Ahead(s.Confirmed, now) {
		s.Confirmed = time.Time{}
	}
	if Ahead(s.Signalled, now) {
		s.Signalled = time.Time{}
	}
	return s
}

// Decide applies every clock rule to a request of the given class at now.
func Decide(s Session, p Policy, now time.Time, c Class) Decision {
	s = Believable(s, now)
	switch d := Deadlines(s, p); {
	case past(s.Ceiling, now) && (d.Absolute.Equal(s.Ceiling)):
		return Decision{End: Ceiling}
	case past(d.Absolute, now):
		return Decision{End: Absolute}
	case past(d.LocalIdle, now):
		return Decision{End: Idle}
	case past(s.Ceiling, now):
		// An IdP that announces session_expiry wants to be asked again at that time (IPSIE
		// SL1). The session ends only if the answer does not move it.
		if !s.Confirmed.Before(s.Ceiling) {
			return Decision{End: Ceiling}
		}
		if c == Passive {
			return Decision{Unconfirmed: true}
		}
		return Decision{Signal: Overdue}
	}
	if p.TrustFor == 0 {
		return Decision{Signal: due(s, p, now, c)}
	}
	w := window(s, p)
	if c == Passive {
		vouched := w
		if vouched == 0 {
			vouched = passiveFactor * p.TrustFor
		}
		return Decision{Unconfirmed: now.Sub(s.Confirmed) > vouched}
	}
	if now.Sub(s.Confirmed) > trust(s, p) {
		return Decision{Signal: Overdue}
	}
	return Decision{Signal: due(s, p, now, c)}
}

func due(s Session, p Policy, now time.Time, c Class) Signal {
	if c == Active && p.SignalEvery > 0 && now.Sub(s.Signalled) >= p.SignalEvery {
		return Due
	}
	return NotDue
}

// Limits are the times at which a session ends if nothing else happens. A zero time: there is
// no such limit.
type Limits struct {
	LocalIdle time.Time // the app's own idle limit
	Vouched   time.Time // until then the IdP session lives, as far as this app knows
	Absolute  time.Time // the app's absolute limit or the IdP's ceiling
}

// Idle returns the earlier of the two idle limits, zero if there is none.
func (l Limits) Idle() time.Time { return earlier(l.LocalIdle, l.Vouched) }

// Deadlines computes the limits of a session. The ceiling is a limit only if no signal can move
// it.
func Deadlines(s Session, p Policy) Limits {
	var l Limits
	if p.Idle > 0 {
		l.LocalIdle = s.Active.Add(p.Idle)
	}
	if p.Absolute > 0 {
		l.Absolute = s.Started.Add(p.Absolute)
	}
	if !p.Renews {
		l.Absolute = earlier(l.Absolute, s.Ceiling)
	}
	if w := window(s, p); w > 0 && p.SignalEvery > 0 {
		l.Vouched = s.Confirmed.Add(w)
	}
	return l
}

// Forget returns when the sweeper may end a record that nobody uses: at the first of its
// limits, or at the time longest after its last activity.
func Forget(s Session, p Policy, longest time.Duration) time.Time {
	l := Deadlines(s, p)
	return earlier(earlier(l.LocalIdle, l.Absolute), s.Active.Add(longest))
}

// Outlived reports whether a session is certainly over although its record cannot be read. Only
// these are known: when its log-in began, how long a log-in may take, and the last activity.
// Without an absolute limit the session is over when longest has passed since that activity.
func Outlived(begun, active time.Time, p Policy, login, longest time.Duration, now time.Time) bool {
	if p.Absolute > 0 {
		return past(begun.Add(login+p.Absolute), now)
	}
	return past(active.Add(longest), now)
}

// NextSignal returns when activity must be reported to the IdP at the latest; zero: there is
// nothing to report.
func NextSignal(s Session, p Policy) time.Time {
	if p.SignalEvery == 0 || !s.Active.After(s.Signalled) {
		return time.Time{}
	}
	return s.Signalled.Add(p.SignalEvery)
}

// Trails reports whether the last activity is due to be reported, although nobody is active any
// more. Later than δ after it a report would keep an absent person signed in for longer (C2). The
// log-in is none to report: the IdP has seen the person itself, before the session began (C7).
func Trails(s Session, p Policy, now time.Time) bool {
	at := NextSignal(Believable(s, now), p)
	return s.Active.After(s.Started) && past(at, now) && !now.After(s.Active.Add(p.SignalEvery))
}

// MaxSignalEvery is the longest δ that nobody has configured.
const MaxSignalEvery = 5 * time.Minute

// DefaultSignalEvery is a fifth of W if W is known, otherwise half the access token's lifetime;
// at most 5 min, at least a second.
func DefaultSignalEvery(w, accessToken time.Duration) time.Duration {
	every := MaxSignalEvery
	switch {
	case w > 0:
		every = w / 5
	case accessToken > 0:
		every = accessToken / 2
	}
	return min(max(every, time.Second), MaxSignalEvery)
}

// Jitter spreads d by up to ±10 %; u is a uniform number of [0,1).
func Jitter(d time.Duration, u float64) time.Duration {
	return d + time.Duration((u-0.5)*0.2*float64(d))
}

func window(s Session, p Policy) time.Duration {
	if p.Window > 0 {
		return p.Window
	}
	return s.Window
}

// trust is how long Active requests are served after a confirmation: never longer than W,
// because the IdP session may be over then (C2).
func trust(s Session, p Policy) time.Duration {
	if w := window(s, p); w > 0 {
		return min(p.TrustFor, w)
	}
	return p.TrustFor
}

// Over reports whether the time end has come. A zero end never comes.
func Over(end, now time.Time) bool { return past(end, now) }

func past(limit, now time.Time) bool { return !limit.IsZero() && !now.Before(limit) }

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}

// WarnBefore is how long before an end the person is warned: a minute, so that the 20 s of WCAG
// 2.2.1 are left even if the warning is shown late. If the whole span is shorter than three
// minutes, it is a third of the span.
func WarnBefore(span time.Duration) time.Duration { return min(time.Minute, span/3) }

// Warn returns when the person must be warned of the limit that comes first; zero if there is
// no limit.
func Warn(l Limits, s Session, p Policy) time.Time {
	var at time.Time
	if end := l.Idle(); !end.IsZero() {
		span := p.Idle
		if w := window(s, p); span == 0 || (w > 0 && end.Equal(l.Vouched)) {
			span = w
		}
		at = end.Add(-WarnBefore(span))
	}
	if !l.Absolute.IsZero() {
		at = earlier(at, l.Absolute.Add(-WarnBefore(l.Absolute.Sub(s.Started))))
	}
	return at
}
