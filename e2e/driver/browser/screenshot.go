package browser

import (
	"os"

	"github.com/chromedp/chromedp"
)

// Resize gives the page another size; a phone is 390 × 844.
func (tab *Tab) Resize(width, height int64) {
	tab.t.Helper()
	run(tab, "resize", chromedp.EmulateViewport(width, height))
}

// Screenshot writes the whole page, as long as it is, to a PNG file.
func (tab *Tab) Screenshot(file string) {
	tab.t.Helper()
	png := run(tab, "take a screenshot", chromedp.FullScreenshot(100))
	if err := os.WriteFile(file, png, 0o644); err != nil {
		tab.Fail("%v", err)
	}
}
