package controlroom_test

import (
	"testing"

	"github.com/tandem-sso/tandem/e2e/driver/axe"
	"github.com/tandem-sso/tandem/e2e/driver/browser"
)

// Everything that can be opened is open: no accessibility fault in light or dark,
// and nothing wider than a phone.
func TestLook(t *testing.T) {
	room := start(t)
	tab := chromium.New(t).Open("room", room.URL())
	tab.Wait(`document.getElementById("tabs").dataset.key`)
	choose(tab, "three-kinds")
	tab.Click("#quick")
	play(tab, "three-kinds")
	told(tab, "three-kinds")
	axe.Look(t, tab, "room-told")
	tab.Resize(1280, 900)
	tab.Click("#leave")
	tab.Click("[data-do=sign-in][data-user=grace]")
	tab.WaitText("#tabs", "Grace · live")
	browser.Eval[bool](tab, `(document.querySelectorAll("main details").forEach(d => (d.open = true)), true)`)
	browser.Eval[bool](tab, `document.getElementById("scroll").dispatchEvent(new KeyboardEvent("keydown", {key: "End", bubbles: true}))`)
	tab.WaitText("#details", "·")
	axe.Look(t, tab, "room-open")
	tab.Resize(1280, 900)
	tab.Click("#why")
	tab.Wait(`document.querySelectorAll("#ends-list details").length > 3`)
	browser.Eval[bool](tab, `(document.querySelectorAll("#ends details").forEach(d => (d.open = true)), true)`)
	axe.Look(t, tab, "room-why")
}
