package firefox_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/e2e/driver/axe"
	"github.com/tandem-sso/tandem/e2e/driver/browser"
	"github.com/tandem-sso/tandem/e2e/driver/firefox"
	"github.com/tandem-sso/tandem/e2e/driver/site"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/reason"
)

// C8: the logout token reaches every tab of three apps within a second, those in
// the background included, where Firefox slows timers down.
func TestEndReachesEveryTab(t *testing.T) {
	const tabsPerApp = 3
	names := []string{"notes", "mail", "photos"}
	w := site.New(t, site.Options{Apps: names})
	b := process.New(t)
	tabs := map[string][]*firefox.Tab{}
	for _, name := range names {
		for i := range tabsPerApp {
			tab := b.Tab(fmt.Sprint(name, " ", i))
			w.SignIn(tab, "ada", w.Apps[name].URL+"/")
			tabs[name] = append(tabs[name], tab)
		}
	}
	if n := len(w.IDP.Sessions()); n != 1 {
		t.Fatalf("%d IdP sessions", n)
	}
	for _, name := range names {
		for deadline := time.Now().Add(browser.Patience); w.Apps[name].Streams() != 1; time.Sleep(
			5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%s has %d streams", name, w.Apps[name].Streams())
			}
		}
	}
	if !browser.Eval[bool](tabs["notes"][0], "document.hidden") {
		t.Error("no tab is in the background")
	}
	w.EndAda()
	var last time.Duration
	for _, name := range names {
		for _, tab := range tabs[name] {
			site.Ended(tab, reason.BackchannelLogout)
			tab.WaitGone("[data-tandem-private]")
			at := time.UnixMilli(browser.Eval[int64](tab, "probe.coveredAt"))
			last = max(last, at.Sub(w.Apps[name].LastToken()))
		}
	}
	t.Logf("logout token arrived → covered, %d tabs of %d apps: at most %v", tabsPerApp*len(names), len(names),
		last.Round(time.Millisecond))
	if last >= time.Second {
		t.Errorf("covered %v after the token arrived", last)
	}
}

const focused = `document.activeElement?.shadowRoot?.activeElement?.getAttribute("part") ?? ""`

func idleHalfAnHour(c *rp.Config) { c.Idle, c.IdPWindow = 30*time.Minute, time.Hour }

const toTheWarning = 29*time.Minute + 10*time.Second // which then stays for 50 s

// The warning is answered with one click, which extends.
func TestWarningAndExtension(t *testing.T) {
	w := site.Virtual(t, idleHalfAnHour)
	tab := process.New(t).Tab("notes")
	w.SignIn(tab, "ada", w.Apps["notes"].Page("/", `activity="click"`))
	w.Leap(tab, toTheWarning)
	tab.Wait(`probe.dialog("warning")`)
	if got := browser.Eval[string](tab, `probe.words("warning")`); !strings.Contains(got,
		"You will be logged out in 0:") {
		t.Errorf("it says %q", got)
	}
	if got := browser.Eval[string](tab, focused); got != "stay" {
		t.Errorf("the focus is on %q", got)
	}
	before := browser.Eval[int](tab, `probe.events.filter(e => e.type === "ending").length`)
	axe.Check(t, tab)
	if dir := os.Getenv("TANDEM_SHOTS"); dir != "" {
		tab.Screenshot(filepath.Join(dir, "warning-firefox.png"))
	}
	tab.ClickOn(`probe.button("stay")`)
	tab.Wait(`!probe.dialog("warning")`)
	site.Live(tab)
	left := browser.Eval[int](tab, `fetch("/auth/session").then(r => r.json()).then(s => s.limits.find(l => l.kind === "idle").end_ms)`)
	if before != 1 || left < 29*60_000 {
		t.Errorf("warned %d times, the click gave %d ms", before, left)
	}
}

// The end of an idle session needs no network.
func TestIdleEndWithoutNetwork(t *testing.T) {
	w := site.New(t, site.Options{RP: func(c *rp.Config) { c.Idle = 6 * time.Second }})
	notes := w.Apps["notes"]
	tab := process.New(t).Tab("notes")
	w.SignIn(tab, "ada", notes.URL+"/")
	deadline := browser.Eval[int64](tab, `fetch("/auth/session").then(r => r.json()).then(s => Date.now() + s.limits.find(l => l.kind === "idle").end_ms)`)
	notes.Down()
	site.Ended(tab, reason.Idle)
	tab.WaitGone("[data-tandem-private]")
	tab.Wait("probe.paintedAt")
	late := browser.Eval[int64](tab, "probe.paintedAt") - deadline
	t.Logf("covered %d ms after the deadline, without network", late)
	if late < -100 || late > 1000 {
		tab.Fail("covered %d ms after the deadline", late)
	}
	notes.Up()
	tab.Wait(`probe.button("login")`)
	axe.Check(t, tab)
	tab.ClickOn(`probe.button("login")`)
	tab.WaitURL(notes.URL + "/") // the IdP still knows ada
	site.Live(tab)
}

func TestTwoBrowsersDoNotShare(t *testing.T) {
	site.New(t, site.Options{}).ShareNothing(process.New(t).Tab("ada"), process.New(t).Tab("bob"))
}

// From the log-in to the next one without a mouse (WCAG 2.1.1, 2.1.2, 2.4.3).
func TestKeyboardOnly(t *testing.T) {
	w := site.Virtual(t, idleHalfAnHour)
	notes := w.Apps["notes"]
	tab := process.New(t).Tab("notes")
	url := notes.Page("/", `activity="click"`)
	tab.Go(url)
	tab.Wait(`document.activeElement.id === "username"`)
	tab.Press("ada" + firefox.Enter)
	tab.WaitURL(url)
	site.Live(tab)
	tab.Press(firefox.TabKey)
	tab.Wait(`document.activeElement.id === "button"`)
	w.Leap(tab, toTheWarning)
	tab.Wait(`probe.dialog("warning")`)
	// Tab walks between the two answers. (From the last one it leads to the toolbar,
	// which is Firefox's own way to keep a modal dialog from being a trap.)
	for _, step := range []struct {
		keys []string
		to   string
	}{{[]string{firefox.TabKey}, "leave"}, {[]string{firefox.Shift, firefox.TabKey}, "stay"}} {
		tab.Chord(step.keys...)
		tab.Wait("(" + focused + `) === "` + step.to + `"`)
	}
	tab.Press(firefox.Escape) // extends
	tab.Wait(`!probe.dialog("warning")`)
	site.Live(tab)
	tab.Wait(`document.activeElement.id === "button"`)
	w.EndAda()
	site.Ended(tab, reason.BackchannelLogout)
	tab.Wait(`probe.button("login")`)
	tab.Press(firefox.Escape)
	site.Covered(tab, "ended")
	if got := browser.Eval[string](tab, focused); got != "login" {
		t.Errorf("the focus is on %q", got)
	}
	tab.Press(firefox.Enter)
	tab.WaitURL(w.IDP.Issuer())
	tab.Wait(`document.activeElement.id === "username"`)
	tab.Press("ada" + firefox.Enter)
	tab.WaitURL(url)
	site.Live(tab)
}

func TestBackAfterTheEnd(t *testing.T) {
	b := process.New(t)
	site.New(t, site.Options{}).Back(func(name string) site.Tab { return b.Tab(name) })
}
