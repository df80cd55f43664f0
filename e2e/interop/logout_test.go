package interop

import (
	"fmt"
	"testing"
	"time"
)

// A log-out here is one there: the next log-in asks for the password.
func logOut(t *testing.T, w *world) string {
	return each(t, w, func(t *testing.T, w *world, a *app) string {
		w.signIn(a)
		w.logOut(a)
		if page := w.Open(a.base + "/private"); !w.asks(page) {
			t.Errorf("after the log-out no password is asked for: %s", page)
		}
		return "out there too"
	})
}

// A log-out at one app ends the others: by a logout token, or at the next click.
func elsewhere(t *testing.T, w *world) string {
	for _, a := range w.apps {
		w.signIn(a)
	}
	since := time.Now()
	w.logOut(w.apps[0])
	return told(t, w, w.apps[1:], since)
}

// A log-out at the IdP itself ends all.
func there(t *testing.T, w *world) string {
	for _, a := range w.apps {
		w.signIn(a)
	}
	since := time.Now()
	w.leaveThere()
	return told(t, w, w.apps, since)
}

// told reports how apps learn of a log-out.
func told(t *testing.T, w *world, apps []*app, since time.Time) string {
	t.Helper()
	var said []string
	tokens := w.seenLogoutTokens()
	for _, a := range apps {
		if tokens {
			d, ok := until(since, slack+5*time.Second, func() bool { return w.state(a).State == "ended" })
			if !ok {
				t.Errorf("%s: not ended %v after the log-out elsewhere", a.id, d)
			}
			if got := w.state(a); got.Reason != "backchannel_logout" {
				t.Errorf("%s: %+v", a.id, got)
			}
			said = append(said, "logout token, "+d.Round(10*time.Millisecond).String())
			continue
		}
		after(since, longer)
		if page := w.Open(a.base + "/private"); !w.asks(page) {
			t.Errorf("%s: %v after a log-out elsewhere no password is asked for: %s", a.id, time.Since(since), page)
		}
		said = append(said, "at the next click after δ")
	}
	return join(said)
}

// One person, two browsers: a log-out in the older one ends the sessions there, and not those
// of the newer one.
func twoBrowsers(t *testing.T, w *world) string {
	a, other := w.apps[0], w.elsewhere()
	w.signIn(a)
	other.signIn(a)
	page, _ := w.leave(a)
	after(time.Now(), longer)
	if got := other.state(a); got.State != "live" {
		t.Errorf("the other browser: %+v", got)
	}
	if page.Status >= 400 {
		return fmt.Sprintf("the IdP answers %d and stays logged in", page.Status)
	}
	if page := w.Open(a.base + "/private"); !w.asks(page) {
		t.Errorf("after the log-out no password is asked for: %s", page)
	}
	return "out in that one"
}

// seenLogoutTokens reports whether the IdP says that it sends logout tokens.
func (w *world) seenLogoutTokens() bool {
	w.t.Helper()
	var says struct {
		Backchannel bool `json:"backchannel_logout_supported"`
	}
	w.json(w.idp.Issuer+"/.well-known/openid-configuration", &says)
	return says.Backchannel
}
