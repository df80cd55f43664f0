package engine

import (
	"testing"
	"time"
)

// What is taken for evidence that signals do not extend, and what is not.
func TestEndedAllTheSame(t *testing.T) {
	begun := time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC)
	const w = 15 * time.Minute
	for _, c := range []struct {
		what      string
		told, now time.Duration // after the log-in
		w         time.Duration
		want      bool
	}{
		{"told at 12, over at 15", 12 * time.Minute, 15 * time.Minute, w, true},
		{"told at 14:59, over at 18", 15*time.Minute - time.Second, 18 * time.Minute, w, true},
		{"told at 12, over at 13: a log-out", 12 * time.Minute, 13 * time.Minute, w, false},
		{"told at 15, over at 18: what was told has extended", 15 * time.Minute, 18 * time.Minute, w, false},
		{"told at 3, over at 18: nobody was active", 3 * time.Minute, 18 * time.Minute, w, false},
		{"never told", 0, 15 * time.Minute, w, false},
		{"W is not known", 12 * time.Minute, 15 * time.Minute, 0, false},
	} {
		if got := endedAllTheSame(begun, begun.Add(c.told), begun.Add(c.now), c.w); got != c.want {
			t.Errorf("%s: %v, want %v", c.what, got, c.want)
		}
	}
}
