package rp_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/reason"
)

// restart replaces the app by one with other keys, over the same store.
func (w *world) restart(s setup, keys ...[]byte) {
	w.Helper()
	if err := w.auth[0].Close(); err != nil {
		w.Fatal(err)
	}
	w.keys = keys
	w.auth[0] = w.relyingParty(s)
	w.apps[0] = w.app(w.auth[0])
}

// Rolling Config.Keys: the old key opens, the new one seals, and nobody notices;
// when everything is sealed anew the old one can go.
func TestRollingKeys(t *testing.T) {
	old, fresh := rp.NewKey(), rp.NewKey()
	s := setup{idp: patient}
	inBubble(t, s, func(t *testing.T, w *world) {
		w.restart(s, old)
		v := w.visitor("ada")
		v.login()
		id, began := v.id(), time.Now()
		underWay := w.visitor("bob") // at the IdP while the app restarts
		callback := underWay.authorize(underWay.start("/auth/login?return_to=/private"))

		w.restart(s, fresh, old)
		v.welcome()
		if a := underWay.get(callback); a.status != http.StatusSeeOther || a.location() != "/private" {
			t.Errorf("a log-in that was under way: %v", a)
		}
		for time.Since(began) < 20*time.Minute { // signals write the record anew
			time.Sleep(3 * time.Minute)
			v.welcome()
			underWay.welcome()
		}

		w.restart(s, fresh)
		v.welcome()
		underWay.welcome()
		if v.id() != id {
			t.Error("the cookie changed")
		}
		w.expectEnds()
		if w.log.has("level=ERROR") {
			t.Errorf("the log:\n%s", w.log)
		}
	})
}

// A key that was taken away too early: the sessions that it sealed are over for
// their browsers, with a reason, a way to log in again and a line in the log that
// says what happened; nothing panics, and nothing else is lost.
func TestRemovedKey(t *testing.T) {
	s := setup{idp: patient, config: func(c *rp.Config) { c.Absolute = 2 * time.Hour }}
	inBubble(t, s, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		underWay := w.visitor("bob")
		callback := underWay.authorize(underWay.start("/auth/login"))
		thief := v.thief()
		w.restart(s, rp.NewKey())
		before := len(w.log.String())

		for _, a := range []*reply{v.fetch("/private"), v.fetch("/passive"),
			v.do("POST", "/auth/activity", url.Values{}, with(fetching, "Origin", base)), v.fetch("/auth/draft-key")} {
			if a.status != http.StatusUnauthorized ||
				!strings.Contains(a.body, `"session_ended","reason":"unconfirmed"`) {
				t.Errorf("a script: %v", a)
			}
		}
		if a := v.get("/private"); a.status != http.StatusFound ||
			!strings.HasPrefix(a.location(), "/auth/login?return_to=") {
			t.Errorf("a navigation: %v", a)
		}
		v.expect("ended", reason.Unconfirmed)
		if a := v.fetch("/auth/events"); !strings.Contains(a.body, "event: ended") &&
			a.status != http.StatusUnauthorized {
			t.Errorf("the stream: %v", a)
		}
		if a := underWay.get(callback); a.status != http.StatusBadRequest ||
			!strings.Contains(a.body, `href="/auth/login"`) {
			t.Errorf("a log-in that was under way: %v", a)
		}
		if log := w.log.String()[before:]; !strings.Contains(log, "Config.Keys") {
			t.Errorf("the log does not name Config.Keys:\n%s", log)
		}
		if a := thief.submit("/auth/logout"); a.status != http.StatusSeeOther || a.location() != "/auth/logged-out" {
			t.Errorf("logging out: %v", a)
		}
		w.expectEnds(reason.UserLogout)
		if e := w.ends[0]; e.Subject != "" || e.SID != "" {
			t.Errorf("event %+v", e)
		}

		v.login()
		v.welcome()
		time.Sleep(3 * time.Hour)
		synctest.Wait()
		w.idp.Expect(idpmock.EndpointRevoke, "notes", 2) // of the one that could be read
	})
}

// The record that cannot be read is left alone until its time is up: another
// instance may have the key. Then it ends like any other.
func TestRemovedKeyOnOneInstance(t *testing.T) {
	s := setup{idp: patient, instances: 2, config: func(c *rp.Config) { c.Absolute = 2 * time.Hour }}
	inBubble(t, s, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		w.restart(s, rp.NewKey())
		v.fetch("/private")
		v.expect("ended", reason.Unconfirmed)
		v.instance = "1"
		v.welcome()
		w.expectEnds()
		if err := w.auth[1].Close(); err != nil { // nobody has the key any more
			t.Fatal(err)
		}
		time.Sleep(3 * time.Hour)
		w.expectEnds(reason.Unconfirmed)
	})
}

// C5 while keys roll: a log-out during a log-in has left its tombstone under the key that
// was the only one then; at the callback it is the second.
func TestLogoutBetweenLogInAndCallbackWhileKeysRoll(t *testing.T) {
	old, fresh := rp.NewKey(), rp.NewKey()
	s := setup{idp: patient}
	inBubble(t, s, func(t *testing.T, w *world) {
		w.restart(s, old)
		v := w.visitor("ada")
		callback := v.authorize(v.start("/auth/login?return_to=/private"))
		if _, err := w.auth[0].EndSessions(t.Context(), rp.Whose{Subject: "ada"}); err != nil {
			t.Fatal(err)
		}
		w.restart(s, old, fresh)
		w.restart(s, fresh, old)
		if a := v.get(callback); a.status != http.StatusBadRequest || v.id() != "" {
			t.Errorf("the log-out is forgotten: %v", a)
		}
		time.Sleep(time.Second)
		v.login() // a later one is not refused
		for range 3 {
			time.Sleep(3 * time.Minute) // commits leave the references of the first key
			v.welcome()
		}
		w.restart(s, fresh)
		if n, err := w.auth[0].EndSessions(t.Context(), rp.Whose{Subject: "ada"}); err != nil || n != 1 {
			t.Errorf("%d ended, %v", n, err)
		}
	})
}
