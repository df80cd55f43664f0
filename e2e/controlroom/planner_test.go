package controlroom_test

import (
	"strings"
	"testing"

	"github.com/tandem-sso/tandem/e2e/driver/axe"
	"github.com/tandem-sso/tandem/e2e/driver/browser"
)

// Two policies side by side: what is typed is planned at once, what is wrong is said at its
// own policy, and the other stays.
func TestThePlanner(t *testing.T) {
	room := start(t)
	tab := chromium.New(t).Open("room", room.URL())
	const a, b = `[data-plan=a] `, `[data-plan=b] `
	tab.WaitText(a+"[data-moments]", "IdP between 1 h 25 min and 1 h 30 min")
	tab.WaitText(b+"[data-moments]", "IdP after 30 min")
	tab.WaitText(b+"[data-moments]", "although the person is active")
	tab.WaitText(a+"[data-settings]", "SSO Session Idle = 30 min")
	axe.Look(t, tab, "planner")
	tab.Resize(1280, 900)

	set := func(css, value string) {
		t.Helper()
		browser.Eval[bool](tab, `(i => (i.value = `+browser.Quote(value)+`, i.dispatchEvent(new Event("input", {bubbles: true}))))(document.querySelector(`+browser.Quote(css)+`))`)
	}
	set(b+"[name=idp]", "duende")
	tab.WaitText(b+"[data-moments]", "This app between 1 h 25 min and 1 h 30 min")
	set(b+"[name=window]", "10m")
	tab.WaitText(b+"[data-moments]", "This app between 1 h 8 min and 1 h 10 min")
	set(b+"[name=token_life]", "1h")
	tab.WaitText(b+"[data-moments]", "The app without the library after 1 h")
	set("#planner-active", "2h")
	tab.WaitText(a+"[data-moments]", "IdP between 2 h 25 min and 2 h 30 min")

	set(b+"[name=window]", "soon")
	tab.WaitText(b+"[data-fault]", "“soon” is no duration")
	set(b+"[name=window]", "0")
	tab.WaitText(b+"[data-fault]", "window is 0 s; use 1 s to a year")
	if got := tab.Text(a + "[data-fault]"); got != "" || !strings.Contains(tab.Text(a+"[data-moments]"), "2 h 30 min") {
		t.Errorf("the other policy says %q", got)
	}
	set(b+"[name=window]", "20m")
	tab.Wait(`document.querySelector("` + b + `[data-fault]").textContent === ""`)
}
