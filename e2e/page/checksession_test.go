package page

import (
	"testing"

	"github.com/tandem-sso/tandem/e2e/driver/site"
)

// SM-02, and the suite's module oidcc-client-test-session-management: unchanged while the session
// lives, changed after the log-out, which the next action finds out.
func TestCheckSession(t *testing.T) {
	t.Parallel()
	b := chromium.New(t)
	site.Watching(t, true).CheckSession(b.Tab("notes"), b.Tab("the log-out"), func(site.Tab) {})
}

// SM-03: no page says more than "changed", and nobody is bothered.
func TestCheckSessionBlocked(t *testing.T) {
	t.Parallel()
	site.Watching(t, false).CheckSessionBlocked(chromium.New(t).Tab("notes"))
}

// SM-03: it says so from some time on.
func TestCheckSessionTurns(t *testing.T) {
	t.Parallel()
	site.Watching(t, true).CheckSessionTurns(chromium.New(t).Tab("notes"))
}

// SM-02: error stops the asking, and so do answers that are none.
func TestCheckSessionStops(t *testing.T) {
	t.Parallel()
	site.Watching(t, true).CheckSessionStops(chromium.New(t).Tab("notes"))
}
