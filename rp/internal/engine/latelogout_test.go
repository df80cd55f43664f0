package engine

import (
	"testing"
	"time"
)

// A log-out waits once, however often the IdP sends it, and after it is done it may come again.
// More than there is room for do not wait, and are told.
func TestLateLogouts(t *testing.T) {
	l := &lateLogouts{}
	take := func(n int, mine, full bool) {
		t.Helper()
		which := lateLogout{sid: "s", subject: "ada", issued: int64(n)}
		if m, f := l.take(which); m != mine || f != full {
			t.Errorf("logout %d: waits %v, no room %v", n, m, f)
		}
	}
	take(0, true, false)
	take(0, false, false)
	for n := 1; n < lateLogoutsMost; n++ {
		take(n, true, false)
	}
	take(lateLogoutsMost, false, true)
	take(0, false, false) // it waits, so it is not lost
	l.leave(lateLogout{"s", "ada", 0})
	take(lateLogoutsMost, true, false)
	take(0, false, true)
}

// What the Store keeps of the IdP counts for 24 hours, and never comes from the future.
func TestFresh(t *testing.T) {
	for age, want := range map[time.Duration]bool{
		0: true, time.Hour: true, 24*time.Hour - time.Millisecond: true,
		24 * time.Hour: false, 48 * time.Hour: false, -time.Millisecond: false,
	} {
		if got := fresh(morning, morning.Add(age)); got != want {
			t.Errorf("after %v: %v", age, got)
		}
	}
}
