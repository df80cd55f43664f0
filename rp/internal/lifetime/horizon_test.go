package lifetime

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// What the horizon announces is what Decide says at that very instant, and not a
// tick before, if nothing happens in between.
func TestHorizonForetells(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, p := anySession(t), anyPolicy(t)
		now := at(duration(t, "now", 2*day))
		s = Believable(s, now)
		limits := Horizon(s, p)
		d := Decide(s, p, now, Passive)
		ended, untrusted := false, false
		for _, l := range limits {
			if l.At.IsZero() || l.Warn.After(l.At) {
				t.Fatalf("limit %+v", l)
			}
			switch l.Kind {
			case ByTrust:
				untrusted = untrusted || now.After(l.At) || now.Equal(l.At) && l.At.Equal(s.Ceiling)
			default:
				ended = ended || past(l.At, now)
			}
		}
		// A ceiling that was not moved by the signal that it asked for is an end too,
		// but not one that is known beforehand.
		unmoved := past(s.Ceiling, now) && !s.Confirmed.Before(s.Ceiling)
		if got := d.End != Live; got != ended && !unmoved {
			t.Fatalf("at %v Decide says %+v, the horizon %+v", now, d, limits)
		}
		if d.End == Live && !unmoved && d.Unconfirmed != untrusted {
			t.Fatalf("at %v Decide says %+v, the horizon %+v", now, d, limits)
		}
	})
}

func TestHorizonNamesTheEnd(t *testing.T) {
	s := Session{Started: login, Active: login, Signalled: login, Confirmed: login, Window: 15 * time.Minute}
	p := Policy{Idle: 10 * time.Minute, Absolute: time.Hour, SignalEvery: time.Minute, TrustFor: 5 * time.Minute}
	want := []Limit{
		{ByIdle, Idle, login.Add(10 * time.Minute), login.Add(9 * time.Minute)},
		{ByClock, Absolute, login.Add(time.Hour), login.Add(59 * time.Minute)},
		{ByTrust, Live, login.Add(15 * time.Minute), login.Add(14 * time.Minute)},
	}
	check := func(name string) {
		t.Helper()
		got := Horizon(s, p)
		if len(got) != len(want) {
			t.Fatalf("%s: %+v", name, got)
		}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("%s: %+v, want %+v", name, got[i], want[i])
			}
		}
	}
	check("all three")
	s.Window = 0 // not learnt: trust carries passive requests three times as far
	check("window not known")
	s.Ceiling = login.Add(30 * time.Minute)
	want[1] = Limit{ByClock, Ceiling, s.Ceiling, s.Ceiling.Add(-time.Minute)}
	check("ceiling that cannot move")
	p.Renews, s.Ceiling = true, login.Add(6*time.Minute)
	want[1] = Limit{ByClock, Absolute, login.Add(time.Hour), login.Add(59 * time.Minute)}
	want[2] = Limit{ByTrust, Live, s.Ceiling, s.Ceiling.Add(-time.Minute)}
	check("ceiling that a refresh may move")
}
