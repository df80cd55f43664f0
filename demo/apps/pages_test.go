package apps_test

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/demo/apps"
)

// A page makes a quiet app ask how long the IdP session lasts; those who only look
// at sessions, as the control room does, do not.
func TestOnlyPagesMakeTheAppAsk(t *testing.T) {
	var w *world
	asked := 0
	w = start(t, "refreshtoken", func(c *apps.Config) {
		c.IdPWindow, c.Watch = 15*time.Minute, func(apps.Visit) {}
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
	page := w.browser.Fetch("GET", w.url("/auth/session"), "Tandem-Activity", "passive")
	if asked != 1 {
		t.Errorf("a page has made the app ask %d times: %s", asked, page)
	}
	// 15 min since the other app's report, 4½ of which are over, and the test's own time.
	if left := w.app.Known()[0].Status.IdleSeconds; left == nil {
		t.Error("the app knows no end")
	} else if *left < 570 || *left > 630 {
		t.Errorf("the app knows of %d s", *left)
	}
}

// Notes keeps the beginnings of the latest notes, with the session and as long as
// it lasts; what people write is text, whatever it looks like.
func TestNotes(t *testing.T) {
	w := start(t, "refreshtoken")
	save := func(title, text string) (int, string) {
		t.Helper()
		form := url.Values{"title": {title}, "text": {text}}
		page := w.browser.At(w.url("/private")).Send("POST", "/notes", strings.NewReader(form.Encode()))
		return page.Status, page.Body
	}
	if status, body := save("x", "y"); status != 401 || !strings.Contains(body, "login_required") {
		t.Errorf("without a session: %d %s", status, body)
	}
	w.signIn()
	for i := range 6 {
		if status, body := save(fmt.Sprint("note ", i), "<script>alert(1)</script>"); status != 201 ||
			!strings.Contains(body, `"characters":25`) {
			t.Fatalf("%d %s", status, body)
		}
	}
	if status, body := save("", strings.Repeat("é", 5000)); status != 201 ||
		!strings.Contains(body, `"characters":5000`) || !strings.Contains(body, "Untitled") {
		t.Errorf("a long note: %d %.200s", status, body)
	}
	if status, body := save("", strings.Repeat("x", 65<<10)); status != 400 || !strings.Contains(body, "too long") {
		t.Errorf("a text of 65 KiB: %d %.200s", status, body)
	}
	page := w.get("/private").Body
	for text, want := range map[string]bool{"note 5": true, "note 2": true, "note 1": false, "Untitled": true,
		"&lt;script&gt;": true, "<script>alert": false,
		strings.Repeat("é", 300) + "…": true, strings.Repeat("é", 301): false} {
		if strings.Contains(page, text) != want {
			t.Errorf("%.20q is on the page: %v", text, !want)
		}
	}
	w.logOut()
	if page := w.signIn(); !strings.Contains(page.Body, "None yet") {
		t.Error("the next session has the notes of the last")
	}
}
