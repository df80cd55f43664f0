package otelrp

import (
	"testing"
	"time"
)

// The store is asked for the number of sessions every 15 s, and less often where it takes long.
func TestCensus(t *testing.T) {
	var c census
	at := time.Unix(1_000_000, 0)
	step := func(later time.Duration, want bool) {
		t.Helper()
		at = at.Add(later)
		if got := c.due(at); got != want {
			t.Errorf("at %v: due is %v", at.UTC(), got)
		}
	}
	step(0, true)
	step(time.Second, false) // somebody is counting
	c.took(at, at.Add(10*time.Millisecond))
	step(14*time.Second, false)
	step(time.Second, true)
	c.took(at, at.Add(2*time.Second))
	step(199*time.Second, false)
	step(time.Second, true)
}
