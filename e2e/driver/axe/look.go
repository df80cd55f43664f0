package axe

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/cdproto/emulation"

	"github.com/tandem-sso/tandem/e2e/driver/browser"
)

// Look checks the tab's document in light and dark, and that it fits a phone. With
// TANDEM_LOOK=folder it is also photographed, to be looked at: name-scheme-width.png.
func Look(t testing.TB, tab *browser.Tab, name string) {
	t.Helper()
	scheme := func(value string) {
		browser.Call(tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: value}}})
	}
	for _, s := range []string{"dark", "light"} {
		scheme(s)
		for _, size := range []struct {
			name          string
			width, height int64
		}{{"phone", 390, 844}, {"laptop", 1280, 720}, {"desktop", 1440, 900}} {
			tab.Resize(size.width, size.height)
			if wide := browser.Eval[int64](tab, "document.documentElement.scrollWidth"); wide > size.width {
				t.Errorf("%s is %d pixels wide on a %s", name, wide, size.name)
			}
			if dir := os.Getenv("TANDEM_LOOK"); dir != "" {
				tab.Screenshot(filepath.Join(dir, name+"-"+s+"-"+size.name+".png"))
			}
		}
		Check(t, tab)
	}
	scheme("")
}
