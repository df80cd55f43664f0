package rp_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/reason"
)

// CORE-14, BCL-05: a key that the IdP has withdrawn ends no session any more, once the
// keys are old; nobody has to log in for that.
func TestLogoutTokenByAWithdrawnKey(t *testing.T) {
	inBubble(t, setup{kind: rp.NoToken, config: func(c *rp.Config) {
		c.Absolute = 24 * time.Hour
	}, idp: patient}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login() // the keys are read
		time.Sleep(time.Hour - 30*time.Second)
		stolen := w.logoutToken(v.session())
		if err := w.idp.RotateKeys(false); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		a := w.deliver(stolen)
		if a.status == http.StatusServiceUnavailable { // the keys were read in these seconds: once more (BCL-21)
			time.Sleep(10 * time.Second)
			a = w.deliver(stolen)
		}
		w.judged(a, false)
		v.expect("live", "")
		w.judged(w.deliver(w.logoutToken(v.session())), true)
		w.expectEnds(reason.BackchannelLogout)
	})
}

// BCL-21, decision 22: a stranger's junk makes us look for keys; the IdP's own token by
// a key that it published right afterwards is not refused but asked for again.
func TestLogoutTokenBehindJunk(t *testing.T) {
	inBubble(t, setup{}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		time.Sleep(30 * time.Second)
		w.judged(w.deliver(w.logoutToken(v.session(), idpmock.LogoutUnknownKid)), false)
		time.Sleep(time.Second)
		// A known key with a wrong signature is an invalid token, also now.
		w.judged(w.deliver(w.logoutToken(v.session(), idpmock.LogoutBadSignature)), false)
		rightful := w.logoutToken(v.session(), idpmock.LogoutRotatedKey)
		a := w.deliver(rightful)
		if a.status != 503 || a.header.Get("Retry-After") != "9" ||
			!strings.Contains(a.body, `"temporarily_unavailable"`) {
			t.Errorf("inside the window: %v", a)
		}
		if !w.log.has("a logout token cannot be checked yet") || w.log.has("eyJ") {
			t.Errorf("the log:\n%s", w.log)
		}
		v.expect("live", "")
		time.Sleep(9 * time.Second)
		w.judged(w.deliver(rightful), true)
		v.expect("ended", reason.BackchannelLogout)
		w.expectEnds(reason.BackchannelLogout)
	})
}

// C6, decision 21: while the IdP's keys cannot be read again, people go on logging in
// with the old ones, and an operator hears of it before a day is over.
func TestLogInWithOldKeys(t *testing.T) {
	inBubble(t, setup{}, func(t *testing.T, w *world) {
		w.visitor("ada").login()
		w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointJWKS, Status: 500, Times: idpmock.Always})
		for range 23 {
			time.Sleep(time.Hour)
			w.visitor("ada").login()
		}
		if !w.log.has("the IdP's keys are old and could not be read again") {
			t.Errorf("nobody was told:\n%s", w.log)
		}
		time.Sleep(time.Hour)
		v := w.visitor("ada")
		if a := v.get(v.authorize(v.start("/auth/login"))); a.status != 503 {
			t.Errorf("after a day: %v", a)
		}
		w.idp.ClearFaults()
		time.Sleep(time.Minute)
		w.visitor("ada").login()
		synctest.Wait()
	})
}
