package app_test

import (
	"context"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/demo/app"
)

// A page makes a quiet app ask how long the IdP session lasts; those who only look
// at sessions, as the control room does, do not.
func TestOnlyPagesMakeTheAppAsk(t *testing.T) {
	var w *world
	asked := 0
	w = start(t, "refreshtoken", func(c *app.Config) {
		c.IdPWindow, c.Watch = 15*time.Minute, func(app.Visit) {}
		c.IdPSessionEnd = func(_ context.Context, sid string) (time.Time, error) {
			asked++
			s, err := w.idp.Session(sid)
			return s.IdleDeadline, err
		}
	})
	w.signIn()
	w.idp.Advance(10 * time.Minute)
	if _, err := w.idp.Extend(w.idp.Sessions()[0].SID, ""); err != nil { // another app
		t.Fatal(err)
	}
	w.idp.Advance(4*time.Minute + 30*time.Second) // a page would warn now
	w.json("/auth/session")
	if known := w.app.Known(); len(known) != 1 || asked != 0 {
		t.Errorf("asked %d times for %d sessions that were looked at", asked, len(known))
	}
	_, text := w.get("/auth/session", "Accept", "application/json", "Tandem-Activity", "passive")
	if asked != 1 {
		t.Errorf("a page has made the app ask %d times: %s", asked, text)
	}
	if left := w.app.Known()[0].Status.IdleSeconds; left == nil || *left != 630 {
		t.Errorf("the app knows of %v s", left)
	}
}
