package planner_test

import (
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/demo/planner"
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
		{"trailing: not by prompt=none", with(func(p *planner.Policy) {
			p.IdP, p.SilentCheck, p.Trailing = "auth0", true, true
		}), planner.AtIdP, w + time.Hour - 5*time.Minute, w + time.Hour, "last report"},
		{"a report comes after TrustFor at the latest", with(func(p *planner.Policy) {
			p.SignalEvery = 20 * time.Minute
		}), planner.AtIdP, w + time.Hour - 5*time.Minute, w + time.Hour, "5 min older"},
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
