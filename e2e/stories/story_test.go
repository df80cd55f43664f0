package stories

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/demo/system"
	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp/reason"
)

// Active in one app only, for longer than the window: the others stay. Then
// nobody does anything, and each app lets go for a reason of its own.
func TestActiveInOneAppOnly(t *testing.T) {
	s := start(t, short)
	// Only Wiki, which has no other way to know, gets its logout token.
	for _, client := range []string{system.Notes, system.Reports} {
		s.demo.IDP.FaultDelivery(idpmock.DeliveryFault{Client: client, Lose: true, Times: idpmock.Always})
	}
	b := chromium.New(t)
	room := s.watch(b)
	s.signIn(b)
	showsLife(room)

	notes := s.tabs[system.Notes]
	first, _ := s.session()
	for n := 1; ; n++ {
		now, live := s.session()
		if !live {
			notes.Fail("the IdP session is over, though the person is active")
		}
		if now.IdleDeadline.Sub(first.IdleDeadline) > window+window/2 {
			break
		}
		// One click a second, as far as the page's own countdown tells the time.
		notes.Wait(fmt.Sprintf("performance.now() > 1000 || %d === 1", n))
		notes.Click(`a.button[href="/private"]`)
		notes.WaitURL(s.url(system.Notes, "/private"))
		notes.WaitText("#subject", "ada")
	}
	for _, app := range system.Apps() {
		if got := s.status(app); got.State != "live" {
			s.tabs[app].Fail("after a window and a half of activity in another app: %+v", got)
		}
	}
	showsLife(room)
	// They do not only say so.
	for _, app := range []string{system.Reports, system.Wiki} {
		if a := s.tabs[app].Fetch(http.MethodGet, "/me"); a.Status != http.StatusOK {
			s.tabs[app].Fail("/me: %+v", a)
		}
	}

	// The person goes. The tabs stay open, and their countdowns ask all the time.
	s.tabs[system.Wiki].Wait(`document.documentElement.dataset.tandem === "ended"`)
	if _, live := s.session(); live {
		t.Error("Wiki has ended before the IdP session")
	}
	s.endsWith(system.Wiki, reason.BackchannelLogout)

	// Nobody has told the others, nobody vouches for them any more: they are hidden
	// until somebody comes back, and then they ask.
	for app, reason := range map[string]reason.Reason{system.Reports: reason.APIUnauthorized,
		system.Notes: reason.RefreshRejected} {
		press(s.tabs[app], "continue")
		s.endsWith(app, reason)
	}
	notes.Go(s.url(system.Notes, "/private"))
	notes.WaitURL(s.demo.IDP.Issuer()) // and not into the page
	s.tells(system.Notes, reason.RefreshRejected)
	showsEnds(room, map[string]reason.Reason{system.Notes: reason.RefreshRejected,
		system.Reports: reason.APIUnauthorized, system.Wiki: reason.BackchannelLogout})
}

// Nobody is active: open pages with countdowns keep nobody signed in. All are
// out within W and a little, all are told, no page is reloaded for it.
func TestOpenPagesKeepNobodyIn(t *testing.T) {
	t.Parallel()
	s := start(t, short)
	s.signIn(chromium.New(t))
	last, _ := s.session()
	for _, app := range []string{system.Notes, system.Reports} {
		s.tabs[app].Wait(button("stay")) // the warning comes first; Wiki, without token, knows no deadline
	}
	for _, app := range system.Apps() {
		s.endsWith(app, reason.BackchannelLogout)
	}
	for _, e := range s.demo.IDP.Events() {
		if e.Kind == idpmock.EventEnd {
			if late := e.Time.Sub(last.IdleDeadline); late < 0 || late > 2*time.Second {
				t.Errorf("the IdP session ended %v after %v", late, last.IdleDeadline)
			}
		}
	}
}

// An administrator ends the session at the IdP, and only Wiki is told: its page
// shows it at once. The others learn it from the API, which answers 401.
func TestEndedAtTheIdP(t *testing.T) {
	t.Parallel()
	s := start(t, system.Settings{IdPIdle: time.Hour})
	for _, client := range []string{system.Notes, system.Reports} {
		s.demo.IDP.FaultDelivery(idpmock.DeliveryFault{Client: client, Lose: true, Times: idpmock.Always})
	}
	s.signIn(chromium.New(t))
	session, _ := s.session()
	if err := s.demo.EndAtIdP(session.SID); err != nil {
		t.Fatal(err)
	}
	s.endsWith(system.Wiki, reason.BackchannelLogout)
	for app, reason := range map[string]reason.Reason{system.Reports: reason.APIUnauthorized,
		system.Notes: reason.RefreshRejected} {
		if got := s.status(app); got.State != "live" {
			t.Errorf("%s knows already: %+v", app, got)
		}
		s.tabs[app].Click(`button[data-fetch="/call-api"]`)
		s.endsWith(app, reason)
	}
	refusals := 0
	events, _ := s.demo.Log.Since(0)
	for _, e := range events {
		if e.Kind == system.Refused && e.From == system.API {
			refusals++
		}
	}
	if refusals < 2 {
		t.Errorf("the API has refused %d tokens, want one of each app", refusals)
	}
}

// Log out in one app: every open tab of it and of the others is covered at once,
// untouched, and says why.
func TestLogoutInOneApp(t *testing.T) {
	for _, leaving := range system.Apps() {
		t.Run(leaving, func(t *testing.T) {
			t.Parallel()
			s := start(t, short)
			b := chromium.New(t)
			s.signIn(b)
			tab, second := s.tabs[leaving], b.Open("second tab of "+leaving, s.url(leaving, "/private"))
			live(second)
			tab.Click("#logout")
			tab.WaitURL(s.url(leaving, "/auth/logged-out"))
			began := time.Now()
			for _, app := range system.Apps() {
				if app != leaving {
					s.endsWith(app, reason.BackchannelLogout)
				}
			}
			ended(second, reason.UserLogout)
			if d := time.Since(began); d > 5*time.Second {
				t.Errorf("the others followed after %v", d)
			}
			s.tells(leaving, reason.UserLogout)
			if _, live := s.session(); live {
				t.Error("the IdP session is still there")
			}
			// Back at the log-in: the IdP asks again.
			tab.Click("#login")
			tab.WaitURL(s.demo.IDP.Issuer())
		})
	}
}
