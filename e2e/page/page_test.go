// Package page tests session.js in chromium. The same world is opened in Firefox by
// package firefox.
package page

import (
	"os"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/tandem-sso/tandem/e2e/driver/browser"
)

var chromium browser.Process

func TestMain(m *testing.M) {
	code := m.Run()
	chromium.Close()
	os.Exit(code)
}

// press presses a key, wherever the focus is.
func press(tab *browser.Tab, key string) {
	browser.Act(tab, "press a key", chromedp.KeyEvent(key))
}
