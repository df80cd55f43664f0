package drive

import (
	"testing"

	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	cdppage "github.com/chromedp/cdproto/page"

	"github.com/tandem-sso/tandem/e2e/driver/browser"
	"github.com/tandem-sso/tandem/e2e/driver/site"
)

// Chromium takes no keys outside the page: its commands stand for them. That they say
// the same as the address bar, F5, Ctrl-R, Alt-Left and the Back button was measured by
// hand in a window (Chromium 156 on X11). Its zero value is ready.
type Chromium struct{ process browser.Process }

func (*Chromium) Name() string { return "chromium" }
func (c *Chromium) Close()     { c.process.Close() }

func (c *Chromium) New(t testing.TB) Browser {
	b := c.process.New(t)
	return func(name string) site.Tab { return b.Tab(name) }
}

func (c *Chromium) Version(t testing.TB) string {
	return browser.Call(c.process.New(t).Tab("version"), cdpbrowser.GetVersion, cdp.Empty{}).Product
}

func navigate(tab site.Tab, url string, how cdppage.TransitionType) {
	browser.Call(tab.(*browser.Tab), cdppage.Navigate, cdppage.NavigateParams{URL: url, TransitionType: how})
}

func (*Chromium) Address(tab site.Tab, url string) {
	navigate(tab, url, cdppage.TransitionTypeTyped)
}

func (*Chromium) Bookmark(tab site.Tab, url string) {
	navigate(tab, url, cdppage.TransitionTypeAutoBookmark)
}

func (*Chromium) Reload(tab site.Tab) {
	browser.Call(tab.(*browser.Tab), cdppage.Reload, cdppage.ReloadParams{})
}

func (*Chromium) Back(tab site.Tab) {
	t := tab.(*browser.Tab)
	h := browser.Call(t, cdppage.GetNavigationHistory, cdp.Empty{})
	browser.Call(t, cdppage.NavigateToHistoryEntry,
		cdppage.NavigateToHistoryEntryParams{EntryID: h.Entries[h.CurrentIndex-1].ID})
}

// Front has nothing to do: without a window every tab is in front.
func (*Chromium) Front(site.Tab) {}

func (*Chromium) Reopen(tab site.Tab) { tab.Fail("no command opens a closed tab again") }

// InFrame clicks in the middle of the frame #f, which its only element fills.
func (*Chromium) InFrame(tab site.Tab, _ string) { tab.Click("#f") }
