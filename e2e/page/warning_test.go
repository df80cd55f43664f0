package page

import (
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"github.com/tandem-sso/tandem/e2e/driver/browser"
	"github.com/tandem-sso/tandem/e2e/driver/site"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/reason"
)

// The warning comes before the end, says how long, and is answered with the
// keyboard alone; the focus goes in and comes back (WCAG 2.2.1, 2.1.1, 2.4.3).
func TestWarning(t *testing.T) {
	t.Parallel()
	w := site.New(t, site.Options{RP: func(c *rp.Config) { c.Idle = 9 * time.Second }})
	tab := chromium.New(t).Tab("notes")
	w.SignIn(tab, "ada", w.Apps["notes"].Page("/", `activity="click"`))
	browser.Eval[bool](tab, `button.focus() ?? true`)
	for _, key := range []string{kb.Enter, kb.Escape} {
		tab.Wait(`probe.dialog("warning")`)
		type view struct {
			Words string
			Focus string
			Modal bool
		}
		got := browser.Eval[view](tab, `({Words: probe.words("warning"), Focus: document.activeElement.shadowRoot?.activeElement?.getAttribute("part"),
			Modal: document.querySelector("html > tandem-session").shadowRoot.querySelector("dialog.warning").matches(":modal")})`)
		if got.Focus != "stay" || !got.Modal || !strings.Contains(got.Words, "You will be logged out in 0:0") {
			t.Errorf("%+v", got)
		}
		press(tab, key)
		tab.Wait(`!probe.dialog("warning")`)
		if left := deadlineOf(tab, "idle") - time.Now().UnixMilli(); left < 7000 {
			t.Errorf("%q gave only %d ms", key, left)
		}
		tab.Wait(`document.activeElement === button`)
	}
	tab.Wait(`probe.events.filter(e => e.type === "ending" && e.kind === "idle" && e.ms > 2000 && e.ms <= 3000).length === 2`)
	// Nobody answers.
	site.Ended(tab, reason.Idle)
}

// What happens in another tab of the app counts in all: the warning goes away.
func TestWarningGoesWhenAnotherTabIsUsed(t *testing.T) {
	t.Parallel()
	w := site.New(t, site.Options{RP: func(c *rp.Config) { c.Idle = 9 * time.Second }})
	b := chromium.New(t)
	quiet, busy := b.Tab("quiet"), b.Tab("busy")
	url := w.Apps["notes"].Page("/", `activity="click"`)
	w.SignIn(quiet, "ada", url)
	w.SignIn(busy, "ada", url)
	quiet.Wait(`probe.dialog("warning")`)
	busy.Wait(`probe.dialog("warning")`)
	browser.Eval[bool](busy, `probe.press("stay") ?? true`)
	quiet.Wait(`!probe.dialog("warning") && !probe.dialog("cover")`)
	busy.Wait(`!probe.dialog("warning")`)
}

// Activity that session.js does not see, such as a navigation in a tab without it,
// is found out by asking the server before the warning: the countdown does not lie.
func TestAsksBeforeItWarns(t *testing.T) {
	t.Parallel()
	w := site.New(t, site.Options{RP: func(c *rp.Config) { c.Idle = 9 * time.Second }})
	b := chromium.New(t)
	tab, other := b.Tab("page"), b.Tab("other")
	notes := w.Apps["notes"]
	w.SignIn(tab, "ada", notes.Page("/", `activity="click"`))
	for range 4 {
		<-time.After(3 * time.Second) // the other tab's person reads
		other.Go(notes.URL + "/data")
	}
	if browser.Eval[bool](tab, `probe.events.length > 0 || probe.dialog("warning") || probe.dialog("cover")`) {
		tab.Fail("it warned, or covered: %v", browser.Eval[[]map[string]any](tab, "probe.events"))
	}
	site.Ended(tab, reason.Idle)
}

// The end that nothing moves: it is told, dismissed once, and comes.
func TestWarningOfAFixedEnd(t *testing.T) {
	t.Parallel()
	w := site.New(t, site.Options{RP: func(c *rp.Config) { c.Absolute = 9 * time.Second }})
	tab := chromium.New(t).Tab("notes")
	w.SignIn(tab, "ada", w.Apps["notes"].URL+"/")
	tab.Wait(`probe.words("warning").includes("whatever you do")`)
	press(tab, kb.Enter)
	tab.Wait(`!probe.dialog("warning")`)
	tab.Click("#button")
	site.Ended(tab, reason.Absolute)
	if n := browser.Eval[int](tab, `probe.events.filter(e => e.type === "ending").length`); n != 1 {
		t.Errorf("warned %d times", n)
	}
}

func TestAppWarnsItself(t *testing.T) {
	t.Parallel()
	w := site.New(t, site.Options{RP: func(c *rp.Config) { c.Idle = 6 * time.Second }})
	tab := chromium.New(t).Tab("notes")
	w.SignIn(tab, "ada", w.Apps["notes"].Page("/", `activity="click"`))
	browser.Eval[bool](tab, `(probe.session.onending = e => { e.preventDefault(); probe.own = (probe.own ?? 0) + 1 }, true)`)
	tab.Wait(`probe.own`)
	site.Ended(tab, reason.Idle)
	if browser.Eval[int](tab, `probe.own`) != 1 || browser.Eval[bool](tab, `probe.dialog("warning")`) {
		tab.Fail("onending was called %d times", browser.Eval[int](tab, `probe.own`))
	}
}

func TestWordsAreReplaceable(t *testing.T) {
	t.Parallel()
	w := site.New(t, site.Options{RP: func(c *rp.Config) { c.Idle = 6 * time.Second }})
	tab := chromium.New(t).Tab("notes")
	w.SignIn(tab, "ada", w.Apps["notes"].Page("/",
		`activity="click" text-warn-idle="Noch {time} Minuten." text-stay="Bleiben"`))
	browser.Eval[bool](tab, `(Object.assign(probe.texts, {"warn-title": "Noch da?", "ended-idle": "Zu lange nichts getan."}), true)`)
	tab.Wait(`["Noch da?", "Noch 0:0", " Minuten.", "Bleiben"].every(words => probe.words("warning").includes(words))`)
	site.Ended(tab, reason.Idle)
	tab.Wait(`probe.words("cover").includes("Zu lange nichts getan.")`)
}
