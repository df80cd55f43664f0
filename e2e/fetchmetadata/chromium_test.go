package fetchmetadata

import (
	"os"
	"testing"

	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	cdppage "github.com/chromedp/cdproto/page"

	"github.com/tandem-sso/tandem/e2e/browser"
)

var process browser.Process

func TestMain(m *testing.M) {
	code := m.Run()
	process.Close()
	mozilla.Close()
	os.Exit(code)
}

// chromium takes no keys outside the page: its commands stand for them. That they say
// the same as the address bar, F5, Ctrl-R, Alt-Left and the Back button was measured by
// hand in a window (Chromium 156 on X11).
type chromium struct{}

func (chromium) name() string          { return "chromium" }
func (chromium) open(t *testing.T) tab { return process.New(t).Tab("chromium") }

func (chromium) version(t *testing.T) string {
	return browser.Call(process.New(t).Tab("version"), cdpbrowser.GetVersion, cdp.Empty{}).Product
}

func (chromium) navigate(tb tab, url string, how cdppage.TransitionType) {
	browser.Call(tb.(*browser.Tab), cdppage.Navigate, cdppage.NavigateParams{URL: url, TransitionType: how})
}

func (c chromium) address(tb tab, url string) { c.navigate(tb, url, cdppage.TransitionTypeTyped) }
func (c chromium) bookmark(tb tab, url string) {
	c.navigate(tb, url, cdppage.TransitionTypeAutoBookmark)
}

func (chromium) reload(tb tab) {
	browser.Call(tb.(*browser.Tab), cdppage.Reload, cdppage.ReloadParams{})
}

func (chromium) back(tb tab) {
	t := tb.(*browser.Tab)
	h := browser.Call(t, cdppage.GetNavigationHistory, cdp.Empty{})
	browser.Call(t, cdppage.NavigateToHistoryEntry, cdppage.NavigateToHistoryEntryParams{EntryID: h.Entries[h.CurrentIndex-1].ID})
}

func (chromium) reopen(tb tab) { tb.Fail("no command opens a closed tab again") }

// inFrame clicks in the middle of the frame, which its only element fills.
func (chromium) inFrame(tb tab, _ string) { tb.Click("#f") }

// manifest asks for what chromium loads only when it may install the page.
func (p *play) manifest() {
	browser.Call(p.tab.(*browser.Tab), cdppage.GetAppManifest, cdppage.GetAppManifestParams{})
}
