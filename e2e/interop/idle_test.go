package interop

import (
	"fmt"
	"testing"
	"time"
)

// Nobody acts: polls go on, and none is served longer than W + δ after the last action.
func idle(t *testing.T, w *world) string {
	return each(t, w, func(t *testing.T, w *world, a *app) string {
		w.signIn(a)
		after(time.Now(), longer)
		w.act(a, "as the last action")
		since := time.Now()
		d, ok := until(since, window+delta+slack, func() bool { return !w.passive(a) })
		if !ok {
			t.Errorf("a poll is served %v after the last action, want at most W + δ = %v", d, window+delta)
		}
		if d < window-2*delta {
			t.Errorf("a poll is refused %v after the last action already", d)
		}
		return fmt.Sprintf("%.1fs", d.Seconds())
	})
}

// Nobody does anything at all, not even a poll: the click after that needs the password.
func idleClick(t *testing.T, w *world) string {
	return each(t, w, func(t *testing.T, w *world, a *app) string {
		w.signIn(a)
		after(time.Now(), longer)
		w.act(a, "as the last action")
		after(time.Now(), window+delta+time.Second)
		page := w.Open(a.base + "/private")
		if !w.asks(page) {
			t.Errorf("%v after the last action no password is asked for: %s", window+delta+time.Second, page)
		}
		return "password"
	})
}
