package firefox_test

import (
	"testing"

	"github.com/tandem-sso/tandem/e2e/driver/firefox"
	"github.com/tandem-sso/tandem/e2e/driver/site"
)

// SM-02: as in Chromium. A tab in the background asks nothing until it is looked at.
func TestCheckSession(t *testing.T) {
	b := process.New(t)
	site.Watching(t, true).CheckSession(b.Tab("notes"), b.Tab("the log-out"),
		func(tab site.Tab) { tab.(*firefox.Tab).Activate() })
}

// SM-03: Firefox gives the IdP's frame of another site a storage of its own.
func TestCheckSessionBlocked(t *testing.T) {
	site.Watching(t, false).CheckSessionBlocked(process.New(t).Tab("notes"))
}
