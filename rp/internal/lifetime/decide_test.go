package lifetime

import (
	"testing"
	"time"
)

// All times in these tests count from the log-in.
var login = time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)

func at(d time.Duration) time.Time { return login.Add(d) }

const tick = time.Millisecond // what a Store keeps

// fresh is a session that was active, signalled and confirmed at d.
func fresh(d time.Duration) Session {
	return Session{Started: login, Active: at(d), Signalled: at(d), Confirmed: at(d)}
}

// Every clock rule at its boundary: the last instant before and the first after.
func TestDecide(t *testing.T) {
	const (
		δ     = time.Minute
		trust = 5 * time.Minute
		w     = 15 * time.Minute
	)
	asks := Policy{SignalEvery: δ, TrustFor: trust} // W unknown
	knows := Policy{SignalEvery: δ, TrustFor: trust, Window: w}
	with := func(s Session, change func(*Session)) Session { change(&s); return s }
	ceiling := func(d time.Duration) Session { return with(fresh(d), func(s *Session) { s.Ceiling = at(time.Hour) }) }
	renews := asks
	renews.Renews = true

	for _, row := range []struct {
		name   string
		s      Session
		p      Policy
		now    time.Duration
		active Decision
		// passive is what a Passive request gets; most differ by the signal only.
		passive Decision
	}{
		{"at the log-in", fresh(0), knows, 0, Decision{}, Decision{}},
		{"nothing configured, nothing ever ends", fresh(0), Policy{}, 1000 * time.Hour, Decision{}, Decision{}},

		{"C1 not due yet", fresh(0), knows, δ - tick, Decision{}, Decision{}},
		{"C7 due; a passive request tells nothing", fresh(0), knows, δ, Decision{Signal: Due}, Decision{}},
		{"due as long as trusted", fresh(0), knows, trust, Decision{Signal: Due}, Decision{}},
		{"C2 overdue once trust is over", fresh(0), knows, trust + tick, Decision{Signal: Overdue}, Decision{}},
		{"passive as long as W is vouched for", fresh(0), knows, w, Decision{Signal: Overdue}, Decision{}},
		{"C2 no passive request after W", fresh(0), knows, w + tick, Decision{Signal: Overdue},
			Decision{Unconfirmed: true}},
		{"a signal that was sent by somebody else counts", with(fresh(0), func(s *Session) {
			s.Signalled = at(4 * time.Minute)
		}), knows, 4*time.Minute + δ - tick, Decision{}, Decision{}},
		{"confirmed without a signal is due still", with(fresh(0), func(s *Session) {
			s.Confirmed = at(4 * time.Minute)
		}), knows, 4 * time.Minute, Decision{Signal: Due}, Decision{}},

		{"W unknown: passive for three times TrustFor", fresh(0), asks, 3 * trust, Decision{Signal: Overdue},
			Decision{}},
		{"W unknown: no passive request after that", fresh(0), asks, 3*trust + tick, Decision{Signal: Overdue},
			Decision{Unconfirmed: true}},
		{"W learnt", with(fresh(0), func(s *Session) {
			s.Window = 2 * time.Minute
		}), asks, 2*time.Minute + tick, Decision{Signal: Overdue}, Decision{Unconfirmed: true}},
		{"W shorter than TrustFor bounds trust", with(fresh(0), func(s *Session) {
			s.Window = 2 * time.Minute
		}), asks, 2 * time.Minute, Decision{Signal: Due}, Decision{}},
		{"W configured goes before W learnt", with(fresh(0), func(s *Session) {
			s.Window = 2 * time.Minute
		}), knows, 2*time.Minute + tick, Decision{Signal: Due}, Decision{}},
		{"a client that cannot ask is trusted", fresh(0), Policy{Window: w}, 100 * w, Decision{}, Decision{}},
		{"a clock that was set back a little", fresh(5 * time.Minute), knows, 0, Decision{}, Decision{}},
		{"a clock that was set back", fresh(5*time.Minute + tick), knows, 0, Decision{Signal: Overdue},
			Decision{Unconfirmed: true}},

		{"idle: the last instant", fresh(time.Hour), Policy{Idle: 20 * time.Minute}, 80*time.Minute - tick, Decision{},
			Decision{}},
		{"idle: over", fresh(time.Hour), Policy{Idle: 20 * time.Minute}, 80 * time.Minute, Decision{End: Idle},
			Decision{End: Idle}},
		{"absolute: the last instant", fresh(8*time.Hour - tick), Policy{Absolute: 8 * time.Hour}, 8*time.Hour - tick,
			Decision{}, Decision{}},
		{"absolute: over, however active", fresh(8*time.Hour - tick), Policy{Absolute: 8 * time.Hour}, 8 * time.Hour,
			Decision{End: Absolute}, Decision{End: Absolute}},
		{"RT-16 an end goes before asking", fresh(0), Policy{Idle: time.Hour, SignalEvery: δ, TrustFor: trust},
			time.Hour, Decision{End: Idle}, Decision{End: Idle}},
		{"absolute goes before idle", fresh(0), Policy{Idle: time.Hour, Absolute: time.Hour}, time.Hour,
			Decision{End: Absolute}, Decision{End: Absolute}},
		{"so does a ceiling that cannot move", ceiling(0), Policy{Idle: time.Hour}, time.Hour, Decision{End: Ceiling},
			Decision{End: Ceiling}},
		{"the absolute limit is nearer than the ceiling", ceiling(0), Policy{Absolute: 59 * time.Minute}, time.Hour,
			Decision{End: Absolute}, Decision{End: Absolute}},
		{"the ceiling is nearer than the absolute limit", ceiling(0), Policy{Absolute: 61 * time.Minute}, 2 * time.Hour,
			Decision{End: Ceiling}, Decision{End: Ceiling}},

		{"F5 the ceiling: the last instant", ceiling(time.Hour - tick), asks, time.Hour - tick, Decision{}, Decision{}},
		{"F5 a ceiling that cannot move is the end", ceiling(time.Hour - tick), asks, time.Hour, Decision{End: Ceiling},
			Decision{End: Ceiling}},
		{"F5 also for a client that cannot ask", ceiling(0), Policy{}, time.Hour, Decision{End: Ceiling},
			Decision{End: Ceiling}},
		{"F5 one that a refresh may move: ask first", ceiling(time.Hour - tick), renews, time.Hour,
			Decision{Signal: Overdue}, Decision{Unconfirmed: true}},
		{"F5 it did not move: the end", ceiling(time.Hour), renews, time.Hour, Decision{End: Ceiling},
			Decision{End: Ceiling}},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := Decide(row.s, row.p, at(row.now), Active); got != row.active {
				t.Errorf("active: %+v, want %+v", got, row.active)
			}
			if got := Decide(row.s, row.p, at(row.now), Passive); got != row.passive {
				t.Errorf("passive: %+v, want %+v", got, row.passive)
			}
		})
	}
}

// The zero value of a class must be the harmless one.
func TestUnclassifiedIsPassive(t *testing.T) {
	var c Class
	if c != Passive {
		t.Error("the zero Class is not Passive")
	}
}

func TestDeadlines(t *testing.T) {
	s := fresh(time.Hour)
	s.Ceiling = at(3 * time.Hour)
	full := Policy{Idle: 20 * time.Minute, Absolute: 8 * time.Hour, Window: 15 * time.Minute, SignalEvery: time.Minute,
		TrustFor: time.Minute}
	for _, row := range []struct {
		name string
		s    Session
		p    Policy
		want Limits
		idle time.Time
	}{
		{"nothing", fresh(0), Policy{}, Limits{}, time.Time{}},
		{"all, and a ceiling that may move", s, func() Policy { p := full; p.Renews = true; return p }(),
			Limits{LocalIdle: at(80 * time.Minute), Vouched: at(75 * time.Minute), Absolute: at(8 * time.Hour)},
			at(75 * time.Minute)},
		{"a ceiling that cannot move is an absolute limit", s, full,
			Limits{LocalIdle: at(80 * time.Minute), Vouched: at(75 * time.Minute), Absolute: at(3 * time.Hour)},
			at(75 * time.Minute)},
		{"a ceiling alone", s, Policy{}, Limits{Absolute: at(3 * time.Hour)}, time.Time{}},
		{"a ceiling behind the absolute limit", s, Policy{Absolute: 2 * time.Hour}, Limits{Absolute: at(2 * time.Hour)},
			time.Time{}},
		{"the local limit is the nearer one", fresh(0), Policy{Idle: time.Minute, Window: time.Hour,
			SignalEvery: time.Second, TrustFor: time.Second},
			Limits{LocalIdle: at(time.Minute), Vouched: at(time.Hour)}, at(time.Minute)},
		{"a way to tell the IdP, and a W that nobody knows", fresh(0), Policy{SignalEvery: time.Minute,
			TrustFor: time.Minute}, Limits{}, time.Time{}},
		{"W without a way to tell the IdP is not ours to show", fresh(0), Policy{Window: time.Hour}, Limits{},
			time.Time{}},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := Deadlines(row.s, row.p)
			if got != row.want {
				t.Errorf("%+v, want %+v", got, row.want)
			}
			if !got.Idle().Equal(row.idle) {
				t.Errorf("Idle() = %v, want %v", got.Idle(), row.idle)
			}
		})
	}
}

// WCAG 2.2.1: at least 20 s remain after the warning, where the span allows it.
func TestWarn(t *testing.T) {
	for _, row := range []struct {
		span, want time.Duration
	}{
		{8 * time.Hour, time.Minute}, {3 * time.Minute, time.Minute}, {90 * time.Second, 30 * time.Second},
		{time.Minute, 20 * time.Second}, {3 * time.Second, time.Second}, {0, 0},
	} {
		if got := WarnBefore(row.span); got != row.want {
			t.Errorf("WarnBefore(%v) = %v, want %v", row.span, got, row.want)
		}
	}
	for _, row := range []struct {
		name string
		s    Session
		p    Policy
		want time.Time
	}{
		{"no limit, no warning", fresh(0), Policy{}, time.Time{}},
		{"idle", fresh(0), Policy{Idle: 15 * time.Minute}, at(14 * time.Minute)},
		{"a short idle limit", fresh(0), Policy{Idle: 6 * time.Second}, at(4 * time.Second)},
		{"W", fresh(0), Policy{Window: 15 * time.Minute, SignalEvery: time.Minute, TrustFor: time.Minute},
			at(14 * time.Minute)},
		{"a short idle limit within a long W", fresh(0), Policy{Idle: 6 * time.Second, Window: time.Hour,
			SignalEvery: time.Second, TrustFor: time.Second}, at(4 * time.Second)},
		{"absolute", fresh(7 * time.Hour), Policy{Absolute: 8 * time.Hour}, at(8*time.Hour - time.Minute)},
		{"the nearer of two", fresh(8*time.Hour - 5*time.Minute),
			Policy{Absolute: 8 * time.Hour, Idle: 15 * time.Minute}, at(8*time.Hour - time.Minute)},
		{"a ceiling without an absolute limit", Session{Started: login, Ceiling: at(time.Hour)}, Policy{},
			at(59 * time.Minute)},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := Warn(Deadlines(row.s, row.p), row.s, row.p); !got.Equal(row.want) {
				t.Errorf("Warn = %v, want %v", got, row.want)
			}
		})
	}
}

func TestDefaultSignalEvery(t *testing.T) {
	for _, row := range []struct {
		name            string
		w, access, want time.Duration
	}{
		{"nothing known", 0, 0, 5 * time.Minute},
		{"a fifth of W", 15 * time.Minute, 0, 3 * time.Minute},
		{"W goes before the access token's life", 15 * time.Minute, time.Minute, 3 * time.Minute},
		{"at most 5 min", 8 * time.Hour, 0, 5 * time.Minute},
		{"half the access token's life", 0, 4 * time.Minute, 2 * time.Minute},
		{"of an hour: at most 5 min", 0, time.Hour, 5 * time.Minute},
		{"at least a second", 3 * time.Second, 0, time.Second},
	} {
		if got := DefaultSignalEvery(row.w, row.access); got != row.want {
			t.Errorf("%s: %v, want %v", row.name, got, row.want)
		}
	}
}

// A session whose record nobody can read is over when it must be, not before.
func TestOutlived(t *testing.T) {
	const most, longest = 15 * time.Minute, 30 * 24 * time.Hour
	for _, row := range []struct {
		name     string
		absolute time.Duration
		active   time.Duration
		now      time.Duration
		want     bool
	}{
		{"the log-in may have taken long", 8 * time.Hour, 0, 8*time.Hour + most - tick, false},
		{"the absolute limit is over", 8 * time.Hour, 0, 8*time.Hour + most, true},
		{"activity does not move the absolute limit", 8 * time.Hour, 9 * time.Hour, 9 * time.Hour, true},
		{"no absolute limit", 0, time.Hour, time.Hour + longest - tick, false},
		{"nobody was active for so long", 0, time.Hour, time.Hour + longest, true},
	} {
		if got := Outlived(login, at(row.active), Policy{Absolute: row.absolute}, most, longest,
			at(row.now)); got != row.want {
			t.Errorf("%s: %v", row.name, got)
		}
	}
}

// What lies in the future was noted by a wrong clock: it proves nothing.
func TestBelievable(t *testing.T) {
	now := time.Date(2026, 11, 28, 8, 0, 0, 0, time.UTC)
	past, ahead := now.Add(-time.Minute), now.Add(time.Hour)
	for name, row := range map[string]struct{ in, want Session }{
		"both are past": {Session{Confirmed: past, Signalled: past}, Session{Confirmed: past, Signalled: past}},
		"confirmed":     {Session{Confirmed: ahead, Signalled: past}, Session{Signalled: past}},
		"signalled":     {Session{Confirmed: past, Signalled: ahead}, Session{Confirmed: past}},
	} {
		if got := Believable(row.in, now); got != row.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
