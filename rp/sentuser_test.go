package rp_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/reason"
)

// ACT-05: a browser that says at the start of a log-in that a person made it says so in
// the session that follows, though the way back from the IdP does not: the page that
// loads itself gets a page after the end, and no redirect (ACT-06).
func TestSendsUserFromTheStartOfALogin(t *testing.T) {
	for said, want := range map[string]int{"?1": http.StatusUnauthorized, "": http.StatusFound} {
		t.Run("Sec-Fetch-User "+said, func(t *testing.T) {
			inBubble(t, setup{config: func(c *rp.Config) { c.Idle = 10 * time.Minute }}, func(t *testing.T, w *world) {
				v := w.visitor("ada")
				h := navigating.Clone()
				if said != "" {
					h.Set("Sec-Fetch-User", said)
				}
				a := v.do("GET", "/auth/login?return_to=/private", nil, h)
				v.do("GET", v.authorize(a.location()), nil, navigating)
				time.Sleep(11 * time.Minute)
				if a := v.get("/private"); a.status != want {
					t.Errorf("a page that loads itself: %v", a)
				}
			})
		})
	}
}

// ACT-06: what an ended record remembers of the browser is lost once its key was dropped.
// A page that loads itself gets a page all the same.
func TestSendsUserAfterTheKeyWasDropped(t *testing.T) {
	s := setup{config: func(c *rp.Config) { c.Absolute = 2 * time.Hour }}
	inBubble(t, s, func(t *testing.T, w *world) {
		v := w.person()
		time.Sleep(3 * time.Hour)
		v.expect("ended", reason.BackchannelLogout)
		w.restart(s, rp.NewKey())
		if a := v.get("/private"); a.status != http.StatusUnauthorized {
			t.Errorf("a page that loads itself: %v", a)
		}
	})
}
