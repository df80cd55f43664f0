package controlroom_test

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/demo/apps"
	"github.com/tandem-sso/tandem/demo/system"
	"github.com/tandem-sso/tandem/e2e/driver/axe"
	"github.com/tandem-sso/tandem/e2e/driver/browser"
	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/reason"
)

// endings make each end of the library's list come about in the running demo.
// They return the app in which it does.
func endings(t *testing.T, s *system.System) map[reason.Reason]func(ctx context.Context, b *system.Browser) string {
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	act := func(ctx context.Context, b *system.Browser, app, what string) {
		t.Helper()
		_, err := s.Act(ctx, b, app, what)
		must(err)
	}
	in := func(ctx context.Context, b *system.Browser, apps ...string) {
		t.Helper()
		must(s.SignIn(ctx, b, apps...))
	}
	settings := func(ctx context.Context, to system.Settings) { t.Helper(); must(s.Change(ctx, to)) }
	forward := func(ctx context.Context, d time.Duration) { t.Helper(); must(s.Forward(ctx, d, nil)) }
	atIdP := func() idpmock.Session {
		t.Helper()
		all := s.IDP.Sessions()
		if len(all) != 1 {
			t.Fatalf("%d sessions at the IdP", len(all))
		}
		return all[0]
	}
	lost := func() { s.LoseDeliveries(true); must(s.EndAtIdP(atIdP().SID)) }
	return map[reason.Reason]func(context.Context, *system.Browser) string{
		reason.UserLogout: func(ctx context.Context, b *system.Browser) string {
			in(ctx, b, system.Notes)
			act(ctx, b, system.Notes, system.DoLogout)
			return system.Notes
		},
		reason.BackchannelLogout: func(ctx context.Context, b *system.Browser) string {
			in(ctx, b, system.Wiki)
			must(s.EndAtIdP(atIdP().SID))
			return system.Wiki
		},
		reason.RefreshRejected: func(ctx context.Context, b *system.Browser) string {
			in(ctx, b, system.Notes)
			lost()
			forward(ctx, 40*time.Second)
			act(ctx, b, system.Notes, system.DoActive)
			return system.Notes
		},
		reason.APIUnauthorized: func(ctx context.Context, b *system.Browser) string {
			in(ctx, b, system.Reports)
			lost()
			act(ctx, b, system.Reports, system.DoCallAPI)
			return system.Reports
		},
		reason.Idle: func(ctx context.Context, b *system.Browser) string {
			settings(ctx, system.Settings{Idle: 20 * time.Second})
			in(ctx, b, system.Reports)
			forward(ctx, 30*time.Second)
			act(ctx, b, system.Reports, system.DoActive)
			return system.Reports
		},
		reason.Absolute: func(ctx context.Context, b *system.Browser) string {
			settings(ctx, system.Settings{Absolute: 30 * time.Second})
			in(ctx, b, system.Notes)
			forward(ctx, 40*time.Second)
			act(ctx, b, system.Notes, system.DoActive)
			return system.Notes
		},
		reason.IdPCeiling: func(ctx context.Context, b *system.Browser) string {
			settings(ctx, system.Settings{IdPAbsolute: 40 * time.Second})
			must(s.IDP.Update(func(c *idpmock.Config) { c.SessionExpiry = true }))
			in(ctx, b, system.Wiki) // which cannot ask whether the end was moved
			s.LoseDeliveries(true)
			forward(ctx, 45*time.Second)
			act(ctx, b, system.Wiki, system.DoActive)
			must(s.IDP.Update(func(c *idpmock.Config) { c.SessionExpiry = false }))
			return system.Wiki
		},
		reason.FrontchannelLogout: func(ctx context.Context, b *system.Browser) string {
			in(ctx, b, system.Wiki)
			_, err := b.Open(ctx, s.URL(system.Wiki)+"/auth/frontchannel-logout?"+url.Values{"iss": {s.IDP.Issuer()},
				"sid": {atIdP().SID}}.Encode())
			must(err)
			return system.Wiki
		},
		reason.Replaced: func(ctx context.Context, b *system.Browser) string {
			in(ctx, b, system.Wiki)
			_, err := b.Open(ctx, s.URL(system.Wiki)+"/auth/login")
			must(err)
			return system.Wiki
		},
		reason.Admin: func(ctx context.Context, b *system.Browser) string {
			in(ctx, b, system.Notes)
			_, err := s.App(system.Notes).RP.EndSessions(ctx, rp.Whose{SID: atIdP().SID, Detail: "a test"})
			must(err)
			return system.Notes
		},
		reason.Unconfirmed: func(ctx context.Context, b *system.Browser) string {
			settings(ctx, system.Settings{SilentCheck: true, TrustFor: 10 * time.Second})
			in(ctx, b, system.Wiki)
			lost()
			forward(ctx, 20*time.Second)
			// What follows the answer, a log-in that the IdP does not ask ada for, is not the end's.
			answer, err := b.Callback(ctx, s.URL(system.Wiki)+"/private", s.URL(system.Wiki)+"/auth/callback")
			must(err)
			_, err = b.Open(ctx, answer)
			must(err)
			return system.Wiki
		},
	}
}

// beyondTheDemo are ends that its apps do not come to: none limits a person's sessions,
// and its IdP does not change the person under a session.
var beyondTheDemo = map[reason.Reason]bool{reason.SessionLimit: true, reason.OtherSubject: true}

// Whoever is new to it finds the answer to “Why was I logged out?” for any end by
// two clicks: one for the list, one for the end.
func TestWhyWasILoggedOut(t *testing.T) {
	room := start(t)
	s := room.System
	tab := chromium.New(t).Open("room", room.URL())
	tab.WaitText("#cards", "not signed in")
	ways := endings(t, s)
	for _, why := range apps.Reasons() {
		t.Run(string(why.Reason), func(t *testing.T) {
			way := ways[why.Reason]
			if beyondTheDemo[why.Reason] {
				if way != nil {
					t.Fatal("there is a way to it: it is not beyond the demo")
				}
				return
			}
			if way == nil {
				t.Fatal("nobody knows how to come to this end")
			}
			if err := s.Reset(t.Context(), system.Settings{}); err != nil {
				t.Fatal(err)
			}
			b := system.NewBrowser("ada")
			defer b.Close()
			app := way(t.Context(), b)
			end := ended(t, s, app, string(why.Reason))
			tab.Wait(fmt.Sprintf(`+document.querySelector("#list li")?.dataset.id >= %d`, end.ID))

			clicks := 0
			click := func(css string) { clicks++; tab.Click(css) }
			row := fmt.Sprintf("#ends [data-id='%d']", end.ID)
			click("#why")
			tab.WaitText(row, why.Title)
			tab.WaitText(row, "Ada · "+system.Name(app))
			click(row + " summary")
			tab.WaitText(row, why.Text)
			tab.WaitText(row, string(why.Reason))
			tab.WaitText(row, "What led to it")
			tab.WaitText(row, "Which setting would have changed it?")
			if clicks > 2 {
				t.Errorf("%d clicks", clicks)
			}
			led := browser.Eval[[]string](tab,
				fmt.Sprintf(`[...document.querySelectorAll("%s li")].map(l => l.innerText)`, row))
			for _, want := range leadsTo(why.Reason) {
				if !strings.Contains(strings.Join(led, "\n"), want) {
					t.Errorf("%q is not in what led to it: %q", want, led)
				}
			}
			if why.Reason == reason.RefreshRejected {
				axe.Check(t, tab)
				shotView(tab, "why")
			}
			tab.Click("#ends form button")
			tab.Wait(`!document.getElementById("ends").open`)
		})
	}
}

// leadsTo is what an end's story must name besides the end itself.
func leadsTo(r reason.Reason) []string {
	switch r {
	case reason.BackchannelLogout:
		return []string{"IdP session ended: admin", "Logout token to Wiki", "Active in Wiki"}
	case reason.RefreshRejected:
		return []string{"IdP session ended: admin", "Logout token to Notes lost", "Verdict of the refresh"}
	case reason.APIUnauthorized:
		return []string{"IdP session ended: admin", "API answered 401", "Verdict of the userinfo"}
	case reason.UserLogout:
		return []string{"IdP session ended: logout"}
	}
	return []string{"session ended: " + string(r)}
}

func ended(t *testing.T, s *system.System, app, reason string) system.Event {
	t.Helper()
	for deadline := time.Now().Add(browser.Patience); time.Now().Before(deadline); {
		part := s.Log.Read(0)
		for _, e := range part.Events {
			if e.Kind == system.Ended && e.From == app && e.Reason == reason {
				return e
			}
		}
		select {
		case <-part.More:
		case <-time.After(time.Second):
		}
	}
	for _, e := range s.Log.Read(0).Events {
		t.Log(e.ID, e.At.Format("15:04:05"), e.Kind, e.From, "→", e.To, e.Title, e.Reason)
	}
	t.Fatalf("no session in %s ended by %s", app, reason)
	return system.Event{}
}
