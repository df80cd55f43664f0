package idpmock_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

// One session runs out; the clock, and with it everybody else, stays as it is.
func TestExpireTouchesNobodyElse(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		began := w.Now()
		ada, bob := w.Browser("ada"), w.Browser("bob")
		hers, his := w.login(ada, "notes"), w.login(bob, "mail")
		if err := w.Expire(w.session(ada).SID, idpmock.CauseAdmin); err == nil {
			t.Error("an administrator's end is no expiry")
		}
		if err := w.Expire(w.session(ada).SID, idpmock.CauseIdle); err != nil {
			t.Fatal(err)
		}
		w.Settle()
		if a := w.refresh("notes", hers.text("refresh_token")); a.text("error") != "invalid_grant" {
			t.Errorf("hers: %v", a)
		}
		if a := w.refresh("mail", his.text("refresh_token")); a.status != http.StatusOK {
			t.Errorf("his: %v", a)
		}
		if len(w.deliveries("notes")) != 1 || len(w.deliveries("mail")) != 0 {
			t.Errorf("told: notes %d, mail %d", len(w.deliveries("notes")), len(w.deliveries("mail")))
		}
		if !w.Now().Equal(began) {
			t.Errorf("the clock moved by %v", w.Now().Sub(began))
		}
		if err := w.Expire("nonsense", idpmock.CauseIdle); !errors.Is(err, idpmock.ErrNoSession) {
			t.Error(err)
		}
	})
}

// Time passes for one session: to the second before its deadline it lives, then it ends.
func TestAdvanceSession(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		ada, bob := w.Browser("ada"), w.Browser("bob")
		hers, his := w.login(ada, "notes"), w.login(bob, "notes")
		sid := w.session(ada).SID
		pass := func(d time.Duration) bool {
			t.Helper()
			live, err := w.AdvanceSession(sid, d)
			if err != nil {
				t.Fatal(err)
			}
			return live
		}
		if !pass(6 * time.Minute) {
			t.Fatal("it ended after six minutes")
		}
		if a := w.userinfo(hers.text("access_token")); a.status != http.StatusUnauthorized {
			t.Errorf("her access token of five minutes is good after six: %v", a)
		}
		if a := w.userinfo(his.text("access_token")); a.status != http.StatusOK {
			t.Errorf("his access token: %v", a)
		}
		if hers = w.refresh("notes", hers.text("refresh_token")); hers.status != http.StatusOK {
			t.Fatalf("a refresh within the window: %v", hers)
		}
		if got := time.Until(w.session(ada).IdleDeadline); got != 15*time.Minute {
			t.Errorf("the refresh gives %v", got)
		}
		if !pass(15*time.Minute-time.Second) || pass(time.Second) {
			t.Error("it does not live to its deadline, and no longer")
		}
		w.Settle()
		if n := len(w.deliveries("notes")); n != 1 {
			t.Errorf("%d logout tokens", n)
		}
		if _, err := w.AdvanceSession(sid, time.Second); !errors.Is(err, idpmock.ErrNoSession) {
			t.Error(err)
		}
		if _, err := w.AdvanceSession(w.session(bob).SID, -time.Second); err == nil {
			t.Error("time ran backwards")
		}
	})
}

// A code, a session's absolute end and each app's own timer age too.
func TestAdvanceSessionAgesEverything(t *testing.T) {
	inBubble(t, func(c *idpmock.Config) {
		c.Policies.SeparateTimers = true
		c.Clients[1].IdleWindow = 5 * time.Minute
	}, func(t *testing.T, w *world) {
		ada := w.Browser("ada")
		w.login(ada, "notes")
		code, err := ada.Authorize(t.Context(), authURL(w.URL, "mail"))
		if err != nil {
			t.Fatal(err)
		}
		before := w.session(ada)
		if live, err := w.AdvanceSession(before.SID, 6*time.Minute); !live || err != nil {
			t.Fatal(live, err)
		}
		after := w.session(ada)
		if d := before.AbsoluteDeadline.Sub(after.AbsoluteDeadline); d != 6*time.Minute {
			t.Errorf("the absolute end moved by %v", d)
		}
		if _, there := after.Client("mail"); there {
			t.Error("mail's own timer of five minutes did not run out")
		}
		if a := w.must(w.post(idpmock.PathToken, "mail", codeForm(t, "mail", code))); a.text(
			"error") != "invalid_grant" {
			t.Errorf("a code of six minutes ago: %v", a)
		}
	})
}
