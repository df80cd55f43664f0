package system_test

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/demo/system"
	"github.com/tandem-sso/tandem/rp/reason"
)

func start(t *testing.T, settings system.Settings) *system.System {
	t.Helper()
	s, err := system.Start(t.Context(), system.Config{Settings: settings, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Room.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func signIn(t *testing.T, s *system.System) *system.Browser {
	t.Helper()
	b := system.NewBrowser("ada")
	t.Cleanup(b.Close)
	if err := s.SignIn(t.Context(), b, system.Apps()...); err != nil {
		t.Fatal(err)
	}
	return b
}

// states says how the latest session of each app stands.
func states(s *system.System) map[string]string {
	out := map[string]string{}
	for _, a := range s.Look().Apps {
		if _, ok := out[a.App]; !ok {
			out[a.App] = a.State
			if a.Reason != "" {
				out[a.App] = string(a.Reason)
			}
		}
	}
	return out
}

// eventually waits for what happens behind the scenes.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
	defer stop()
	for !ok() {
		select {
		case <-ctx.Done():
			t.Fatal("never: " + what)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func kinds(s *system.System, want func(system.Event) bool) []system.Event {
	events := s.Log.Read(0).Events
	return slices.DeleteFunc(events, func(e system.Event) bool { return !want(e) })
}

// The four sessions of the seed scenario: active in one app only, all stay;
// inactive, all go, each for its own reason.
func TestFourSessions(t *testing.T) {
	s := start(t, system.Settings{})
	b := signIn(t, s)
	look := s.Look()
	if len(look.IdP) != 1 || len(look.Apps) != 3 {
		t.Fatalf("%+v", look)
	}
	notes := look.Apps[slices.IndexFunc(look.Apps, func(a system.AppSession) bool { return a.App == system.Notes })]
	for range 10 { // five minutes, the window is two
		s.Advance(30 * time.Second)
		told := s.Now().Add(2 * time.Minute)
		eventually(t, "the IdP is told", func() bool {
			if r, err := s.Do(t.Context(), system.Notes, notes.Session, system.DoActive); err != nil ||
				r.Status != 200 {
				t.Fatal(r.Status, err)
			}
			return s.IDP.Sessions()[0].IdleDeadline.Equal(told) || s.IDP.Sessions()[0].IdleDeadline.After(told)
		})
	}
	if got := states(s); got[system.Notes] != "live" || got[system.Reports] != "live" || got[system.Wiki] != "live" {
		t.Fatal(got)
	}
	s.LoseDeliveries(true)
	s.Advance(2*time.Minute + 30*time.Second) // W and δ
	for app, want := range map[string]reason.Reason{system.Notes: reason.RefreshRejected,
		system.Reports: reason.APIUnauthorized} {
		what := system.DoActive
		if app == system.Reports {
			what = system.DoCallAPI
		}
		// The clock may have jumped over a signal on its way, which counts for one
		// request more.
		eventually(t, app+" refuses", func() bool {
			r, err := s.Act(t.Context(), b, app, what)
			return err == nil && r.Status == 401
		})
		if got := states(s); got[app] != string(want) {
			t.Errorf("%s: %v", app, got)
		}
	}
	if got := states(s); got[system.Wiki] != "live" {
		t.Errorf("nobody told Wiki: %v", got)
	}
	for _, want := range []system.Kind{system.Login, system.Active, system.Told, system.Refused, system.Ended,
		system.Lost, system.Control} {
		if len(kinds(s, func(e system.Event) bool { return e.Kind == want })) == 0 {
			t.Errorf("the log has no %q", want)
		}
	}
}

// The IdP says in its logout token that it was inactivity; the control room passes it on.
func TestTheCauseIsTold(t *testing.T) {
	s := start(t, system.Settings{})
	signIn(t, s)
	s.Advance(2*time.Minute + time.Second)
	var told []system.Event // which come after the session has ended
	eventually(t, "the end of Wiki is told", func() bool {
		told = kinds(s, func(e system.Event) bool { return e.Kind == system.Ended && e.From == system.Wiki })
		return len(told) > 0
	})
	if len(told) != 1 || told[0].Reason != string(reason.BackchannelLogout) ||
		!strings.Contains(told[0].Text, "nobody was active in any app") ||
		!strings.Contains(told[0].Text, "cause: inactivity") {
		t.Errorf("%+v", told)
	}
}

func TestLogoutInOneAppReachesTheOthers(t *testing.T) {
	s := start(t, system.Settings{})
	b := signIn(t, s)
	if _, err := s.Act(t.Context(), b, system.Wiki, system.DoLogout); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all have ended", func() bool {
		got := states(s)
		return got[system.Wiki] == string(reason.UserLogout) && got[system.Notes] == string(reason.BackchannelLogout) &&
			got[system.Reports] == string(reason.BackchannelLogout)
	})
}

// The page acts for a browser that is not its own, too.
func TestDo(t *testing.T) {
	s := start(t, system.Settings{})
	signIn(t, s)
	session := s.Look().Apps[0]
	if r, err := s.Do(t.Context(), session.App, session.Session, system.DoPassive); err != nil || r.Status != 200 {
		t.Fatal(r.Status, err)
	}
	if r, err := s.Do(t.Context(), session.App, session.Session, system.DoLogout); err != nil || r.Status != 200 {
		t.Fatal(r.Status, r.URL, err)
	}
	eventually(t, "the IdP session has ended", func() bool { return len(s.IDP.Sessions()) == 0 })
	for _, c := range [][3]string{{"nope", session.Session, "active"}, {session.App, "nope", "active"},
		{session.App, session.Session, "nope"}} {
		if _, err := s.Do(t.Context(), c[0], c[1], c[2]); err == nil {
			t.Errorf("%v was done", c)
		}
	}
}

// C6: an outage is not a log-out.
func TestIdPDown(t *testing.T) {
	s := start(t, system.Settings{IdPIdle: time.Hour, SignalEvery: time.Minute, TrustFor: 5 * time.Minute})
	b := signIn(t, s)
	s.SetIdPDown(true)
	s.Advance(6 * time.Minute)
	if r, err := s.Act(t.Context(), b, system.Notes, system.DoActive); err != nil || r.Status != 503 {
		t.Fatal(r.Status, err)
	}
	if got := states(s); got[system.Notes] != "live" {
		t.Fatal(got)
	}
	s.SetIdPDown(false)
	eventually(t, "it recovers", func() bool {
		s.Advance(5 * time.Second)
		r, err := s.Act(t.Context(), b, system.Notes, system.DoActive)
		return err == nil && r.Status == 200
	})
}

func TestChangeSettings(t *testing.T) {
	s := start(t, system.Settings{})
	signIn(t, s)
	to := s.Settings()
	to.IdPIdle, to.Idle = time.Hour, 30*time.Second
	if err := s.Change(t.Context(), to); err != nil {
		t.Fatal(err)
	}
	if got := states(s); got[system.Notes] != "live" {
		t.Fatal("sessions did not survive the change:", got)
	}
	s.Advance(31 * time.Second)
	if got := states(s); got[system.Notes] != string(reason.Idle) {
		t.Fatal(got)
	}
	to.SignalEvery = 2 * time.Hour
	if err := s.Change(t.Context(), to); err == nil {
		t.Fatal("a δ above W was taken")
	}
	if s.Settings().SignalEvery != 0 {
		t.Fatal("refused settings are shown as if they held")
	}
}

func TestWrongSettings(t *testing.T) {
	for _, bad := range []system.Settings{{IdPIdle: time.Millisecond}, {TrustFor: -1}, {SignalEvery: 3 * time.Minute},
		{Absolute: 1e18}} {
		if s, err := system.Start(t.Context(),
			system.Config{Settings: bad, Logger: slog.New(slog.DiscardHandler)}); err == nil {
			s.Close()
			t.Errorf("%+v was taken", bad)
		}
	}
	if _, err := system.Start(t.Context(),
		system.Config{Store: "nope", Logger: slog.New(slog.DiscardHandler)}); err == nil {
		t.Error("an unknown store was taken")
	}
}

// The demo's IdP can be like another: one sign-in serves all three apps all the same.
func TestLikeAnother(t *testing.T) {
	for _, name := range []string{"keycloak", "duende", "auth0", "entra"} {
		t.Run(name, func(t *testing.T) {
			s, err := system.Start(t.Context(), system.Config{Like: name, Logger: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				s.Room.Close()
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			})
			b := system.NewBrowser("ada")
			defer b.Close()
			if err := s.SignIn(t.Context(), b, append(system.Apps(), system.Naive)...); err != nil {
				t.Fatal(err)
			}
			for _, app := range system.Apps() {
				if r, err := s.Act(t.Context(), b, app, system.DoActive); err != nil || r.Status != 200 {
					t.Errorf("%s: %d %v", app, r.Status, err)
				}
			}
			if n := len(s.IDP.Sessions()); n != 1 {
				t.Errorf("%d sessions at the IdP", n)
			}
		})
	}
}
