package lifetime

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

const day = 24 * time.Hour

func duration(t *rapid.T, label string, most time.Duration) time.Duration {
	return time.Duration(rapid.Int64Range(0, int64(most/tick)).Draw(t, label)) * tick
}

// sometimes is a duration that is zero in half of the cases: "not configured".
func sometimes(t *rapid.T, label string, most time.Duration) time.Duration {
	if rapid.Bool().Draw(t, "no "+label) {
		return 0
	}
	return tick + duration(t, label, most)
}

func anySession(t *rapid.T) Session {
	s := Session{
		Started: login, Active: at(duration(t, "active", day)),
		Signalled: at(duration(t, "signalled", day)), Confirmed: at(duration(t, "confirmed", day)),
		Window: sometimes(t, "learnt window", day),
	}
	if d := sometimes(t, "ceiling", day); d > 0 {
		s.Ceiling = at(d)
	}
	return s
}

func anyPolicy(t *rapid.T) Policy {
	p := Policy{
		Idle: sometimes(t, "idle", day), Absolute: sometimes(t, "absolute", day), Window: sometimes(t, "window", day),
		Renews: rapid.Bool().Draw(t, "renews"),
	}
	if rapid.Bool().Draw(t, "can ask") {
		p.SignalEvery, p.TrustFor = tick+duration(t, "every", time.Hour), sometimes(t, "trust", time.Hour)
	}
	return p
}

// C7: no passive request tells the IdP anything, ever.
func TestPassiveNeverSignals(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := Decide(anySession(t), anyPolicy(t), at(duration(t, "now", 2*day)), Passive)
		if d.Signal != NotDue {
			t.Fatalf("%+v", d)
		}
		if d.Unconfirmed && d.End != Live {
			t.Fatalf("both unconfirmed and ended: %+v", d)
		}
	})
}

// A client that cannot ask is never told to.
func TestWhoCannotAskIsNotToldTo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := anyPolicy(t)
		p.SignalEvery, p.TrustFor, p.Renews = 0, 0, false
		d := Decide(anySession(t), p, at(duration(t, "now", 2*day)), Active)
		if d.Signal != NotDue || d.Unconfirmed {
			t.Fatalf("%+v", d)
		}
	})
}

// severity orders decisions: time alone never makes one milder.
func severity(d Decision) int {
	switch {
	case d.End != Live:
		return 3
	case d.Unconfirmed:
		return 2
	}
	return int(d.Signal)
}

func TestTimeAloneNeverRevives(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, p := anySession(t), anyPolicy(t)
		c := rapid.SampledFrom([]Class{Passive, Active}).Draw(t, "class")
		now := at(duration(t, "now", 2*day))
		s = Believable(s, now) // time alone makes the rest believable
		later := now.Add(duration(t, "later", 2*day))
		a, b := Decide(s, p, now, c), Decide(s, p, later, c)
		if severity(b) < severity(a) {
			t.Fatalf("%+v at %v, but %+v at %v", a, now, b, later)
		}
	})
}

// What GET /auth/session promises is what Decide then does, to the tick.
func TestDeadlinesAreWhatDecideDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, p := anySession(t), anyPolicy(t)
		l := Deadlines(s, p)
		end := earlier(l.LocalIdle, l.Absolute)
		if p.Renews {
			s.Ceiling = time.Time{} // it may move, so nothing is promised about it
		}
		if end.IsZero() {
			if d := Decide(s, p, at(1000*day), Passive); d.End != Live {
				t.Fatalf("no limit, but %+v", d)
			}
			return
		}
		if d := Decide(s, p, end, Active); d.End == Live {
			t.Fatalf("still %+v at the limit %+v", d, l)
		}
		if d := Decide(s, p, end.Add(-tick), Active); d.End != Live {
			t.Fatalf("%+v before the limit %+v", d, l)
		}
	})
}

// The sweeper comes neither too early nor much too late.
func TestForget(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, p := anySession(t), anyPolicy(t)
		const longest = 30 * day
		when := Forget(s, p, longest)
		if when.After(s.Active.Add(longest)) {
			t.Fatalf("kept until %v, longer than 30 days after the last activity", when)
		}
		if d := Decide(s, p, when, Passive); d.End == Live && when.Before(s.Active.Add(longest)) {
			t.Fatalf("looked at at %v for nothing: %+v", when, d)
		}
	})
}

func TestNextSignal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, p := anySession(t), anyPolicy(t)
		next := NextSignal(s, p)
		told := !s.Active.After(s.Signalled)
		if next.IsZero() != (told || p.SignalEvery == 0) {
			t.Fatalf("NextSignal = %v for %+v", next, s)
		}
		if next.IsZero() {
			return
		}
		if d := Decide(s, p, next, Active); d.End == Live && d.Signal == NotDue {
			t.Fatalf("not due at its due time: %+v", d)
		}
		if d := Decide(s, p, next.Add(-tick), Active); d.End == Live && d.Signal == Due {
			t.Fatalf("due before its time: %+v", d)
		}
	})
}

// A report that trails goes out from its due time on until δ after the activity (C2), and never
// without activity that is untold (C7).
func TestTrails(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, p := anySession(t), anyPolicy(t)
		next, latest := NextSignal(s, p), s.Active.Add(p.SignalEvery)
		if next.IsZero() {
			now := s.Active.Add(duration(t, "later", day))
			if !Ahead(s.Signalled, now) && Trails(s, p, now) {
				t.Fatalf("a report of nothing: %+v", s)
			}
			return
		}
		for now, want := range map[time.Time]bool{next.Add(-tick): false, next: true, latest: true,
			latest.Add(tick): false} {
			if got := Trails(s, p, now); got != want {
				t.Fatalf("%v at %v: %+v, due %v", got, now, s, next)
			}
		}
	})
}

// The token endpoint took 3 s for the code: the IdP has seen the person before the session began.
func TestTheLogInTrailsNothing(t *testing.T) {
	s := Session{Started: login, Active: login, Signalled: login.Add(-3 * time.Second)}
	p := Policy{SignalEvery: 2 * time.Minute}
	if Trails(s, p, login.Add(p.SignalEvery)) {
		t.Error("the log-in would be reported as activity")
	}
	s.Active = login.Add(tick)
	if !Trails(s, p, login.Add(p.SignalEvery)) {
		t.Error("a click after it would not be reported")
	}
}

func TestJitter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := duration(t, "d", day)
		u := rapid.Float64Range(0, 0.999999).Draw(t, "u")
		got := Jitter(d, u)
		if got < d-d/10-1 || got > d+d/10+1 {
			t.Fatalf("Jitter(%v, %v) = %v: more than 10 %% away", d, u, got)
		}
	})
}

// A person whose gaps are shorter than W − δ stays signed in (C1), whatever else
// is configured; the IdP here is a model of one that slides W at each signal.
func TestActiveStays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := time.Second + duration(t, "W", 8*time.Hour)
		p := Policy{SignalEvery: tick + duration(t, "δ", w/2), TrustFor: tick + duration(t, "trust", time.Hour),
			Renews: rapid.Bool().Draw(t, "renews")}
		s := fresh(0)
		if rapid.Bool().Draw(t, "W is known") {
			p.Window = w
		}
		idp := login // last time that the IdP was told
		now := login
		most := w - p.SignalEvery - tick
		for _, g := range rapid.SliceOfN(rapid.Int64Range(0, int64(most/tick)), 1, 60).Draw(t, "gaps") {
			now = now.Add(time.Duration(g) * tick)
			d := Decide(s, p, now, Active)
			if d.End != Live || d.Unconfirmed {
				t.Fatalf("ended by %+v at %v", d, now.Sub(login))
			}
			s.Active = now
			if d.Signal == NotDue {
				continue
			}
			if now.Sub(idp) >= w {
				t.Fatalf("told the IdP after %v, but its window is %v", now.Sub(idp), w)
			}
			idp, s.Signalled, s.Confirmed = now, now, now
		}
	})
}

// Once the person is gone, passive requests are not served for longer than W
// after the last activity (C2), and after W no active one without asking.
func TestIdleEnds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := time.Second + duration(t, "W", 8*time.Hour)
		p := Policy{Window: w, SignalEvery: tick + duration(t, "δ", w/2), TrustFor: tick +
			duration(t, "trust", 8*time.Hour)}
		s := fresh(0)
		s.Active = at(duration(t, "active since the last signal", p.SignalEvery))
		now := s.Active.Add(w + tick + duration(t, "away", day))
		if d := Decide(s, p, now, Passive); d.End == Live && !d.Unconfirmed {
			t.Fatalf("a passive request is served %v after the last activity: %+v", now.Sub(s.Active), d)
		}
		if d := Decide(s, p, now, Active); d.End == Live && d.Signal != Overdue {
			t.Fatalf("an active request is served unasked %v after the last activity: %+v", now.Sub(s.Active), d)
		}
	})
}

// A warning comes before the end it warns of, at most a minute before.
func TestWarnIsBeforeTheEnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, p := anySession(t), anyPolicy(t)
		l := Deadlines(s, p)
		end := earlier(l.Idle(), l.Absolute)
		warn := Warn(l, s, p)
		if warn.IsZero() != end.IsZero() {
			t.Fatalf("warning %v for limits %+v", warn, l)
		}
		if warn.IsZero() {
			return
		}
		if warn.After(end) || end.Sub(warn) > time.Minute {
			t.Fatalf("warned at %v of an end at %v", warn, end)
		}
	})
}

// In a quiet span Decide has nothing to say to anybody, whatever activity there is.
// It ends where Decide would speak, or after longestQuiet: the hot path is one.
func TestQuiet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, p := anySession(t), anyPolicy(t)
		if rapid.Bool().Draw(t, "fresh") { // else nearly every span is empty
			s.Signalled, s.Confirmed = s.Active, s.Active
		}
		now := s.Active.Add(duration(t, "now", 10*time.Minute))
		q := Quiet(s, p, time.Time{}, now)
		says := func(s Session, now time.Time) bool {
			return Decide(s, p, now, Active) != Decision{} || Decide(s, p, now, Passive) != Decision{}
		}
		until := time.UnixMilli(q.Until)
		if !q.Holds(now) {
			if !until.After(now) != says(s, now) && !edge(s, p, now) {
				t.Fatalf("empty: %+v, and Decide says %v", q, says(s, now))
			}
			return
		}
		if q.From != now.UnixMilli() || q.Holds(now.Add(-tick)) || q.Holds(until) {
			t.Fatalf("%+v at %v", q, now)
		}
		if then := until.Add(tick); then.Sub(now) <= longestQuiet && !says(s, then) {
			t.Fatalf("Decide says nothing after %+v", q)
		}
		then := now.Add(duration(t, "then", until.Sub(now)-tick))
		s.Active = s.Active.Add(duration(t, "activity", then.Sub(s.Active)))
		if says(s, then) {
			t.Fatalf("%v is in %+v, but Decide says %+v, %+v", then, q, Decide(s, p, then, Active),
				Decide(s, p, then, Passive))
		}
	})
}

// edge: a confirmation is good up to and including its last instant, a span is not.
func edge(s Session, p Policy, now time.Time) bool {
	return now.Equal(s.Confirmed.Add(p.TrustFor)) || now.Equal(s.Confirmed.Add(window(s, p)))
}
