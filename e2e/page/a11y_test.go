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
	"github.com/tandem-sso/tandem/rp"
)

// Every face of session.js, and the library's own pages, are free of what axe
// knows to look for, in light and dark. With TANDEM_SHOTS=folder they are also
// photographed at desktop and phone width, to be looked at.
func TestFacesAreAccessible(t *testing.T) {
	t.Parallel()
	// Eight seconds of warning: long enough to look at it.
	w := newWorld(t, options{rp: func(c *rp.Config) { c.Idle, c.IdPWindow = 24*time.Second, 48*time.Second }})
	notes := w.apps["notes"]
	tab := chromium.New(t).Tab("notes")
	w.signIn(tab, "ada", notes.page("/", `activity="click"`))
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
	w.idp.EndUser("ada")
	ended(tab, rp.BackchannelLogout)
	tab.Wait(`probe.button("login")`)
	look("ended")
	press(tab, kb.Enter) // the way back needs no mouse
	tab.WaitURL(w.idp.Issuer())
	tab.Go(notes.url + "/auth/logged-out")
	look("logged-out")
}

const focused = `document.activeElement?.shadowRoot?.activeElement?.getAttribute("part") ?? ""`

func TestPausedFaceIsAccessible(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{rp: func(c *rp.Config) { c.IdPWindow = 3 * time.Second }})
	tab := chromium.New(t).Tab("notes")
	w.signIn(tab, "ada", w.apps["notes"].page("/", `activity="click"`))
	covered(tab, "covered")
	tab.Wait(`probe.button("continue")`)
	axe.Check(t, tab)
	if dir := os.Getenv("TANDEM_SHOTS"); dir != "" {
		tab.Screenshot(filepath.Join(dir, "paused.png"))
	}
	press(tab, kb.Enter)
	live(tab)
}
