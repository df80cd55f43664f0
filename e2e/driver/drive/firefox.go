package drive

import (
	"testing"

	"github.com/tandem-sso/tandem/e2e/driver/firefox"
	"github.com/tandem-sso/tandem/e2e/driver/site"
)

// Firefox takes keys in its own window. Its zero value is ready.
type Firefox struct{ Process firefox.Process }

func (*Firefox) Name() string                  { return "firefox" }
func (f *Firefox) Close()                      { f.Process.Close() }
func (f *Firefox) Version(t testing.TB) string { return f.Process.New(t).Version() }

func (f *Firefox) New(t testing.TB) Browser {
	b := f.Process.New(t)
	return func(name string) site.Tab {
		tab := b.Tab(name)
		tab.Activate()
		return tab
	}
}

func (*Firefox) Front(tab site.Tab)                { tab.(*firefox.Tab).Activate() }
func (*Firefox) Address(tab site.Tab, url string)  { tab.(*firefox.Tab).TypeAddress(url) }
func (*Firefox) Bookmark(tab site.Tab, url string) { tab.(*firefox.Tab).OpenBookmark(url) }
func (*Firefox) Reload(tab site.Tab)               { tab.(*firefox.Tab).PressOutside("F5") }
func (*Firefox) Back(tab site.Tab)                 { tab.(*firefox.Tab).PressOutside("ArrowLeft", "Alt") }
func (*Firefox) InFrame(tab site.Tab, css string)  { tab.(*firefox.Tab).ClickInFrame(css) }
func (*Firefox) Reopen(tab site.Tab)               { tab.(*firefox.Tab).Reopen() }
