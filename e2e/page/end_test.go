package page

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"github.com/tandem-sso/tandem/e2e/driver/browser"
	"github.com/tandem-sso/tandem/e2e/driver/site"
	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/reason"
)

func TestEndCoversThePage(t *testing.T) {
	t.Parallel()
	w := site.New(t, site.Options{})
	notes := w.Apps["notes"]
	tab := chromium.New(t).Tab("notes")
	w.SignIn(tab, "ada", notes.URL+"/")
	browser.Eval[string](tab, `location.hash = "part"`)
	if got := tab.Text("#who"); got != "private of ada" {
		t.Fatalf("the page shows %q", got)
	}
	tab.Click("#button") // something has the focus
	if err := w.IDP.EndSession(w.IDP.Sessions()[0].SID); err != nil {
		t.Fatal(err)
	}
	site.Ended(tab, reason.BackchannelLogout)
	type view struct {
		Private int
		Words   string
		Title   string
		Events  int
		Focus   string
	}
	tab.Wait(`probe.button("login")`)
	got := browser.Eval[view](tab, `({Private: document.querySelectorAll("[data-tandem-private]").length, Words: probe.words("cover"), Title: document.title,
		Events: probe.events.filter(e => e.type === "ended" && e.reason === "backchannel_logout").length,
		Focus: document.activeElement.shadowRoot?.activeElement?.getAttribute("part")})`)
	if got.Private != 0 || got.Events != 1 || got.Title != "You are logged out" || got.Focus != "login" ||
		!strings.Contains(got.Words, "You have logged out elsewhere, or your log-in service has ended your session.") {
		t.Errorf("%+v", got)
	}
	// What comes late does not stay.
	browser.Eval[bool](tab, `(() => { const p = document.createElement("p"); p.dataset.tandemPrivate = ""; document.body.append(p); return true })()`)
	tab.WaitGone("[data-tandem-private]")
	// Escape, again and again, opens nothing.
	for range 3 {
		press(tab, kb.Escape)
	}
	site.Covered(tab, "ended")

	// The way back leads to the very place.
	browser.Eval[bool](tab, `probe.press("login") ?? true`)
	tab.WaitURL(w.IDP.Issuer())
	tab.Type("#username", "ada\r")
	tab.WaitURL(notes.URL + "/#part")
	site.Live(tab)
	if got := tab.Text("#who"); got != "private of ada" {
		t.Errorf("the page shows %q", got)
	}
}

// An answer that was given before the end and arrives after it, as that to a click
// in the last moment, is not taken for a new log-in.
func TestAnswerOvertakenByTheEnd(t *testing.T) {
	t.Parallel()
	answered, release := make(chan struct{}), make(chan struct{})
	w := site.New(t, site.Options{Front: func(app http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method+" "+r.URL.Path != reportPath {
				app.ServeHTTP(w, r)
				return
			}
			late := httptest.NewRecorder()
			app.ServeHTTP(late, r)
			close(answered)
			select {
			case <-release:
			case <-r.Context().Done():
			}
			maps.Copy(w.Header(), late.Header())
			w.WriteHeader(late.Code)
			_, _ = w.Write(late.Body.Bytes())
		})
	}})
	b := chromium.New(t)
	tab, other := b.Tab("notes"), b.Tab("other")
	url := w.Apps["notes"].Page("/", `activity="click"`)
	w.SignIn(tab, "ada", url)
	w.SignIn(other, "ada", url)
	tab.Click("#button")
	select {
	case <-answered:
	case <-time.After(browser.Patience):
		tab.Fail("the click was not reported")
	}
	w.EndAda()
	site.Ended(tab, reason.BackchannelLogout)
	site.Ended(other, reason.BackchannelLogout)
	close(release)
	tab.Wait(`performance.getEntriesByName(location.origin + "/auth/activity")[0]?.responseStatus === 200`)
	// What that sets off is done before the next answer arrives.
	browser.Eval[int](tab, `fetch("/auth/session").then(r => r.status)`)
	browser.Eval[int](other, `fetch("/auth/session").then(r => r.status)`)
	for _, tab := range []*browser.Tab{tab, other} {
		if browser.Eval[bool](tab, `!probe.button("login")`) {
			tab.Fail("the cover says %q", browser.Eval[string](tab, `probe.words("cover")`))
		}
	}
}

func TestReasons(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		reason reason.Reason
		tune   func(*rp.Config)
		do     func(w *site.World, tab *browser.Tab)
		words  string
	}{
		{reason.Idle, func(c *rp.Config) { c.Idle = 2 * time.Second }, nil, "You were not active for a while."},
		{reason.Absolute, func(c *rp.Config) {
			c.Absolute = 2 * time.Second
		}, nil, "You had been logged in for as long as is allowed."},
		{reason.Admin, nil, func(w *site.World, _ *browser.Tab) {
			if n, err := w.Apps["notes"].Auth.EndSessions(w.Context(), rp.Whose{Subject: "ada"}); n != 1 || err != nil {
				w.Fatalf("%d, %v", n, err)
			}
		}, "Your session was ended by this application."},
		{reason.RefreshRejected, func(c *rp.Config) {
			c.SignalEvery, c.TrustFor = time.Second, time.Second
		}, func(w *site.World, tab *browser.Tab) {
			w.IDP.FaultDelivery(idpmock.DeliveryFault{Times: idpmock.Always, Lose: true})
			w.IDP.EndUser("ada")
			// Not faster than the server listens.
			tab.Wait(`Date.now() - (probe.last ?? 0) > 600 && (probe.last = Date.now(), probe.extend()), probe.session.state === "ended"`)
		}, "Your log-in service has ended your session."},
	} {
		t.Run(string(row.reason), func(t *testing.T) {
			w := site.New(t, site.Options{RP: row.tune})
			tab := chromium.New(t).Tab("notes")
			w.SignIn(tab, "ada", w.Apps["notes"].URL+"/")
			if row.do != nil {
				row.do(w, tab)
			}
			site.Ended(tab, row.reason)
			if got := browser.Eval[string](tab, `probe.words("cover")`); !strings.Contains(got, row.words) {
				t.Errorf("told: %q", got)
			}
		})
	}
}

// A page without the element, all of it private, is covered as well.
func TestEndWithoutElement(t *testing.T) {
	t.Parallel()
	w := site.New(t, site.Options{})
	tab := chromium.New(t).Tab("notes")
	w.SignIn(tab, "ada", w.Apps["notes"].URL+"/bare")
	w.IDP.EndUser("ada")
	site.Ended(tab, reason.BackchannelLogout)
	tab.WaitGone("main")
	tab.Wait(`probe.button("login")`)
}

// Where the page's element is in what is private, its event still comes by.
func TestEndedBubbles(t *testing.T) {
	t.Parallel()
	w := site.Attacked(t, `<div data-tandem-private><tandem-session></tandem-session></div>`)
	tab := chromium.New(t).Tab("notes")
	w.OpenAttacked(tab)
	browser.Eval[bool](tab, `(() => {
		eyes.told = []
		const tell = e => eyes.told.push(e.target === first)
		const [first] = eyes.all("tandem-session")
		for (const target of [first, document]) target.addEventListener("ended", tell)
		return true
	})()`)
	w.EndAda()
	tab.Wait(`eyes.told.join() === "true,true" && !eyes.text().includes("Lovelace")`)
}

// The app's own modal dialog does not stay above the cover.
func TestEndOverAnOpenDialog(t *testing.T) {
	t.Parallel()
	w := site.New(t, site.Options{})
	tab := chromium.New(t).Tab("notes")
	w.SignIn(tab, "ada", w.Apps["notes"].URL+"/")
	browser.Eval[bool](tab, `own.showModal() ?? true`)
	w.IDP.EndUser("ada")
	site.Ended(tab, reason.BackchannelLogout)
	if !browser.Eval[bool](tab, `(e => e === document.querySelector("html > tandem-session"))(document.elementFromPoint(innerWidth / 2, innerHeight / 2))`) {
		tab.Fail("something is above the cover")
	}
}

// A public page stays public: nothing is covered before somebody was logged in.
func TestPublicPage(t *testing.T) {
	t.Parallel()
	w := site.New(t, site.Options{RP: func(c *rp.Config) { c.Idle = 2 * time.Second }})
	notes := w.Apps["notes"]
	tab := chromium.New(t).Tab("notes")
	tab.Go(notes.URL + "/public")
	tab.Wait(`probe.session.state === "anonymous"`)
	w.SignIn(tab, "ada", notes.URL+"/")
	site.Ended(tab, reason.Idle)
	tab.Go(notes.URL + "/public") // the cookie of the ended session is still there
	tab.Wait(`probe.session.state === "anonymous"`)
	if browser.Eval[bool](tab, `probe.dialog("cover")`) || notes.Requests("GET /auth/events") != 1 {
		tab.Fail("a public page is covered, or holds a stream")
	}
}

func TestLogout(t *testing.T) {
	t.Parallel()
	w := site.New(t, site.Options{Apps: []string{"notes", "mail"}})
	b := chromium.New(t)
	one, two, mail := b.Tab("one"), b.Tab("two"), b.Tab("mail")
	w.SignIn(one, "ada", w.Apps["notes"].URL+"/")
	w.SignIn(two, "ada", w.Apps["notes"].URL+"/")
	w.SignIn(mail, "ada", w.Apps["mail"].URL+"/")
	browser.Eval[bool](one, `(probe.session.logout(), true)`)
	one.WaitURL(w.Apps["notes"].URL + "/auth/logged-out")
	site.Ended(two, reason.UserLogout)
	site.Ended(mail, reason.BackchannelLogout)
}
