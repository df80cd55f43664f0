// Package lifetime has every rule that compares times. Decide is a pure function, and the
// rest of the library follows it: nothing else decides whether a session lives, or when the
// IdP is told of activity.
package lifetime

import "time"

// Class is the kind of a request as far as activity is concerned. The zero value
// is Passive: an unclassified request keeps nobody signed in.
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
	// Window is the IdP's idle window W as learnt from its answers; zero: not
	// learnt. It yields to Policy.Window.
}

// Policy is what is configured.
type Policy struct {
	Idle     time.Duration // local idle limit; zero: none
	Absolute time.Duration // zero: none
	Window   time.Duration // W as configured; zero: not configured

	// SignalEvery is δ. Zero: this client has no way to tell the IdP.
	SignalEvery time.Duration
	// TrustFor is how long a confirmation is good for an Active request. Zero:
	// this client has no way to ask, so its confirmation does not run out.
	TrustFor time.Duration
	// Renews: a signal can move the ceiling (a refresh yields a new ID token).
	Renews bool
}

// End is why a session is over by the clock alone.
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

// Decision is what is to be done with a request.
type Decision struct {
	End    End
	Signal Signal
	// Unconfirmed: a Passive request finds a session that was not confirmed within W. It must
	// not be served, but the session has not ended: only an Active request may ask the IdP,
	// because asking extends the IdP session.
	Unconfirmed bool
}

// passiveFactor times TrustFor bounds Passive requests where W is not known: a
// person who reads a page for longer than TrustFor keeps its live parts, an
// absent one loses them soon.
const passiveFactor = 3

// maxAhead is how far the clocks of instances may differ.
const maxAhead = 5 * time.Minute

// Ahead reports whether t, which was noted as the present, lies in the future: the
// clock has been set back since.
func Ahead(t, now time.Time) bool { return t.Sub(now) > maxAhead }

// Believable drops a time that a wrong clock noted: it proves nothing, and until that time
// really comes the IdP would not be asked.
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
		// An IdP that announced session_expiry wants to be asked again after it
		// (IPSIE SL1); it is the end only if that did not move it.
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

// Limits are the instants at which a session ends if nothing else happens; a
// zero time means that there is no such limit.
type Limits struct {
	LocalIdle time.Time // the app's own idle limit
	Vouched   time.Time // up to here the IdP's idle window is known to be open
	Absolute  time.Time // the app's absolute limit or the IdP's ceiling
}

// Idle returns the earlier of the two idle limits, zero if there is none.
func (l Limits) Idle() time.Time { return earlier(l.LocalIdle, l.Vouched) }

// Deadlines computes the limits of a session. The ceiling counts where it cannot
// move any more.
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

// Forget returns when a record has no use any more, so that a sweeper may end
// it: the first of its hard limits, or longest after its last activity.
func Forget(s Session, p Policy, longest time.Duration) time.Time {
	l := Deadlines(s, p)
	return earlier(earlier(l.LocalIdle, l.Absolute), s.Active.Add(longest))
}

// Outlived reports whether a session that nobody can read is certainly over. Known are only
// the start of its log-in, how long a log-in may take, and the person's last activity.
// Without an absolute limit it is over longest after that activity.
func Outlived(begun, active time.Time, p Policy, login, longest time.Duration, now time.Time) bool {
	if p.Absolute > 0 {
		return past(begun.Add(login+p.Absolute), now)
	}
	return past(active.Add(longest), now)
}

// NextSignal returns when activity that the IdP has not been told of is to be
// reported at the latest; zero: nothing to report.
func NextSignal(s Session, p Policy) time.Time {
	if p.SignalEvery == 0 || !s.Active.After(s.Signalled) {
		return time.Time{}
	}
	return s.Signalled.Add(p.SignalEvery)
}

// DefaultSignalEvery is a fifth of W where W is known, else half the access
// token's lifetime, at most 5 min, at least a second.
func DefaultSignalEvery(w, accessToken time.Duration) time.Duration {
	const most = 5 * time.Minute
	every := most
	switch {
	case w > 0:
		every = w / 5
	case accessToken > 0:
		every = accessToken / 2
	}
	return min(max(every, time.Second), most)
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

// trust is how long a confirmation is good for an Active request: beyond W the IdP
// session may be gone (C2).
func trust(s Session, p Policy) time.Duration {
	if w := window(s, p); w > 0 {
		return min(p.TrustFor, w)
	}
	return p.TrustFor
}

// Over reports whether something that ends at a time is over; zero: it has no end.
func Over(end, now time.Time) bool { return past(end, now) }

func past(limit, now time.Time) bool { return !limit.IsZero() && !now.Before(limit) }

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}

// WarnBefore is how long before an end the person is warned: a minute, so that
// the 20 s of WCAG 2.2.1 remain whatever happens on the way; a third of a span
// that is shorter than three minutes.
func WarnBefore(span time.Duration) time.Duration { return min(time.Minute, span/3) }

// Warn returns when the person is to be warned of the nearer limit; zero if
// there is none.
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
