package controlroom_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/tandem-sso/tandem/e2e/axe"
	"github.com/tandem-sso/tandem/e2e/browser"
)

// Light and dark, desktop and phone: no accessibility fault, nothing wider than
// the screen, whatever is shown.
func TestLook(t *testing.T) {
	room := start(t)
	tab := chromium.New(t).Open("room", room.URL())
	tab.Wait(`document.getElementById("tabs").dataset.key`)
	choose(tab, "three-kinds")
	tab.Click("#quick")
	play(tab, "three-kinds")
	told(tab, "three-kinds")
	tab.Click("[data-do=sign-in][data-user=grace]")
	tab.WaitText("#tabs", "grace · live")
	tab.Click("[data-do=jump][data-seconds='30']")
	browser.Eval[bool](tab, `(document.querySelectorAll("main details").forEach(d => (d.open = true)), document.documentElement.style.scrollbarWidth = "none", true)`)
	browser.Eval[bool](tab, `document.getElementById("scroll").dispatchEvent(new KeyboardEvent("keydown", {key: "End", bubbles: true}))`)
	tab.WaitText("#details", "·")
	for _, scheme := range []string{"light", "dark"} {
		prefer(tab, scheme)
		for _, size := range []struct {
			name          string
			width, height int64
		}{{"desktop", 1400, 900}, {"phone", 390, 844}} {
			tab.Resize(size.width, size.height)
			tab.Wait(fmt.Sprintf("innerWidth === %d", size.width))
			if wide := browser.Eval[int](tab, "document.documentElement.scrollWidth"); int64(wide) > size.width {
				t.Errorf("%s, %s: %d px wide", scheme, size.name, wide)
			}
			axe.Check(t, tab)
			picture(tab, fmt.Sprintf("%s-%s", scheme, size.name))
			tab.Click("#why")
			tab.Wait(`document.querySelectorAll("#ends-list details").length > 3`)
			axe.Check(t, tab)
			tab.Click("#ends form button")
		}
	}
}

// picture of the whole page as it is, where somebody wants to look at it.
// TANDEM_LOOK is the directory.
func picture(tab *browser.Tab, name string) {
	if dir := os.Getenv("TANDEM_LOOK"); dir != "" {
		tab.Screenshot(filepath.Join(dir, name+".png"))
	}
}
