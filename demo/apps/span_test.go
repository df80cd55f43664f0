package apps_test

import (
	"testing"
	"time"

	"github.com/tandem-sso/tandem/demo/apps"
)

func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0 s", 400 * time.Millisecond: "0 s", 40 * time.Second: "40 s", time.Minute: "1 min",
		85 * time.Minute: "1 h 25 min", 8 * time.Hour: "8 h", time.Hour + time.Second: "1 h 1 s",
	} {
		if got := apps.Span(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}
