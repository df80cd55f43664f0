package rp_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

// lines counts the lines of the log that have a text.
func (w *world) lines(text string) int { return strings.Count(w.log.String(), text) }

// An operator sees why log-ins fail: the page says nothing about it.
func TestFailedLoginsAreLogged(t *testing.T) {
	for fault, want := range map[idpmock.IDTokenFault]string{
		idpmock.IDTokenInvalidNonce: "nonce", idpmock.IDTokenFutureIat: "compare the clocks",
		idpmock.IDTokenInvalidAud: "audience", idpmock.IDTokenInvalidIss: "iss is",
	} {
		inBubble(t, setup{}, func(t *testing.T, w *world) {
			w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointCode, IDToken: fault})
			v := w.visitor("ada")
			callback := v.authorize(v.start("/auth/login"))
			v.get(callback)
			if !w.log.has("level=WARN msg=\"a log-in failed\"") || !w.log.has(want) {
				t.Errorf("%s is not in the log:\n%s", want, w.log)
			}
			for _, secret := range []string{query(callback).Get("code"), query(callback).Get("state"), "eyJ", "ada"} {
				if w.log.has(secret) {
					t.Errorf("%q is in the log:\n%s", secret, w.log)
				}
			}
		})
	}
}

// An operator sees why the IdP's logout tokens are refused.
func TestRefusedLogoutTokensAreLogged(t *testing.T) {
	inBubble(t, setup{}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		raw := w.logoutToken(v.session(), idpmock.LogoutWrongAud)
		w.judged(w.deliver(raw), false)
		if !w.log.has("level=WARN msg=\"a logout token was refused\"") || !w.log.has("wrong aud") {
			t.Errorf("the log:\n%s", w.log)
		}
		if w.log.has(raw) || w.log.has("eyJ") || w.log.has(v.session().SID) {
			t.Error("the token, or its sid, is in the log")
		}
	})
}

// Strangers cannot fill the log.
func TestStrangersDoNotFillTheLog(t *testing.T) {
	inBubble(t, setup{}, func(t *testing.T, w *world) {
		eve := w.visitor("eve")
		for range 500 {
			eve.get("/auth/callback?code=x&state=" + strings.Repeat("A", 43))
			w.post("/auth/backchannel-logout", "logout_token=junk",
				http.Header{"Content-Type": {"application/x-www-form-urlencoded"}})
		}
		if n := w.lines("\n"); n > 60 {
			t.Errorf("%d lines", n)
		}
		time.Sleep(10 * time.Minute)
		eve.get("/auth/callback?code=x&state=" + strings.Repeat("A", 43))
		if w.lines("a log-in failed") < 2 {
			t.Error("nothing is logged any more")
		}
	})
}
