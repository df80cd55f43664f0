package rp_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/reason"
	"github.com/tandem-sso/tandem/rp/store"
)

// An IdP that takes refreshes for no activity, and an app that thinks otherwise: it says so
// when the first active person is thrown out. One that honours them gives no cause, not even
// by a log-out.
func TestEvidenceOfWhatExtends(t *testing.T) {
	for name, says := range map[string]bool{"oidc-provider": true, "keycloak": false} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, at(t, name, setup{client: longToken, config: func(c *rp.Config) {
				can := like("generic")
				c.Capabilities, c.IdPWindow = &can, 15*time.Minute
			}, idp: func(c *idpmock.Config) { c.IdleWindow = 15 * time.Minute }}), func(t *testing.T, w *world) {
				w.idp.FaultDelivery(idpmock.DeliveryFault{Times: idpmock.Always, Lose: true})
				v := w.visitor("ada")
				v.signIn()
				sid, out := v.session().SID, false
				for range 10 {
					time.Sleep(3*time.Minute + 30*time.Second)
					if out = v.get("/private").status != http.StatusOK; out {
						break
					}
				}
				if out != says {
					t.Errorf("an active person is out: %v, want %v", out, says)
				}
				if !out { // a log-out elsewhere, of which nobody tells
					if err := w.idp.EndSession(sid); err != nil {
						t.Fatal(err)
					}
					time.Sleep(6 * time.Minute)
					if a := v.get("/private"); a.status == http.StatusOK {
						t.Errorf("served after a log-out: %v", a)
					}
				}
				found := slices.ContainsFunc(w.auth[0].Findings(),
					func(f store.Finding) bool { return f.Code == "signal_extends_not" && f.Serious })
				if found != says {
					t.Errorf("finding signal_extends_not: %v, want %v", found, says)
				}
			})
		})
	}
}

// The same where the end is a refresh that is refused.
func TestEvidenceOfARefusedRefresh(t *testing.T) {
	s := setup{client: longToken, config: func(c *rp.Config) { c.IdPWindow = 15 * time.Minute },
		idp: func(c *idpmock.Config) {
			c.IdleWindow, c.Temperament.NoExtend = 15*time.Minute, []idpmock.Endpoint{idpmock.EndpointRefresh}
		}}
	inBubble(t, s, func(t *testing.T, w *world) {
		w.idp.FaultDelivery(idpmock.DeliveryFault{Times: idpmock.Always, Lose: true})
		v := w.visitor("ada")
		v.login()
		for range 5 {
			time.Sleep(3*time.Minute + 30*time.Second)
			v.get("/private")
		}
		w.expectEnds(reason.RefreshRejected)
		if !slices.ContainsFunc(w.auth[0].Findings(),
			func(f store.Finding) bool { return f.Code == "signal_extends_not" }) {
			t.Errorf("findings: %v", w.auth[0].Findings())
		}
	})
}
