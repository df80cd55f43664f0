package fetchmetadata

import (
	"os"
	"testing"

	cdppage "github.com/chromedp/cdproto/page"

	"github.com/tandem-sso/tandem/e2e/driver/browser"
	"github.com/tandem-sso/tandem/e2e/driver/drive"
)

var drivers = [...]drive.Driver{&drive.Chromium{}, &drive.Firefox{}}

func TestMain(m *testing.M) {
	code := m.Run()
	for _, d := range drivers {
		d.Close()
	}
	os.Exit(code)
}

// manifest asks for what chromium loads only when it may install the page.
func (p *play) manifest() {
	browser.Call(p.tab.(*browser.Tab), cdppage.GetAppManifest, cdppage.GetAppManifestParams{})
}
