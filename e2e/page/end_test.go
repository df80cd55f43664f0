package page

import (
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"github.com/tandem-sso/tandem/e2e/browser"
	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
)

func TestEndCoversThePage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	notes := w.apps["notes"]
	tab := chromium.New(t).Tab("notes")
	w.signIn(tab, "ada", notes.url+"/")
	browser.Eval[string](tab, `location.hash = "part"`)
	if got := tab.Text("#who"); got != "private of ada" {
		t.Fatalf("the page shows %q", got)
	}
	tab.Click("#button") // something has the focus
	if err := w.idp.EndSession(w.idp.Sessions()[0].SID); err != nil {
		t.Fatal(err)
	}
	ended(tab, rp.BackchannelLogout)
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
	covered(tab, "ended")

	// The way back leads to the very place.
	browser.Eval[bool](tab, `probe.press("login") ?? true`)
	tab.WaitURL(w.idp.Issuer())
	tab.Type("#username", "ada\r")
	tab.WaitURL(notes.url + "/#part")
	live(tab)
	if got := tab.Text("#who"); got != "private of ada" {
		t.Errorf("the page shows %q", got)
	}
}

func TestReasons(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		reason rp.Reason
		tune   func(*rp.Config)
		do     func(w *world, tab *browser.Tab)
		words  string
	}{
		{rp.Idle, func(c *rp.Config) { c.Idle = 2 * time.Second }, nil, "You were not active for a while."},
		{rp.Absolute, func(c *rp.Config) { c.Absolute = 2 * time.Second }, nil, "You had been logged in for as long as is allowed."},
		{rp.Admin, nil, func(w *world, _ *browser.Tab) {
			if n, err := w.apps["notes"].auth.EndSubject(w.Context(), "ada"); n != 1 || err != nil {
				w.Fatalf("%d, %v", n, err)
			}
		}, "Your session was ended by this application."},
		{rp.RefreshRejected, func(c *rp.Config) { c.SignalEvery, c.TrustFor = time.Second, time.Second }, func(w *world, tab *browser.Tab) {
			w.idp.FaultDelivery(idpmock.DeliveryFault{Times: idpmock.Always, Lose: true})
			w.idp.EndUser("ada")
			// Not faster than the server listens.
			tab.Wait(`Date.now() - (probe.last ?? 0) > 600 && (probe.last = Date.now(), probe.extend()), probe.session.state === "ended"`)
		}, "Your log-in service has ended your session."},
	} {
		t.Run(string(row.reason), func(t *testing.T) {
			w := newWorld(t, options{rp: row.tune})
			tab := chromium.New(t).Tab("notes")
			w.signIn(tab, "ada", w.apps["notes"].url+"/")
			if row.do != nil {
				row.do(w, tab)
			}
			ended(tab, row.reason)
			if got := browser.Eval[string](tab, `probe.words("cover")`); !strings.Contains(got, row.words) {
				t.Errorf("told: %q", got)
			}
		})
	}
}

// A page without the element, all of it private, is covered as well.
func TestEndWithoutElement(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	tab := chromium.New(t).Tab("notes")
	w.signIn(tab, "ada", w.apps["notes"].url+"/bare")
	w.idp.EndUser("ada")
	ended(tab, rp.BackchannelLogout)
	tab.WaitGone("main")
	tab.Wait(`probe.button("login")`)
}

// The app's own modal dialog does not stay above the cover.
func TestEndOverAnOpenDialog(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	tab := chromium.New(t).Tab("notes")
	w.signIn(tab, "ada", w.apps["notes"].url+"/")
	browser.Eval[bool](tab, `own.showModal() ?? true`)
	w.idp.EndUser("ada")
	ended(tab, rp.BackchannelLogout)
	if !browser.Eval[bool](tab, `(e => e === document.querySelector("tandem-session"))(document.elementFromPoint(innerWidth / 2, innerHeight / 2))`) {
		tab.Fail("something is above the cover")
	}
}

// A public page stays public: nothing is covered before somebody was logged in.
func TestPublicPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{rp: func(c *rp.Config) { c.Idle = 2 * time.Second }})
	notes := w.apps["notes"]
	tab := chromium.New(t).Tab("notes")
	tab.Go(notes.url + "/public")
	tab.Wait(`probe.session.state === "anonymous"`)
	w.signIn(tab, "ada", notes.url+"/")
	ended(tab, rp.Idle)
	tab.Go(notes.url + "/public") // the cookie of the ended session is still there
	tab.Wait(`probe.session.state === "anonymous"`)
	if browser.Eval[bool](tab, `probe.dialog("cover")`) || notes.requests("GET /auth/events") != 1 {
		tab.Fail("a public page is covered, or holds a stream")
	}
}

func TestLogout(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{apps: []string{"notes", "mail"}})
	b := chromium.New(t)
	one, two, mail := b.Tab("one"), b.Tab("two"), b.Tab("mail")
	w.signIn(one, "ada", w.apps["notes"].url+"/")
	w.signIn(two, "ada", w.apps["notes"].url+"/")
	w.signIn(mail, "ada", w.apps["mail"].url+"/")
	browser.Eval[bool](one, `(probe.session.logout(), true)`)
	one.WaitURL(w.apps["notes"].url + "/auth/logged-out")
	ended(two, rp.UserLogout)
	ended(mail, rp.BackchannelLogout)
}
