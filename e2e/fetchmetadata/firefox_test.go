package fetchmetadata

import (
	"testing"

	driven "github.com/tandem-sso/tandem/e2e/firefox"
)

var mozilla driven.Process

// firefox takes keys in its own window.
type firefox struct{}

func (firefox) name() string                { return "firefox" }
func (firefox) version(t *testing.T) string { return mozilla.New(t).Version() }

func (firefox) open(t *testing.T) tab {
	tab := mozilla.New(t).Tab("firefox")
	tab.Activate()
	return tab
}

func (firefox) address(tb tab, url string)  { mozillaTab(tb).TypeAddress(url) }
func (firefox) bookmark(tb tab, url string) { mozillaTab(tb).OpenBookmark(url) }
func (firefox) reload(tb tab)               { mozillaTab(tb).PressOutside("F5") }
func (firefox) back(tb tab)                 { mozillaTab(tb).PressOutside("ArrowLeft", "Alt") }
func (firefox) inFrame(tb tab, css string)  { mozillaTab(tb).ClickInFrame(css) }
func (firefox) reopen(tb tab)               { mozillaTab(tb).Reopen() }

func mozillaTab(tb tab) *driven.Tab { return tb.(*driven.Tab) }
