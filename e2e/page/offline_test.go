package page

import (
	"testing"
	"time"

	"github.com/tandem-sso/tandem/e2e/driver/browser"
	"github.com/tandem-sso/tandem/e2e/driver/site"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/reason"
)

// A page that is left open is covered within a second of the deadline although
// there is no network to ask (SEC-01: the server's end is not what the person sees).
func TestOfflineEnd(t *testing.T) {
	const idle = 6 * time.Second
	w := site.New(t, site.Options{RP: func(c *rp.Config) { c.Idle = idle }})
	notes := w.Apps["notes"]
	tab := chromium.New(t).Tab("notes")
	w.SignIn(tab, "ada", notes.URL+"/")
	deadline := deadlineOf(tab, "idle")
	notes.Down()
	site.Ended(tab, reason.Idle)
	tab.WaitGone("[data-tandem-private]")
	late(t, tab, deadline)
	// The way back is offered, and works once the network is there again.
	notes.Up()
	browser.Eval[bool](tab, `probe.press("login") ?? true`)
	tab.WaitURL(notes.URL + "/") // the IdP still knows ada
	site.Live(tab)
}

// Where only the IdP's window has passed, the page is hidden, in time, but not
// ended; it is back when the server can be asked again.
func TestOfflinePause(t *testing.T) {
	w := site.New(t, site.Options{RP: func(c *rp.Config) { c.IdPWindow = 6 * time.Second }})
	notes := w.Apps["notes"]
	tab := chromium.New(t).Tab("notes")
	w.SignIn(tab, "ada", notes.URL+"/")
	deadline := deadlineOf(tab, "trust")
	notes.Down()
	site.Covered(tab, "covered")
	late(t, tab, deadline)
	tab.Wait(`probe.button("continue")`)
	browser.Eval[bool](tab, `probe.press("continue") ?? true`)
	tab.Wait(`probe.words("cover").includes("The server cannot be reached")`)
	if browser.Eval[bool](tab, `!document.querySelector("[data-tandem-private]")`) {
		tab.Fail("private content is gone although nothing has ended")
	}
	notes.Up()
	tab.Wait(`probe.extend()`) // as the button does; the server may still be coming up
	site.Live(tab)
	if got := tab.Text("#who"); got != "private of ada" {
		t.Errorf("the page shows %q", got)
	}
}

// deadlineOf asks the server when a limit passes, in Unix milliseconds.
func deadlineOf(tab *browser.Tab, kind string) int64 {
	return browser.Eval[int64](tab, `fetch("/auth/session").then(r => r.json()).then(s => Date.now() + s.limits.find(l => l.kind === "`+kind+`").end_ms)`)
}

// late tells how long after the deadline the cover was painted, and demands that
// it was within a second.
func late(t *testing.T, tab *browser.Tab, deadline int64) {
	t.Helper()
	tab.Wait(`probe.paintedAt`)
	at := browser.Eval[int64](tab, `probe.paintedAt`)
	t.Logf("covered %d ms after the deadline, without network", at-deadline)
	if at < deadline-100 || at > deadline+1000 {
		tab.Fail("covered %d ms after the deadline", at-deadline)
	}
}
