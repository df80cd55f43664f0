package controlroom_test

import (
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/tandem-sso/tandem/e2e/driver/axe"
	"github.com/tandem-sso/tandem/e2e/driver/browser"
	"github.com/tandem-sso/tandem/e2e/driver/site"
)

// One story in two worlds, by the page's own controls: what happened is drawn in both columns,
// and the sentence names the setting that made the difference.
func TestTheComparison(t *testing.T) {
	room := start(t)
	tab := chromium.New(t).Tab("compare")
	compareOn(t, tab, room.URL())
	axe.Look(t, tab, "compare")
	for _, size := range [][2]int64{{1440, 900}, {1280, 720}, {390, 844}} {
		tab.Resize(size[0], size[1])
		if wide := browser.Eval[[]string](tab, `[...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1 && e.checkVisibility() && !e.closest("#scroll"))
			.map(e => e.tagName + " " + e.id + " " + e.getAttribute("class") + " " + e.getBoundingClientRect().right)`); len(wide) > 0 {
			t.Errorf("wider than %d px: %q", size[0], wide)
		}
		if over := browser.Eval[float64](tab,
			`document.documentElement.scrollWidth - document.documentElement.clientWidth`); over > 0 {
			t.Errorf("%d px are %v too many", size[0], over)
		}
		browser.Eval[bool](tab, `(document.getElementById("planner").scrollIntoView(), true)`)
		look(tab, "compare-"+map[int64]string{1440: "1440", 1280: "1280", 390: "phone"}[size[0]])
		browser.Eval[bool](tab, `(document.querySelector("[data-plan=a] [data-played]").scrollIntoView(), true)`)
		look(tab, "compare-played-"+map[int64]string{1440: "1440", 1280: "1280", 390: "phone"}[size[0]])
	}
}

// The same in Firefox.
func TestTheComparisonInFirefox(t *testing.T) {
	room := start(t)
	tab := firefox.New(t)("compare")
	compareOn(t, tab, room.URL())
	axe.Check(t, tab)
}

func compareOn(t *testing.T, tab site.Tab, url string) {
	t.Helper()
	tab.Go(url)
	const a, b = `[data-plan=a] `, `[data-plan=b] `
	tab.Wait(`document.getElementById("tabs").dataset.key`) // nothing above the comparison grows any more
	says(tab, b+"[data-moments]", "IdP after 30 min")
	tab.Click("#compare-play")
	says(tab, "#compare-said", "Both were played")
	says(tab, "#compare-text", "She leaves after 1 h")
	says(tab, "#differences", "Notes: the session ended when she came back after 2 h in the first world, and lived "+
		"on in the second. The setting that makes it: “IdP” (keycloak, auth0).")
	says(tab, a+"[data-lanes]", "Notes ended when Ada came back")
	says(tab, a+"[data-lanes]", "When Ada came back: asked for her name again.")
	says(tab, b+"[data-lanes]", "IdP ended after 30 min")
	says(tab, b+"[data-lanes]", "When Ada came back: still signed in.")
	if n := browser.Eval[int](tab, `document.querySelectorAll("[data-lanes] .axis").length`); n != 10 {
		t.Errorf("%d timelines are drawn, want 10", n)
	}
	if n := browser.Eval[int](tab, `document.querySelectorAll("[data-lanes] .field-error").length`); n != 0 {
		t.Errorf("%d sessions ended otherwise than computed", n)
	}

	// Another setting: the old answer goes, and the new one is of the new setting.
	choose := func(css, value string) {
		t.Helper()
		browser.Eval[bool](tab, `(i => (i.value = `+browser.Quote(
			value)+`, i.dispatchEvent(new Event("input", {bubbles: true}))))(document.querySelector(`+browser.Quote(
			css)+`))`)
	}
	choose(b+"[name=idp]", "keycloak")
	tab.Wait(`document.getElementById("compare-answer").hidden`)
	choose(b+"[name=window]", "1h")
	tab.Click("#compare-play")
	says(tab, "#differences", "The setting that makes it: “Idle window of the IdP” (30 min, 1 h).")
	choose("#compare-story", "polls")
	tab.Wait(`document.getElementById("planner-active").disabled`)
	says(tab, a+"[data-moments]", "IdP after 30 min")

	// What cannot be played is said where it is wrong.
	choose(b+"[name=idp]", "generic")
	tab.Click("#compare-play")
	says(tab, b+"[data-fault]", "cannot behave like generic")
	says(tab, "#compare-fault", "The second policy cannot be played")
	choose(b+"[name=idp]", "duende")
	tab.Wait(`document.querySelector("` + b + `[data-fault]").textContent === ""`)
	choose("#compare-away", "soon")
	tab.Click("#compare-play")
	says(tab, "#compare-fault", "Write the times as 90s")
	choose("#compare-away", "1000h")
	tab.Click("#compare-play")
	says(tab, "#compare-fault", "use 10 h at most")
	choose("#compare-away", "90m")
	tab.Click("#compare-play")
	says(tab, "#compare-said", "Both were played")
	says(tab, b+"[data-lanes]", "A logout token arrived after 1 h")
}

// The keyboard alone: a skip leads to the comparison, Enter plays, the focus stays with what
// can be pressed, and whoever stops gets no answer.
func TestTheComparisonByKeyboard(t *testing.T) {
	room := start(t)
	tab := chromium.New(t).Open("compare", room.URL())
	tab.WaitText("[data-plan=b] [data-moments]", "IdP after 30 min")
	press := func(key string) { t.Helper(); browser.Act(tab, "press a key", chromedp.KeyEvent(key)) }
	focus := func() string {
		return browser.Eval[string](tab, `document.activeElement.id || document.activeElement.getAttribute("href") || ""`)
	}
	to := func(id string, most int) {
		t.Helper()
		for range most {
			if press(kb.Tab); focus() == id {
				return
			}
		}
		t.Fatalf("%d presses of Tab do not reach %s: at %s", most, id, focus())
	}
	// The controls of a policy: a select takes the first letters, a box the space bar.
	at := func(css string) {
		t.Helper()
		browser.Eval[bool](tab, `(document.querySelector("[data-plan=b] `+css+`").focus(), true)`)
	}
	at("[name=idp]")
	press("duende")
	says(tab, "[data-plan=b] [data-moments]", "This app between 1 h 25 min and 1 h 30 min")
	at("[name=trailing]")
	press(" ")
	says(tab, "[data-plan=b] [data-moments]", "the last activity was reported, too")
	press(" ")
	says(tab, "[data-plan=b] [data-moments]", "older than the last click")
	browser.Eval[bool](tab, `(document.activeElement.blur(), scrollTo(0, 0), true)`)
	tab.Reload()
	says(tab, "[data-plan=b] [data-moments]", "IdP after 30 min")

	to("#planner", 6)
	press(kb.Enter)
	to("compare-play", 5)
	press(kb.Enter)
	tab.Wait(`document.activeElement.id === "compare-stop" || document.getElementById("compare-said").textContent.startsWith("Both were")`)
	tab.WaitText("#compare-said", "Both were played")
	if got := focus(); got != "compare-play" {
		t.Errorf("after the play the focus is at %q", got)
	}
	browser.Eval[bool](tab, `(["planner-active", "compare-away"].forEach(id => (document.getElementById(id).value = "10h")), document.getElementById("compare-away").dispatchEvent(new Event("input", {bubbles: true})))`)
	press(kb.Enter)
	tab.Wait(`document.activeElement.id === "compare-stop"`)
	press(kb.Enter)
	tab.Wait(`document.activeElement.id === "compare-play"`)
	if browser.Eval[bool](tab, `!document.getElementById("compare-answer").hidden`) ||
		tab.Text("#compare-fault") != "" {
		t.Errorf("a play that was stopped has an answer, or a fault: %q", tab.Text("#compare-fault"))
	}
}
