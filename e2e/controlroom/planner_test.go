package controlroom_test

import (
	"strings"
	"testing"

	"github.com/tandem-sso/tandem/e2e/driver/axe"
	"github.com/tandem-sso/tandem/e2e/driver/browser"
	"github.com/tandem-sso/tandem/e2e/driver/site"
)

// Two policies side by side: what is typed is planned at once, what is wrong is said at its
// own policy, and the other stays.
func TestThePlanner(t *testing.T) {
	room := start(t)
	tab := chromium.New(t).Open("room", room.URL())
	says(tab, "[data-plan=a] [data-moments]", "IdP between 1 h 25 min and 1 h 30 min")
	axe.Look(t, tab, "planner")
	tab.Resize(1280, 900)
	planOn(t, tab)
}

// The same in Firefox.
func TestThePlannerInFirefox(t *testing.T) {
	room := start(t)
	tab := firefox.New(t)("planner")
	tab.Go(room.URL())
	planOn(t, tab)
}

// says waits for a text in an element, whose parts may be in several elements.
func says(tab site.Tab, css, text string) {
	tab.Wait(`(document.querySelector(` + browser.Quote(css) + `)?.textContent ?? "").includes(` + browser.Quote(text) +
		`)`)
}

func planOn(t *testing.T, tab site.Tab) {
	t.Helper()
	const a, b = `[data-plan=a] `, `[data-plan=b] `
	says(tab, a+"[data-moments]", "IdP between 1 h 25 min and 1 h 30 min")
	says(tab, b+"[data-moments]", "IdP after 30 min")
	says(tab, b+"[data-moments]", "although the person is active")
	says(tab, a+"[data-settings]", "SSO Session Idle = 30 min")

	set := func(css, value string) {
		t.Helper()
		browser.Eval[bool](tab, `(i => (i.value = `+browser.Quote(
			value)+`, i.dispatchEvent(new Event("input", {bubbles: true}))))(document.querySelector(`+browser.Quote(
			css)+`))`)
	}
	set(b+"[name=idp]", "duende")
	says(tab, b+"[data-moments]", "This app between 1 h 25 min and 1 h 30 min")
	set(b+"[name=window]", "10m")
	says(tab, b+"[data-moments]", "This app between 1 h 8 min and 1 h 10 min")
	set(b+"[name=token_life]", "1h")
	says(tab, b+"[data-moments]", "The app without the library after 1 h")
	set("#planner-active", "2h")
	says(tab, a+"[data-moments]", "IdP between 2 h 25 min and 2 h 30 min")

	set(b+"[name=window]", "soon")
	says(tab, b+"[data-fault]", "“soon” is no duration")
	set(b+"[name=window]", "0")
	says(tab, b+"[data-fault]", "window is 0 s; use 1 s to a year")
	if got := tab.Text(a + "[data-fault]"); got != "" || !strings.Contains(tab.Text(a+"[data-moments]"), "2 h 30 min") {
		t.Errorf("the other policy says %q", got)
	}
	set(b+"[name=window]", "20m")
	tab.Wait(`document.querySelector("` + b + `[data-fault]").textContent === ""`)
}
