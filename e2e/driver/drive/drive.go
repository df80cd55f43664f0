// Package drive does in Chromium and in Firefox what a person does outside the page: the
// address bar, a bookmark, F5, Back. A test that is written for a Driver runs in both.
package drive

import (
	"testing"

	"github.com/tandem-sso/tandem/e2e/driver/site"
)

// Driver is a browser.
type Driver interface {
	Name() string
	Version(testing.TB) string
	// New returns a browser with nothing of other tests in it: its tabs share cookies.
	New(testing.TB) Browser
	Front(site.Tab)                    // brings it to the front, where only one can be there
	Address(tab site.Tab, url string)  // types it into the address bar
	Bookmark(tab site.Tab, url string) // opens it
	Reload(site.Tab)
	Back(site.Tab)
	Reopen(site.Tab)                  // closes the tab and has it back
	InFrame(tab site.Tab, css string) // clicks on something in the first frame
	Close()
}

// Browser opens a tab, which is in front. The name is for failures.
type Browser func(name string) site.Tab
