package rp_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/reason"
)

// everywhere posts the form "log out everywhere".
func (v *visitor) everywhere(value string) *reply {
	v.w.Helper()
	return v.do("POST", "/auth/logout", url.Values{"everywhere": {value}},
		with(navigating, "Sec-Fetch-Site", "same-origin", "Origin", base))
}

// Log-out everywhere ends all of a person's sessions at this app, also on other
// instances and those whose log-in is under way, then the IdP's.
func TestLogoutEverywhere(t *testing.T) {
	inBubble(t, setup{instances: 2}, func(t *testing.T, w *world) {
		v, phone, tablet, bob := w.visitor("ada"), w.visitor("ada"), w.visitor("ada"), w.visitor("bob")
		phone.instance = "1"
		for _, b := range []*visitor{v, phone, tablet, bob} {
			b.login()
		}
		late := w.visitor("ada")
		authURL := late.start("/auth/login")
		time.Sleep(time.Second)
		a := v.everywhere("1")
		if a.status != http.StatusSeeOther || !strings.HasPrefix(a.location(), issuer+"/end_session?") {
			t.Errorf("%v", a)
		}
		for _, b := range []*visitor{v, phone, tablet} {
			b.expect("ended", reason.UserLogout)
		}
		bob.expect("live", "")
		w.expectEnds(reason.UserLogout, reason.UserLogout, reason.UserLogout)
		if a := late.get(late.authorize(authURL)); a.status != http.StatusBadRequest {
			t.Errorf("a log-in that was under way: %v", a)
		}
		time.Sleep(time.Second)
		tablet.login() // a later one is welcome
		tablet.welcome()
	})
}

// Only a session that lives may end the others.
func TestLogoutEverywhereNeedsALiveSession(t *testing.T) {
	for name, row := range map[string]struct {
		prepare func(w *world, v *visitor)
		value   string
	}{
		"logged out":    {func(_ *world, v *visitor) { v.submit("/auth/logout") }, "1"},
		"idle":          {func(*world, *visitor) { time.Sleep(11 * time.Minute) }, "1"},
		"another value": {func(*world, *visitor) {}, "0"},
		"no value":      {func(*world, *visitor) {}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, setup{config: func(c *rp.Config) { c.Idle = 10 * time.Minute }}, func(t *testing.T, w *world) {
				v, other := w.visitor("ada"), w.visitor("ada")
				v.login()
				row.prepare(w, v)
				other.login()
				v.everywhere(row.value)
				synctest.Wait() // for the event
				v.expect("ended", w.reasons()[0])
				other.expect("live", "")
			})
		})
	}
	inBubble(t, setup{}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		if a := v.everywhere(strings.Repeat("1", 10<<10)); a.status != http.StatusBadRequest {
			t.Errorf("a huge form: %v", a)
		}
		if a := v.do("POST", "/auth/logout", url.Values{"everywhere": {"1"}},
			with(navigating, "Sec-Fetch-Site", "cross-site", "Origin",
				"https://evil.example")); a.status != http.StatusForbidden {
			t.Errorf("another site: %v", a)
		}
		v.expect("live", "")
	})
}
