package lifetime

import (
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

func TestLastUse(t *testing.T) {
	for _, row := range []struct {
		life, early time.Duration
	}{{time.Hour, 5 * time.Second}, {50 * time.Second, 5 * time.Second}, {20 * time.Second, 2 * time.Second}, {0, 0}} {
		if got := LastUse(noon, row.life); !got.Equal(noon.Add(-row.early)) {
			t.Errorf("a token that lives %v is shown until %v before its end, want %v", row.life, noon.Sub(got),
				row.early)
		}
	}
	if got := LastUse(time.Time{}, time.Hour); !got.IsZero() {
		t.Errorf("one without an end is shown until %v", got)
	}
	for _, row := range []struct {
		window, early time.Duration
	}{{0, 5 * time.Second}, {15 * time.Minute, 5 * time.Second}, {20 * time.Second, 2 * time.Second}} {
		if got := LastRefresh(noon, row.window); !got.Equal(noon.Add(-row.early)) {
			t.Errorf("window %v: a refresh token is shown until %v before its end, want %v", row.window, noon.Sub(got),
				row.early)
		}
	}
}

func TestGood(t *testing.T) {
	for _, row := range []struct {
		life, left time.Duration
		want       bool
	}{
		{time.Hour, 61 * time.Second, true}, {time.Hour, time.Minute, false}, // a clock may be ahead by Skew
		{time.Minute, 31 * time.Second, true}, {time.Minute, 30 * time.Second, false},
		{0, 61 * time.Second, true}, {0, time.Minute, false},
	} {
		if got := Good(noon, row.life, time.Minute, noon.Add(-row.left)); got != row.want {
			t.Errorf("a token of %v, %v before its end: %v", row.life, row.left, got)
		}
	}
	if !Good(time.Time{}, time.Hour, time.Minute, noon) {
		t.Error("a token without an end has run out")
	}
}

func TestMayFetch(t *testing.T) {
	p := Policy{SignalEvery: 3 * time.Minute}
	for _, row := range []struct {
		ago, waits time.Duration
		want       bool
	}{{3 * time.Minute, time.Second, true}, {3*time.Minute + 1, time.Second, false},
		{4 * time.Minute, 4 * time.Minute, true}} {
		if got := MayFetch(noon.Add(-row.ago), noon, p, row.waits); got != row.want {
			t.Errorf("active %v ago, waiting %v: %v", row.ago, row.waits, got)
		}
	}
}

func TestActivityIntervals(t *testing.T) {
	for idle, want := range map[time.Duration]time.Duration{0: time.Minute, time.Hour: time.Minute,
		time.Minute: 6 * time.Second} {
		if got := Granule(idle); got != want {
			t.Errorf("idle limit %v: stored each %v, want %v", idle, got, want)
		}
	}
	if got := TooLate(noon, time.Minute); !got.Equal(noon.Add(2*time.Minute + time.Second)) {
		t.Errorf("a signal is given up after %v", got.Sub(noon))
	}
	for _, row := range []struct {
		p    Policy
		want time.Duration
	}{
		{Policy{}, 30 * time.Second}, {Policy{Idle: time.Minute}, 3 * time.Second},
		{Policy{Idle: time.Second}, 500 * time.Millisecond},
		{Policy{Idle: time.Hour, SignalEvery: time.Minute}, 15 * time.Second},
	} {
		if got := ReportEvery(row.p); got != row.want {
			t.Errorf("%+v: a page reports each %v, want %v", row.p, got, row.want)
		}
	}
}
