package page

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp/kb"

	"github.com/tandem-sso/tandem/e2e/axe"
	"github.com/tandem-sso/tandem/e2e/browser"
	"github.com/tandem-sso/tandem/e2e/page/site"
	"github.com/tandem-sso/tandem/rp"
)

// Every face of session.js, and the library's own pages, are free of what axe
// knows to look for, in light and dark. With TANDEM_SHOTS=folder they are also
// photographed at desktop and phone width, to be looked at.
func TestFacesAreAccessible(t *testing.T) {
	t.Parallel()
	// Eight seconds of warning: long enough to look at it.
	w := site.New(t, site.Options{RP: func(c *rp.Config) { c.Idle, c.IdPWindow = 24*time.Second, 48*time.Second }})
	notes := w.Apps["notes"]
	tab := chromium.New(t).Tab("notes")
	w.SignIn(tab, "ada", notes.Page("/", `activity="click"`))
	look := func(name string) {
		for _, scheme := range []string{"light", "dark"} {
			browser.Call(tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
				Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
			axe.Check(t, tab)
			if dir := os.Getenv("TANDEM_SHOTS"); dir != "" {
				for width, size := range map[string][2]int64{"desktop": {1280, 800}, "phone": {390, 844}} {
					tab.Resize(size[0], size[1])
					tab.Screenshot(filepath.Join(dir, name+"-"+scheme+"-"+width+".png"))
				}
			}
		}
	}
	tab.Wait(`probe.dialog("warning")`)
	look("warning")
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
	site.Ended(tab, rp.BackchannelLogout)
	tab.Wait(`probe.button("login")`)
	look("ended")
	press(tab, kb.Enter) // the way back needs no mouse
	tab.WaitURL(w.IDP.Issuer())
	tab.Go(notes.URL + "/auth/logged-out")
	look("logged-out")
}

const focused = `document.activeElement?.shadowRoot?.activeElement?.getAttribute("part") ?? ""`

func TestPausedFaceIsAccessible(t *testing.T) {
	t.Parallel()
	w := site.New(t, site.Options{RP: func(c *rp.Config) { c.IdPWindow = 3 * time.Second }})
	tab := chromium.New(t).Tab("notes")
	w.SignIn(tab, "ada", w.Apps["notes"].Page("/", `activity="click"`))
	site.Covered(tab, "covered")
	tab.Wait(`probe.button("continue")`)
	axe.Check(t, tab)
	if dir := os.Getenv("TANDEM_SHOTS"); dir != "" {
		tab.Screenshot(filepath.Join(dir, "paused.png"))
	}
	press(tab, kb.Enter)
	site.Live(tab)
}
