package controlroom_test

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/tandem-sso/tandem/demo/controlroom"
	"github.com/tandem-sso/tandem/demo/system"
	"github.com/tandem-sso/tandem/e2e/driver/axe"
	"github.com/tandem-sso/tandem/e2e/driver/browser"
	"github.com/tandem-sso/tandem/e2e/driver/drive"
)

var (
	chromium browser.Process
	firefox  drive.Firefox
)

func TestMain(m *testing.M) {
	code := m.Run()
	chromium.Close()
	firefox.Close()
	os.Exit(code)
}

func start(t *testing.T) *controlroom.Room {
	t.Helper()
	room, err := controlroom.Start(t.Context(), system.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := room.Close(); err != nil {
			t.Error(err)
		}
	})
	return room
}

// press clicks until it has the effect: the cards grow while sessions begin, and
// a click may come just when its button moves away.
func press(tab *browser.Tab, css, effect string) {
	for range 5 {
		tab.Click(css)
		if browser.Eval[bool](tab, "new Promise(r => setTimeout(r, 300)).then(() => !!("+effect+"))") {
			return
		}
	}
	tab.Fail("clicks on %s do not lead to %s", css, effect)
}

func card(id string) string { return fmt.Sprintf("[data-card=%s]", id) }

// A person who is new to it: sign in with one button, be active in one app only,
// see all four sessions live; move the clock, see them end and why.
func TestTheRoomTellsTheStory(t *testing.T) {
	room := start(t)
	b := chromium.New(t)
	tab := b.Open("room", room.URL())
	tab.WaitText("#cards", "not signed in")
	tab.Click("[data-do=sign-in][data-user=ada]")
	for _, id := range []string{"idp", "notes", "reports", "wiki"} {
		tab.WaitText(card(id), "is signed in")
	}
	press(tab, "[data-pilot=notes]", "document.querySelector('[data-pilot=notes]').checked")
	for range 3 { // three minutes; the window is two
		tab.Click("[data-do=jump][data-seconds='60']")
		tab.Wait("!document.querySelector('.busy')")
	}
	for _, id := range []string{"idp", "notes", "reports", "wiki"} {
		tab.WaitText(card(id)+" [data-state]", "is signed in")
	}
	axe.Look(t, tab, "room")
	tab.Resize(1280, 900)
	shot(tab, "control-room")
	press(tab, "[data-pilot=notes]", "!document.querySelector('[data-pilot=notes]').checked")
	tab.Click("[data-do=jump][data-seconds='300']")
	for _, id := range []string{"idp", "notes", "reports", "wiki"} {
		tab.WaitText(card(id)+" [data-state]", "ended")
	}
	tab.WaitText(card("wiki"), "backchannel_logout")
	tab.WaitText(card("idp"), "idle")
	axe.Look(t, tab, "room-ended")
	tab.Resize(1280, 900)
	shot(tab, "control-room-ended")

	tab.Reload() // the state survives
	tab.WaitText(card("wiki"), "backchannel_logout")
	tab.Wait("document.querySelectorAll('#swim .event').length > 5")
}

// shot takes pictures where somebody wants them (make screenshots): of the part
// of the page that the test is about, one of them in the dark and as a phone shows
// it, too. TANDEM_SHOTS is the directory.
func shot(tab *browser.Tab, name string) {
	dir := os.Getenv("TANDEM_SHOTS")
	if dir == "" {
		return
	}
	browser.Eval[string](tab, `document.documentElement.style.scrollbarWidth = "none"`)
	if name != "own-idp" { // what lies below is not what the picture is about
		const below = `document.querySelectorAll("#own, #planner, .more").forEach(e => `
		browser.Eval[bool](tab, "("+below+`(e.hidden = true)), true)`)
		defer func() { browser.Eval[bool](tab, "("+below+`(e.hidden = false)), true)`) }()
	}
	if name == "control-room" {
		tab.Resize(390, 844)
		tab.Screenshot(filepath.Join(dir, name+"-phone.png"))
		tab.Resize(1400, 900)
		prefer(tab, "dark")
		tab.Screenshot(filepath.Join(dir, name+"-dark.png"))
		prefer(tab, "light")
	}
	tab.Resize(1400, 900)
	tab.Screenshot(filepath.Join(dir, name+".png"))
	tab.Resize(1280, 900)
}

// prefer is the person's choice of light or dark.
func prefer(tab *browser.Tab, scheme string) {
	browser.Call(tab, emulation.SetEmulatedMedia,
		emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme",
			Value: scheme}}})
	tab.Wait(fmt.Sprintf(`matchMedia("(prefers-color-scheme: %s)").matches`, scheme))
}

// shotOf is shot of one part of the page only.
func shotOf(tab *browser.Tab, name, css string) {
	if os.Getenv("TANDEM_SHOTS") == "" {
		return
	}
	browser.Eval[bool](tab, fmt.Sprintf(`(document.querySelectorAll("#main > *").forEach(e => e.matches(%q) || (e.dataset.away = e.hidden, e.hidden = true)), true)`, css))
	shot(tab, name)
	browser.Eval[bool](tab, `(document.querySelectorAll("[data-away]").forEach(e => { e.hidden = e.dataset.away === "true"; delete e.dataset.away }), true)`)
}

// shotView is a picture of the window, for what lies over the page.
func shotView(tab *browser.Tab, name string) {
	if dir := os.Getenv("TANDEM_SHOTS"); dir != "" {
		png := browser.Act(tab, "take a picture", chromedp.CaptureScreenshot())
		if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644); err != nil {
			tab.Fail("%v", err)
		}
	}
}
