package page

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"

	"github.com/tandem-sso/tandem/e2e/driver/browser"
	"github.com/tandem-sso/tandem/e2e/driver/site"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/reason"
)

// sleepy gives a page a clock that can leap, as it does while a laptop sleeps:
// Date.now goes on, performance.now does not, and no timer runs in between.
func sleepy(tab *browser.Tab) {
	browser.Call(tab, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{
		Source: `{ const now = Date.now.bind(Date); globalThis.slept = 0; Date.now = () => now() + slept }`,
	})
}

// The lid is opened after the session has ended: the page is covered before
// anything else, although the network is not back yet.
func TestSleepBeyondTheEnd(t *testing.T) {
	t.Parallel()
	w := site.Virtual(t, func(c *rp.Config) { c.Idle = 30 * time.Minute })
	notes := w.Apps["notes"]
	tab := chromium.New(t).Tab("notes")
	sleepy(tab)
	w.SignIn(tab, "ada", notes.URL+"/")
	notes.Down()
	w.IDP.Advance(2 * time.Hour)
	woken := browser.Eval[int64](tab, `(slept = 2 * 3600_000, Date.now())`)
	site.Ended(tab, reason.Idle)
	at := browser.Eval[int64](tab, `probe.coveredAt`)
	t.Logf("covered %d ms after waking up", at-woken)
	if at-woken > 2000 { // the page looks at the clock once a second; the machine may be busy
		t.Errorf("covered %d ms after waking up", at-woken)
	}
}

// An answer that was on its way while the machine slept is as old as the sleep: what
// it says of the time left counts from before.
func TestSleepWithAnAnswerUnderWay(t *testing.T) {
	t.Parallel()
	for what, reads := range map[string]string{
		"event of the stream": `ReadableStreamDefaultReader.prototype, "read"`,
		"answer to a call":    `Response.prototype, "json"`,
	} {
		t.Run(what, func(t *testing.T) {
			w := site.Virtual(t, func(c *rp.Config) { c.Idle, c.IdPWindow = 30*time.Minute, time.Hour })
			tab := chromium.New(t).Tab("notes")
			sleepy(tab)
			w.SignIn(tab, "ada", w.Apps["notes"].Page("/", `activity="click"`))
			waitFor(t, "the stream", func() bool { return w.Apps["notes"].Streams() == 1 })
			browser.Eval[bool](tab, `((object, name) => {
				const original = object[name]
				const released = new Promise(done => { probe.release = () => done() ?? true })
				object[name] = async function () {
					const got = await original.apply(this, arguments)
					probe.held = true
					await released
					return got
				}
				return true
			})(`+reads+`)`)
			sleep := func(d time.Duration, then string) {
				w.IDP.Advance(d)
				browser.Eval[bool](tab, fmt.Sprintf(`(slept += %d, %s)`, d.Milliseconds(), then))
			}
			sleep(time.Minute, "true") // the stream is given up, the server asked, a new stream begun
			tab.Wait(`probe.held`)
			sleep(28*time.Minute+10*time.Second, "probe.release()")
			tab.Wait(`probe.dialog("warning")`)
		})
	}
}

// A clock that is only set forward is found out: the page is back unharmed.
func TestClockSetForward(t *testing.T) {
	t.Parallel()
	w := site.New(t, site.Options{RP: func(c *rp.Config) { c.Idle = 30 * time.Minute }})
	tab := chromium.New(t).Tab("notes")
	sleepy(tab)
	w.SignIn(tab, "ada", w.Apps["notes"].URL+"/")
	// Again, if the server happened to speak just then: that is an answer, too.
	tab.Wait(`performance.now() - (probe.leapt ?? -9999) > 3000 && !probe.states.includes("covered") && (probe.leapt = performance.now(), slept += 2 * 3600_000),
		probe.states.includes("covered") && document.documentElement.dataset.tandem === "live"`)
	if got := tab.Text("#who"); got != "private of ada" {
		t.Errorf("the page shows %q", got)
	}
	// Set back, the deadline does not move away.
	browser.Eval[bool](tab, `(slept = -5 * 3600_000, true)`)
	tab.Wait(`Date.now() < performance.timeOrigin`)
	site.Live(tab)
}

// A tab that the browser froze is covered before it is put away, so it can show
// nothing before the server was asked.
func TestFrozenTab(t *testing.T) {
	t.Parallel()
	for name, ends := range map[string]bool{"session lives": false, "session ends": true} {
		t.Run(name, func(t *testing.T) {
			w := site.New(t, site.Options{})
			tab := chromium.New(t).Tab("notes")
			w.SignIn(tab, "ada", w.Apps["notes"].URL+"/")
			state := func(s page.SetWebLifecycleStateState) {
				browser.Call(tab, page.SetWebLifecycleState, page.SetWebLifecycleStateParams{State: s})
			}
			state(page.SetWebLifecycleStateStateFrozen)
			site.Covered(tab, "covered")
			waitFor(t, "the stream to close", func() bool { return w.Apps["notes"].Streams() == 0 })
			if ends {
				w.EndAda()
			}
			state(page.SetWebLifecycleStateStateActive)
			if ends {
				site.Ended(tab, reason.BackchannelLogout)
				if states := browser.Eval[string](tab, "probe.states.join()"); !strings.HasSuffix(states,
					"covered,ended") {
					t.Errorf("it was shown in between: %v", states)
				}
				return
			}
			site.Live(tab)
			waitFor(t, "a new stream", func() bool { return w.Apps["notes"].Streams() == 1 })
			w.IDP.EndUser("ada")
			site.Ended(tab, reason.BackchannelLogout)
		})
	}
}

// Out of the back/forward cache a page comes as it was left. It was left covered. (It
// gets there only if the app sends it without no-store.)
func TestBackForwardCache(t *testing.T) {
	t.Parallel()
	for name, ends := range map[string]bool{"session lives": false, "session ends": true} {
		t.Run(name, func(t *testing.T) {
			w := site.New(t, site.Options{})
			notes := w.Apps["notes"]
			tab := chromium.New(t).Tab("notes")
			w.SignIn(tab, "ada", notes.URL+"/?cache=no-cache")
			browser.Eval[bool](tab, `(probe.before = true)`)
			tab.Go(notes.URL + "/public")
			if ends {
				w.EndAda()
			}
			tab.Back()
			tab.Wait(`window.probe?.before`)
			if browser.Eval[int](tab, `probe.persisted ?? 0`) != 1 {
				tab.Fail("this did not come out of the cache: %v",
					browser.Eval[any](tab, `performance.getEntriesByType("navigation")[0].notRestoredReasons`))
			}
			if !ends {
				tab.Wait(`probe.states.join().endsWith("covered,live")`)
				if got := tab.Text("#who"); got != "private of ada" {
					t.Errorf("the page shows %q", got)
				}
				w.IDP.EndUser("ada")
				site.Ended(tab, reason.BackchannelLogout)
				return
			}
			site.Ended(tab, reason.BackchannelLogout)
			if states := browser.Eval[string](tab, "probe.states.join()"); !strings.HasSuffix(states, "covered,ended") {
				t.Errorf("it was shown in between: %v", states)
			}
		})
	}
}

// A page without session.js does not come out of the back/forward cache after the
// end, once the browser has been told of it.
func TestBackAfterTheEnd(t *testing.T) {
	t.Parallel()
	b := chromium.New(t)
	site.New(t, site.Options{}).Back(func(name string) site.Tab { return b.Tab(name) })
}
