package controlroom_test

import (
	"testing"

	"github.com/tandem-sso/tandem/e2e/axe"
	"github.com/tandem-sso/tandem/e2e/browser"
)

// A story is chosen, told by itself, and every check of it gets its mark. That
// all stories come out is tested without a browser, in demo/scenario.
func TestAStoryOnThePage(t *testing.T) {
	room := start(t)
	tab := chromium.New(t).Open("room", room.URL())
	tab.Click("[data-story=lost-logout]")
	tab.Click("#story-lost-logout [data-tell=play]")
	tab.Wait(`document.querySelectorAll("#story-lost-logout [data-ok=true]").length === document.querySelectorAll("#story-lost-logout [data-check]").length`)
	tab.WaitText(card("notes"), "refresh_rejected")
	tab.Wait(`document.querySelectorAll("#swim .k-lost").length > 0`)
	axe.Check(t, tab)
	shot(tab, "scenario")
	tab.Wait(`document.querySelector("[data-card=naive]").offsetParent === null`) // nobody uses it

	tab.Reload() // the story is still there
	tab.WaitText("#story-lost-logout", "A logout token gets lost")
	tab.Wait(`document.querySelectorAll("#story-lost-logout [data-ok=true]").length > 3`)

	// Why? One key, one sentence.
	tab.Wait(`document.querySelectorAll("#swim .event").length > 0`)
	browser.Eval[bool](tab, `document.getElementById("scroll").focus() === undefined`)
	browser.Eval[bool](tab, `document.getElementById("scroll").dispatchEvent(new KeyboardEvent("keydown", {key: "End", bubbles: true}))`)
	tab.WaitText("#details", "·")
}
