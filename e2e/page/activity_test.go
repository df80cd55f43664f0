package page

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"

	"github.com/tandem-sso/tandem/e2e/driver/browser"
	"github.com/tandem-sso/tandem/e2e/driver/site"
	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/reason"
)

const reportPath = "POST /auth/activity"

// Only what a person does counts, by the policy that the page chose.
func TestWhatCountsAsActivity(t *testing.T) {
	t.Parallel()
	move := func(tab *browser.Tab, x float64) {
		browser.Act(tab, "move the mouse", chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, x, 200))
	}
	script := func(tab *browser.Tab) {
		browser.Eval[bool](tab, `(() => { for (const type of ["pointerdown", "keydown", "click", "wheel", "pointermove"]) button.dispatchEvent(new Event(type, {bubbles: true}))
			button.click(); scrollTo(0, 10); return true })()`)
	}
	for _, row := range []struct {
		name, policy string
		do           func(*browser.Tab)
		counts       bool
	}{
		{"moves", "input", func(tab *browser.Tab) { move(tab, 100); move(tab, 150) }, true},
		{"click", "input", func(tab *browser.Tab) { tab.Click("#button") }, true},
		{"key", "input", func(tab *browser.Tab) { press(tab, "a") }, true},
		{"moves", "click", func(tab *browser.Tab) { move(tab, 100); move(tab, 150) }, false},
		{"click", "click", func(tab *browser.Tab) { tab.Click("#button") }, true},
		{"script", "click", script, false},
		{"nothing at all", "visible", func(*browser.Tab) {}, true},
		{"nothing at all", "click", func(*browser.Tab) {}, false},
	} {
		t.Run(row.name+" under "+row.policy, func(t *testing.T) {
			t.Parallel()
			w := site.New(t, site.Options{})
			notes := w.Apps["notes"]
			tab := chromium.New(t).Tab("notes")
			w.SignIn(tab, "ada", notes.Page("/", `activity="`+row.policy+`"`))
			row.do(tab)
			if row.counts {
				waitFor(t, "a report", func() bool { return notes.Requests(reportPath) == 1 })
				return
			}
			browser.Eval[bool](tab, `new Promise(done => setTimeout(done, 1500, true))`)
			if n := notes.Requests(reportPath); n != 0 {
				t.Errorf("%d reports", n)
			}
		})
	}
}

// Input keeps the session, and is reported no more often than the server asks for.
func TestInputKeepsTheSession(t *testing.T) {
	t.Parallel()
	const idle = 4 * time.Second // reported every 500 ms
	w := site.New(t, site.Options{RP: func(c *rp.Config) { c.Idle = idle }})
	notes := w.Apps["notes"]
	tab := chromium.New(t).Tab("notes")
	w.SignIn(tab, "ada", notes.Page("/", `activity="click"`))
	began := time.Now()
	for time.Since(began) < 2*idle {
		press(tab, "a")
	}
	if browser.Eval[string](tab, `document.documentElement.dataset.tandem`) != "live" {
		tab.Fail("an active person was logged out")
	}
	if n, most := notes.Requests(reportPath), int(time.Since(began)/(500*time.Millisecond))+1; n > most {
		t.Errorf("%d reports in %v, want at most %d", n, time.Since(began), most)
	}
	site.Ended(tab, reason.Idle)
}

// C3 in the browser: while the person works in another app, the page of the quiet
// one does not warn where nobody looks, is hidden when nobody vouches for it, asks
// nobody (C7), and is back as soon as the person turns to it.
func TestQuietAppInSingleSignOn(t *testing.T) {
	t.Parallel()
	const window = 6 * time.Second
	w := site.New(t, site.Options{Apps: []string{"notes", "mail"}, IDP: func(c *idpmock.Config) {
		c.IdleWindow = window
	},
		RP: func(c *rp.Config) { c.IdPWindow = window }})
	b := chromium.New(t)
	quiet, busy := b.Tab("notes"), b.Tab("mail")
	w.SignIn(quiet, "ada", w.Apps["notes"].Page("/", `activity="click"`))
	hideTab(quiet, true)
	w.SignIn(busy, "ada", w.Apps["mail"].Page("/", `activity="click"`))
	for began := time.Now(); time.Since(began) < 2*window; {
		press(busy, "a")
	}
	site.Covered(quiet, "covered")
	if browser.Eval[bool](quiet, `probe.events.length > 0 || !document.querySelector("[data-tandem-private]")`) {
		quiet.Fail("it warned, or ended: %v", browser.Eval[[]map[string]any](quiet, "probe.events"))
	}
	if n := w.IDP.Count(idpmock.EndpointRefresh, "notes"); n != 0 {
		t.Errorf("the quiet app asked the IdP %d times", n)
	}
	hideTab(quiet, false)
	quiet.Wait(`probe.button("continue")`)
	browser.Eval[bool](quiet, `probe.press("continue") ?? true`)
	site.Live(quiet)
	site.Live(busy)
	// Nobody does anything any more: both end.
	site.Ended(quiet, reason.BackchannelLogout)
	site.Ended(busy, reason.BackchannelLogout)
}

// hideTab makes the page believe that it is in the background: headless chromium
// shows all tabs at once. It says so where session.js asks, at the type.
func hideTab(tab *browser.Tab, hidden bool) {
	state := map[bool]string{true: "hidden", false: "visible"}[hidden]
	browser.Eval[bool](tab, `(Object.defineProperties(Document.prototype, {hidden: {configurable: true, value: `+map[bool]string{true: "true", false: "false"}[hidden]+`},
		visibilityState: {configurable: true, value: "`+state+`"}}), document.dispatchEvent(new Event("visibilitychange")))`)
}

// Turning to a hidden tab that is paused is the person's act: it asks by itself.
func TestTurningToAPausedTab(t *testing.T) {
	t.Parallel()
	w := site.New(t, site.Options{RP: func(c *rp.Config) { c.IdPWindow = 4 * time.Second }})
	tab := chromium.New(t).Tab("notes")
	w.SignIn(tab, "ada", w.Apps["notes"].URL+"/")
	hideTab(tab, true)
	site.Covered(tab, "covered")
	hideTab(tab, false)
	site.Live(tab)
	if got := tab.Text("#who"); got != "private of ada" {
		t.Errorf("the page shows %q", got)
	}
}

// With an IdP that can be asked without extending, the page of the quiet app, in
// full view, neither warns nor is hidden while the person works in another app.
func TestCountdownDoesNotLie(t *testing.T) {
	t.Parallel()
	const window = 6 * time.Second
	var provider *idpmock.IDP
	w := site.New(t, site.Options{Apps: []string{"notes", "mail"}, Hold: func(w *site.World) { provider = w.IDP },
		IDP: func(c *idpmock.Config) { c.IdleWindow = window },
		RP: func(c *rp.Config) {
			c.IdPWindow = window
			c.IdPSessionEnd = func(_ context.Context, sid string) (time.Time, error) {
				s, err := provider.Session(sid)
				return s.IdleDeadline, err
			}
		}})
	b := chromium.New(t)
	quiet, busy := b.Tab("notes"), b.Tab("mail")
	w.SignIn(quiet, "ada", w.Apps["notes"].Page("/", `activity="click"`))
	w.SignIn(busy, "ada", w.Apps["mail"].Page("/", `activity="click"`))
	for began := time.Now(); time.Since(began) < 3*window; {
		press(busy, "a")
	}
	if states := browser.Eval[string](quiet,
		`probe.states.join() + probe.events.map(e => e.type).join()`); states != "" && states != "live" {
		quiet.Fail("it warned or was hidden: %s", states)
	}
	if n := w.IDP.Count(idpmock.EndpointRefresh, "notes"); n != 0 {
		t.Errorf("the quiet app extended the IdP session %d times", n)
	}
	// Nobody does anything any more: now it warns, and ends.
	site.Ended(quiet, reason.BackchannelLogout)
	if !browser.Eval[bool](quiet, `probe.events.some(e => e.type === "ending" && e.kind === "trust")`) {
		quiet.Fail("it ended without a warning")
	}
}

// Who has pressed "log out" is active no more, in the warning or in a form of the
// app's own: the session ends, and the page says nothing else.
func TestNoActivityAfterLogOut(t *testing.T) {
	t.Parallel()
	// A form that another tab shows the answer of: this one goes on, and could report.
	const form = `(() => { const f = document.createElement("form"); f.id = "leave"; f.method = "post"; f.action = "/auth/logout"; f.target = "_blank"
		f.append(Object.assign(document.createElement("button"), {textContent: "Log out"})); document.body.prepend(f); return true })()`
	for _, row := range []struct {
		name  string
		leave func(*browser.Tab)
		left  func(*browser.Tab)
	}{
		{"session.logout", func(tab *browser.Tab) { browser.Eval[bool](tab, `(probe.logout(), true)`) },
			func(tab *browser.Tab) { tab.Wait(`location.pathname === "/auth/logged-out"`) }},
		{"the app's form", func(tab *browser.Tab) { browser.Eval[bool](tab, form); tab.Click("#leave button") },
			func(tab *browser.Tab) { site.Ended(tab, reason.UserLogout) }},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			asked, release := make(chan struct{}), make(chan struct{})
			w := site.New(t, site.Options{Front: func(app http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.Method+" "+r.URL.Path == "POST /auth/logout" {
						close(asked)
						<-release
						// the page's policy lets no form lead to the IdP
						if r.Header.Get("Accept") != "application/json" {
							app.ServeHTTP(httptest.NewRecorder(), r)
							w.WriteHeader(http.StatusNoContent)
							return
						}
					}
					app.ServeHTTP(w, r)
				})
			}})
			notes := w.Apps["notes"]
			tab := chromium.New(t).Tab("notes")
			w.SignIn(tab, "ada", notes.Page("/", `activity="click"`))
			browser.Eval[bool](tab, `(() => { const { fetch } = globalThis; globalThis.fetched = []
				globalThis.fetch = (to, init) => { fetched.push(new URL(to, location).pathname); return fetch(to, init) }; return true })()`)
			row.leave(tab)
			<-asked
			tab.Click("#button")
			// The first report is not put off: it comes with the timers that are due.
			if sent := browser.Eval[[]string](tab,
				`new Promise(done => setTimeout(() => setTimeout(done, 0, fetched.filter(to => to === "/auth/activity"))))`); len(sent) > 0 {
				t.Errorf("%d reports after a click on log out", len(sent))
			}
			close(release)
			row.left(tab)
		})
	}
}
