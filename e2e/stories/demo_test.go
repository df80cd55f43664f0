package stories

import (
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/demo/controlroom"
	_ "github.com/tandem-sso/tandem/demo/program" // so that go test sees when the program that is built changes
	"github.com/tandem-sso/tandem/demo/system"
	"github.com/tandem-sso/tandem/e2e/driver/browser"
	"github.com/tandem-sso/tandem/e2e/driver/process"
	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/reason"
)

var (
	chromium browser.Process
	program  = process.Program{Package: "./demo"}
)

func TestMain(m *testing.M) {
	code := m.Run()
	chromium.Close()
	program.Close()
	os.Exit(code)
}

// W of the stories. A page of the busiest machine must load well within it.
const window = 8 * time.Second

// scene is the demo and a person's browser with a tab for each app.
type scene struct {
	*testing.T
	room *controlroom.Room
	demo *system.System
	tabs map[string]*browser.Tab
}

// short is a life in seconds.
var short = system.Settings{IdPIdle: window, TrustFor: 2 * time.Second, TokenLife: 3 * time.Second}

func start(t *testing.T, settings system.Settings) *scene { return startAs(t, 1, settings) }

func startAs(t *testing.T, instances int, settings system.Settings) *scene {
	room, err := controlroom.Start(t.Context(), system.Config{Logger: slog.New(slog.DiscardHandler), Settings: settings,
		Instances: instances})
	if err != nil {
		t.Fatal(err)
	}
	demo := room.System
	t.Cleanup(func() {
		if err := room.Close(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			events, _ := demo.Log.Since(0)
			for _, e := range events[max(0, len(events)-60):] {
				t.Logf("%s %-9s %-8s → %-8s %s", e.At.Format("05.000"), e.Kind, e.From, e.To, e.Title)
			}
		}
	})
	return &scene{T: t, room: room, demo: demo, tabs: map[string]*browser.Tab{}}
}

func (s *scene) url(app, path string) string { return s.demo.App(app).URL() + path }

// signIn opens every app in a tab of its own: the IdP asks once.
func (s *scene) signIn(b *browser.Browser) {
	s.Helper()
	for i, app := range system.Apps() {
		tab := b.Open(app, s.url(app, "/private"))
		s.tabs[app] = tab
		if i == 0 {
			tab.WaitURL(s.demo.IDP.Issuer())
			tab.Type("#username", "ada")
			tab.Click("#signin")
		}
		tab.WaitURL(s.url(app, "/private"))
		tab.WaitText("#subject", "ada")
		live(tab)
	}
	if got := len(s.demo.IDP.Sessions()); got != 1 {
		s.Fatalf("%d IdP sessions, want 1: the apps do not share it", got)
	}
}

// session returns the IdP session, false when it is over.
func (s *scene) session() (idpmock.Session, bool) {
	all := s.demo.IDP.Sessions()
	if len(all) == 0 {
		return idpmock.Session{}, false
	}
	return all[0], true
}

// status asks from the app's own page; it extends nothing.
func (s *scene) status(app string) (got rp.Status) {
	s.Helper()
	a := s.tabs[app].Fetch(http.MethodGet, "/auth/session")
	s.tabs[app].JSON(a, &got)
	return got
}

// endsWith waits until the open page is covered and tells why. Nobody has touched
// it; nothing private is left in it, and nothing of it can be seen.
func (s *scene) endsWith(app string, reason reason.Reason) {
	s.Helper()
	tab := s.tabs[app]
	ended(tab, reason)
	if got := s.status(app); got.State != "ended" || got.Reason != reason {
		tab.Fail("the status is %+v, want ended, %s", got, reason)
	}
}

// covers is what the library's own page tells a person, in plain words. What the IdP says
// of the cause goes before the reason.
var covers = map[reason.Reason][]string{
	reason.UserLogout:      {"You have logged out."},
	reason.Idle:            {"You were not active for a while."},
	reason.Absolute:        {"You had been logged in for as long as is allowed."},
	reason.RefreshRejected: {"Your log-in service has ended your session."},
	reason.APIUnauthorized: {"Your log-in service has ended your session."},
	reason.BackchannelLogout: {"or your log-in service has ended your session.",
		"You were not active in any application"},
	reason.Unconfirmed: {"Your log-in service does not know your session any more."},
}

func ended(tab *browser.Tab, why reason.Reason) {
	tab.Wait(`document.documentElement.dataset.tandem === "ended"`)
	tab.Wait(button("login"))
	if got := browser.Eval[string](tab, dialog+".innerText"); !strings.Contains(got, "You are logged out") ||
		!slices.ContainsFunc(covers[why], func(words string) bool { return strings.Contains(got, words) }) {
		tab.Fail("the cover says %q, want one of %q", got, covers[why])
	}
	if seen := browser.Eval[string](tab, `[...document.body.querySelectorAll(":not(tandem-session)")].filter(e => e.checkVisibility({visibilityProperty: true})).map(e => e.tagName).join()`); seen != "" {
		tab.Fail("behind the cover one can see %s", seen)
	}
	if browser.Eval[bool](tab, `document.documentElement.outerHTML.includes("Lovelace")`) {
		tab.Fail("private content is left on the page")
	}
}

// tells demands of the public page that it says why the session is over.
func (s *scene) tells(app string, reason reason.Reason) {
	s.Helper()
	tab := s.tabs[app]
	tab.Go(s.url(app, "/"))
	tab.WaitText(".card.ended", "You are logged out")
	if got := tab.Text(".card.ended code"); got != string(reason) {
		tab.Fail("the page tells the reason %q, want %q", got, reason)
	}
	// Nobody is logged in here, so there is nothing to cover.
	tab.Wait(`document.documentElement.dataset.tandem === "anonymous"`)
}

// dialog is the one that session.js has opened.
const dialog = `document.querySelector("html > tandem-session").shadowRoot.querySelector("dialog[open]")`

func button(part string) string { return dialog + `?.querySelector("[part=` + part + `]")` }

// press waits for a button of session.js and presses it.
func press(tab *browser.Tab, part string) {
	tab.Wait(button(part))
	browser.Eval[bool](tab, "("+button(part)+".click(), true)")
}

// live waits until session.js has heard that the session lives.
func live(tab *browser.Tab) { tab.Wait(`document.documentElement.dataset.tandem === "live"`) }
