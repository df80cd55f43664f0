package page

import (
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"github.com/tandem-sso/tandem/e2e/driver/axe"
	"github.com/tandem-sso/tandem/e2e/driver/browser"
	"github.com/tandem-sso/tandem/e2e/driver/site"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/reason"
)

// Every face of session.js is free of what axe knows to look for.
func TestFacesAreAccessible(t *testing.T) {
	t.Parallel()
	w := site.Virtual(t, func(c *rp.Config) { c.Idle, c.IdPWindow = 30*time.Minute, time.Hour })
	notes := w.Apps["notes"]
	tab := chromium.New(t).Tab("notes")
	w.SignIn(tab, "ada", notes.Page("/", `activity="click"`))
	// The warning stays for fifty seconds: long enough to look at it.
	w.Leap(tab, 29*time.Minute+10*time.Second)
	tab.Wait(`probe.dialog("warning")`)
	axe.Look(t, tab, "warning")
	// Tab walks between the two answers and does not leave the dialog.
	for _, part := range []string{"leave", "stay"} {
		for range 3 {
			if press(tab, kb.Tab); browser.Eval[string](tab, focused) == part {
				break
			}
		}
		if got := browser.Eval[string](tab, focused); got != part {
			t.Errorf("Tab has led to %q, want %q", got, part)
		}
	}
	w.IDP.EndUser("ada")
	site.Ended(tab, reason.BackchannelLogout)
	tab.Wait(`probe.button("login")`)
	axe.Look(t, tab, "ended")
	press(tab, kb.Enter) // the way back needs no mouse
	tab.WaitURL(w.IDP.Issuer())
}

const focused = `document.activeElement?.shadowRoot?.activeElement?.getAttribute("part") ?? ""`

func TestPausedFaceIsAccessible(t *testing.T) {
	t.Parallel()
	w := site.New(t, site.Options{RP: func(c *rp.Config) { c.IdPWindow = 3 * time.Second }})
	tab := chromium.New(t).Tab("notes")
	w.SignIn(tab, "ada", w.Apps["notes"].Page("/", `activity="click"`))
	site.Covered(tab, "covered")
	tab.Wait(`probe.button("continue")`)
	axe.Look(t, tab, "paused")
	press(tab, kb.Enter)
	site.Live(tab)
}
