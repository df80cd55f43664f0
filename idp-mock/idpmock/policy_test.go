package idpmock_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

// The window is the minimum over the apps opened since sign-in.
func TestMostRestrictiveApp(t *testing.T) {
	inBubble(t, func(c *idpmock.Config) {
		c.Policies.MostRestrictive = true
		c.Clients[1].IdleWindow = 5 * time.Minute
	}, func(t *testing.T, w *world) {
		b := w.Browser("ada")
		notes := w.login(b, "notes")
		if got := time.Until(w.session(b).IdleDeadline); got != 15*time.Minute {
			t.Fatalf("window before mail is opened: %v", got)
		}
		time.Sleep(time.Minute)
		w.login(b, "mail")
		if got := time.Until(w.session(b).IdleDeadline); got != 5*time.Minute {
			t.Fatalf("window after mail was opened: %v", got)
		}
		time.Sleep(4 * time.Minute)
		w.refresh("notes", notes.text("refresh_token"))
		if got := time.Until(w.session(b).IdleDeadline); got != 5*time.Minute {
			t.Fatalf("activity in notes gives %v", got)
		}
		time.Sleep(5*time.Minute + 2*time.Second) // the sweeper must have seen that the deadline moved in
		if len(w.Sessions()) != 0 || len(w.deliveries("notes")) != 1 || len(w.deliveries("mail")) != 1 {
			t.Errorf("%d sessions, told %v %v", len(w.Sessions()), w.deliveries("notes"), w.deliveries("mail"))
		}
	})
}

// Without the policy an app's own window means nothing.
func TestWindowIsGlobalByDefault(t *testing.T) {
	inBubble(t, func(c *idpmock.Config) { c.Clients[1].IdleWindow = 5 * time.Minute }, func(t *testing.T, w *world) {
		b := w.Browser("ada")
		w.login(b, "mail")
		if got := time.Until(w.session(b).IdleDeadline); got != 15*time.Minute {
			t.Errorf("window %v", got)
		}
	})
}

// Each app has its own timer: activity in one does not save another, and the
// end of one leaves the others alone.
func TestSeparateTimers(t *testing.T) {
	inBubble(t, func(c *idpmock.Config) {
		c.Policies.SeparateTimers = true
		c.Clients[1].IdleWindow = 5 * time.Minute
	}, func(t *testing.T, w *world) {
		b := w.Browser("ada")
		notes, mail := w.login(b, "notes"), w.login(b, "mail")
		time.Sleep(4 * time.Minute)
		notes = w.refresh("notes", notes.text("refresh_token"))
		time.Sleep(time.Minute + 2*time.Second)
		if len(w.deliveries("mail")) != 1 || len(w.deliveries("notes")) != 0 {
			t.Fatalf("told: mail %v notes %v", w.deliveries("mail"), w.deliveries("notes"))
		}
		if a := w.refresh("mail", mail.text("refresh_token")); !gone("refresh", a) {
			t.Errorf("mail: %v", a)
		}
		if notes = w.refresh("notes", notes.text("refresh_token")); notes.status != http.StatusOK {
			t.Fatalf("notes: %v", notes)
		}
		if s := w.session(b); len(s.Clients) != 1 {
			t.Errorf("%+v", s.Clients)
		}
		w.login(b, "mail", "prompt", "none") // the person may open it again without a password
	})
}

// An exempt app keeps longer tokens, good for that app only; they do not keep
// the session alive and outlive it.
func TestExemptApp(t *testing.T) {
	inBubble(t, func(c *idpmock.Config) {
		c.Clients[1].Exempt = true
		c.Clients[1].AccessTokenLifetime = 24 * time.Hour
	}, func(t *testing.T, w *world) {
		b := w.Browser("ada")
		w.login(b, "notes")
		mail := w.login(b, "mail")
		if _, c := peek(t, mail.text("access_token")); len(c["aud"].([]any)) != 1 || c["aud"].([]any)[0] != "mail" {
			t.Errorf("aud %v", c["aud"])
		}
		time.Sleep(14 * time.Minute)
		if a := w.userinfo(mail.text("access_token")); a.status != http.StatusOK {
			t.Fatal(a)
		}
		time.Sleep(2 * time.Minute)
		w.Settle()
		if len(w.Sessions()) != 0 || len(w.deliveries("notes")) != 1 {
			t.Error("the exempt app's call kept the session")
		}
		if a := w.userinfo(mail.text("access_token")); a.status != http.StatusOK {
			t.Errorf("the exempt app's token died with the session: %v", a)
		}
		if a := w.refresh("mail", mail.text("refresh_token")); a.status != http.StatusOK {
			t.Errorf("the exempt app's refresh token died with the session: %v", a)
		}
	})
}

// Settings change at run time; the next touch obeys them.
func TestUpdate(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		b := w.Browser("ada")
		tok := w.login(b, "notes")
		if err := w.Update(func(c *idpmock.Config) { c.IdleWindow = 3 * time.Minute }); err != nil {
			t.Fatal(err)
		}
		w.refresh("notes", tok.text("refresh_token"))
		time.Sleep(3*time.Minute + 2*time.Second)
		if len(w.Sessions()) != 0 {
			t.Error("the old window is in force")
		}
		if err := w.Update(func(c *idpmock.Config) { c.SigningAlg = "none" }); err == nil {
			t.Error("alg none was taken")
		}
		if err := w.SetClient(idpmock.Client{ID: "new",
			JWKS: []byte(`{"keys":[{"kty":"oct","k":"AA"}]}`)}); err == nil {
			t.Error("a secret key was taken")
		}
		if err := w.SetClient(idpmock.Client{ID: "new", RedirectURIs: []string{"relative"}}); err == nil {
			t.Error("a relative redirect URI was taken")
		}
	})
}
