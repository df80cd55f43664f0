package rp_test

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/reason"
)

// at is a world whose IdP behaves as the named one does, and an app that knows it.
func at(t *testing.T, name string, s setup) setup {
	t.Helper()
	temper, err := idpmock.Like(name)
	if err != nil {
		t.Fatal(err)
	}
	idp, config := s.idp, s.config
	s.idp = func(c *idpmock.Config) {
		c.Temperament, c.CoordinateClientLifetimes = temper, true
		if idp != nil {
			idp(c)
		}
	}
	s.config = func(c *rp.Config) {
		can := like(name)
		c.Capabilities = &can
		if config != nil {
			config(c)
		}
	}
	return s
}

// A browser restores ten tabs, each of them at the log-in of an IdP of Keycloak's kind:
// they share one client session there. An hour later nobody is logged out.
func TestTenRestoredTabs(t *testing.T) {
	for name, h := range map[string]http.Header{
		"restored, bookmarked": navigating,
		"by the app's links":   with(navigating, "Sec-Fetch-Site", "same-origin"),
		"an old browser":       {"Accept": {"text/html"}},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, at(t, "keycloak", setup{client: longToken}), func(t *testing.T, w *world) {
				v := w.visitor("ada")
				for range 2 { // the whole browser is restored twice
					var all sync.WaitGroup
					for range 10 {
						all.Go(func() {
							a, err := v.try("GET", "/auth/login?return_to=/private", nil, h)
							if err != nil || a.status != http.StatusFound || a.location() == "/private" {
								return
							}
							callback, err := v.idp.Authorize(t.Context(), a.location())
							if err != nil {
								return // the first visit's cookie was another tab's: this one shows an error page
							}
							if _, err := v.try("GET", callback, nil, navigating); err != nil {
								t.Error(err)
							}
						})
					}
					all.Wait()
					v.welcome()
					time.Sleep(30 * time.Second)
				}
				for range 30 { // an hour
					time.Sleep(2 * time.Minute)
					if a, _ := v.follow("/private"); a.status != http.StatusOK {
						t.Fatalf("after %v: %v", w.age(), a)
					}
				}
				for _, r := range w.reasons() {
					if r != reason.Replaced {
						t.Errorf("a session ended for %s", r)
					}
				}
				v.expect("live", "")
				if n := len(w.idp.Sessions()); n != 1 {
					t.Errorf("%d sessions at the IdP", n)
				}
			})
		})
	}
}

// This app's own limits end this app's session and not the IdP's, at Keycloak too: who
// comes back needs no password, also in that very moment.
func TestOwnLimitsLeaveTheIdPSession(t *testing.T) {
	own := func(c *rp.Config) { c.Idle = 5 * time.Minute }
	inBubble(t, at(t, "keycloak", setup{client: longToken, config: own}), func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		sid := v.session().SID
		for range 5 {
			time.Sleep(5*time.Minute + 100*time.Millisecond)
			a, _ := v.follow("/private")
			if a.status != http.StatusOK {
				t.Fatalf("%v", a)
			}
			if v.session().SID != sid {
				t.Fatal("the IdP session was ended")
			}
		}
		time.Sleep(time.Second)
		w.expectEnds(reason.Idle, reason.Idle, reason.Idle, reason.Idle, reason.Idle)
		w.idp.Expect(idpmock.EndpointRevoke, "", 0)
	})
}

// C3 at every IdP that is known: two apps of one person, one rests for W while the other
// is used. Afterwards the person is signed in at both.
func TestQuietAppAtEveryIdP(t *testing.T) {
	for _, name := range []string{"keycloak", "duende", "entra", "adfs", "okta", "auth0", "dex", "hydra", "zitadel",
		"oidc-provider"} {
		t.Run(name, func(t *testing.T) {
			s := at(t, name, setup{config: func(c *rp.Config) {
				c.SilentCheck, c.Scopes = true, []string{"openid", "offline_access"}
			}})
			if name == "keycloak" || name == "duende" || name == "oidc-provider" {
				s.config = at(t, name, setup{config: func(c *rp.Config) { c.SilentCheck = true }}).config
			}
			if name == "zitadel" { // the project's id is an audience, too
				known := s.config
				s.config = func(c *rp.Config) { known(c); c.TrustedAudiences = []string{"somebody-else"} }
			}
			inBubble(t, s, func(t *testing.T, w *world) {
				v := w.visitor("ada")
				v.login()
				for range 10 {
					time.Sleep(2 * time.Minute) // W is 15 min
					if _, err := v.idp.Authorize(t.Context(), w.photosURL()); err != nil {
						t.Fatal(err)
					}
				}
				logins := len(w.logins)
				if a, _ := v.follow("/private"); a.status != http.StatusOK {
					t.Errorf("%v", a)
				}
				v.expect("live", "")
				for _, r := range w.reasons() {
					if r != reason.Replaced {
						t.Errorf("a session ended for %s", r)
					}
				}
				if n := w.idp.Count(idpmock.EndpointLogin, ""); n > 1 {
					t.Errorf("the person had to sign in %d times (%d log-ins of the app)", n, logins)
				}
			})
		})
	}
}
