package planner_test

import (
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/demo/planner"
	"github.com/tandem-sso/tandem/demo/system"
	"github.com/tandem-sso/tandem/rp/idps"
)

func of(p planner.Plan, who string) planner.Moment {
	for _, m := range p.Moments {
		if m.Who == who {
			return m
		}
	}
	return planner.Moment{}
}

// The plans by their rules, at the boundaries of each.
func TestMake(t *testing.T) {
	const w = 30 * time.Minute
	usual := planner.Policy{IdP: "duende", Kind: "refresh-token", Window: w, TokenLife: 5 * time.Minute,
		Active: time.Hour}
	with := func(change func(*planner.Policy)) planner.Policy { p := usual; change(&p); return p }
	idp := func(name string) planner.Policy { return with(func(p *planner.Policy) { p.IdP = name }) }
	const never = -1
	for _, row := range []struct {
		name     string
		p        planner.Policy
		who      string
		from, to time.Duration
		text     string
	}{
		{"the window counts from the last report", usual, planner.AtIdP, w + time.Hour - 5*time.Minute, w + time.Hour,
			"5 min older than the last click"},
		{"trailing: it counts from the last click", with(func(p *planner.Policy) {
			p.Trailing = true
		}), planner.AtIdP, w + time.Hour, w + time.Hour + 5*time.Minute, "reported, too"},
		{"left at once", with(func(p *planner.Policy) {
			p.Active = 0
		}), planner.AtIdP, w, w, "nobody was active after it"},
		{"a logout token on expiry", usual, planner.InApp, w + time.Hour - 5*time.Minute, w + time.Hour,
			"logout token"},
		{"no logout token on expiry", idp("keycloak"), planner.InApp, w + time.Hour - 5*time.Minute, 8 * time.Hour,
			"asked to log in"},
		{"nothing extends", idp("auth0"), planner.AtIdP, w, w, "although the person is active"},
		{"nothing extends, and nothing is told", idp("auth0"), planner.InApp, 8 * time.Hour, 8 * time.Hour,
			"cannot ask"},
		{"prompt=none does", with(func(p *planner.Policy) {
			p.IdP, p.SilentCheck = "auth0", true
		}), planner.AtIdP, w + time.Hour - 5*time.Minute, w + time.Hour, "last report"},
		{"userinfo does not at Keycloak", with(func(p *planner.Policy) {
			p.IdP, p.Kind = "keycloak", "reference-token"
		}), planner.AtIdP, w, w, "although"},
		{"no token", with(func(p *planner.Policy) { p.Kind = "no-token" }), planner.InApp, w, w, "logout token"},
		{"active elsewhere only", with(func(p *planner.Policy) {
			p.IdP, p.Elsewhere = "auth0", true
		}), planner.AtIdP, w + time.Hour, w + time.Hour, "passed by the IdP"},
		{"an API that asks", with(func(p *planner.Policy) {
			p.IdP, p.Kind = "keycloak", "reference-token"
		}), planner.InApp, w, 8 * time.Hour, "userinfo says no"},
		{"an idle limit of its own", with(func(p *planner.Policy) {
			p.Idle = 10 * time.Minute
		}), planner.InApp, 70 * time.Minute, 70 * time.Minute, "own idle limit"},
		{"and another app", with(func(p *planner.Policy) {
			p.Idle = 10 * time.Minute
		}), planner.InAnother, 10 * time.Minute, 10 * time.Minute, "although the person is active elsewhere"},
		{"the longest session", with(func(p *planner.Policy) {
			p.Absolute = time.Hour
		}), planner.InApp, time.Hour, time.Hour, "however active"},
		{"without the library, a short token", usual, planner.Homemade, never, never, "there or not"},
		{"without the library, a long token", with(func(p *planner.Policy) {
			p.TokenLife = time.Hour
		}), planner.Homemade, time.Hour, time.Hour, "although the person was active"},
	} {
		t.Run(row.name, func(t *testing.T) {
			plan, err := planner.Make(row.p)
			if err != nil {
				t.Fatal(err)
			}
			m := of(plan, row.who)
			if m.Never != (row.from == never) || !m.Never && (m.From != row.from || m.To != row.to) ||
				!strings.Contains(m.Text, row.text) {
				t.Errorf("%+v, want %v to %v, %q", m, row.from, row.to, row.text)
			}
		})
	}
	for want, p := range map[string]planner.Policy{
		"idp is \"x\"; use one of":              idp("x"),
		"kind is \"x\"; use refresh-token":      with(func(p *planner.Policy) { p.Kind = "x" }),
		"window is 0 s; use 1 s to a year":      with(func(p *planner.Policy) { p.Window = 0 }),
		"active is negative; use 0 s to":        with(func(p *planner.Policy) { p.Active = -time.Second }),
		"signal_every is 30 min, not less than": with(func(p *planner.Policy) { p.SignalEvery = w }),
	} {
		if _, err := planner.Make(p); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// Every plan names what to set for its IdP, and none names what is not there.
func TestSettings(t *testing.T) {
	for _, name := range idps.Names() {
		plan, err := planner.Make(planner.Policy{IdP: name, Kind: "refresh-token", Window: time.Hour,
			TokenLife: 5 * time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		all := strings.Join(plan.Settings, "\n")
		if !strings.Contains(all, "rp.Config: Kind = rp.RefreshToken.") || strings.Contains(all, "{") {
			t.Errorf("%s: %s", name, all)
		}
		if can, _ := idps.Named(name); !can.Extends.Refresh != strings.Contains(all, "SilentCheck") {
			t.Errorf("%s: a refresh extends: %v, yet the settings are\n%s", name, can.Extends.Refresh, all)
		}
	}
}

// What is planned is what happens: the demo is played at the temperament of each IdP, by a
// person who clicks for five minutes and leaves.
func TestThePlanIsWhatHappens(t *testing.T) {
	const window, life, active = 2 * time.Minute, time.Minute, 5 * time.Minute
	for _, row := range []struct{ like, app string }{
		{"duende", system.Notes}, {"duende", system.Wiki}, {"keycloak", system.Notes}, {"keycloak", system.Wiki},
		{"auth0", system.Notes}, {"entra", system.Notes},
	} {
		t.Run(row.like+" "+row.app, func(t *testing.T) {
			s, err := system.Start(t.Context(), system.Config{Like: row.like, Logger: slog.New(slog.DiscardHandler),
				Settings: system.Settings{IdPIdle: window, TokenLife: life}})
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
			if err := s.SignIn(t.Context(), b, row.app); err != nil {
				t.Fatal(err)
			}
			click := func() int {
				t.Helper()
				r, err := s.Act(t.Context(), b, row.app, system.DoActive)
				if err != nil {
					t.Fatal(err)
				}
				return r.Status
			}
			forward := func(d time.Duration) {
				t.Helper()
				if err := s.Forward(t.Context(), d, nil); err != nil {
					t.Fatal(err)
				}
			}
			for at := time.Duration(0); at < active; at += 10 * time.Second {
				forward(10 * time.Second)
				click()
			}
			// Real time passes as well: what counts is when she came and when she clicked last.
			var begun, last time.Time
			for _, e := range s.Log.Read(0).Events {
				switch {
				case e.Kind == system.Login && e.To == system.IdP:
					begun = e.At
				case e.Kind == system.Active:
					last = e.At
				}
			}
			plan, err := planner.Make(planner.Policy{IdP: row.like, Kind: s.App(row.app).Kind.String(), Window: window,
				TokenLife: life, Active: last.Sub(begun)})
			if err != nil {
				t.Fatal(err)
			}
			forward(window + 30*time.Second)
			const much = 5 * time.Second // a second is a step of the clock, and real time passes
			within := func(m planner.Moment, at time.Duration) {
				t.Helper()
				if at < m.From-much || at > m.To+much {
					t.Errorf("%s: ended after %v, planned between %v and %v", m.Who, at, m.From, m.To)
				}
			}
			ended := map[string]time.Duration{}
			for deadline := time.Now().Add(10 * time.Second); len(ended) == 0 && time.Now().Before(deadline); {
				part := s.Log.Read(0)
				for _, e := range part.Events {
					if e.Kind == system.Ended {
						ended[e.From] = e.At.Sub(begun)
					}
				}
				if len(ended) == 0 {
					<-part.More
				}
			}
			at, ok := ended[system.IdP]
			if !ok {
				t.Fatalf("the session at the IdP has not ended: %v", ended)
			}
			within(of(plan, planner.AtIdP), at)

			app := of(plan, planner.InApp)
			switch now := s.Now().Sub(begun); {
			case app.From > now: // the longest session: it is served all the same
				if got := click(); got != http.StatusOK {
					t.Errorf("after %v a click is answered with %d, planned is an end after %v", now, got, app.From)
				}
			default:
				if got := click(); got != http.StatusUnauthorized {
					t.Errorf("after %v a click is answered with %d, planned is an end between %v and %v", now, got,
						app.From, app.To)
				}
			}
		})
	}
}
