package idpmock_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

func codeForm(t *testing.T, client, callback string) url.Values {
	t.Helper()
	u, err := url.Parse(callback)
	if err != nil {
		t.Fatal(err)
	}
	return url.Values{"grant_type": {"authorization_code"}, "code": {u.Query().Get("code")},
		"redirect_uri": {"https://" + client + ".example/cb"}, "code_verifier": {verifier}}
}

// After Reset the provider is as New made it, and nobody was told of anything.
func TestReset(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		ada := w.Browser("ada")
		tok := w.login(ada, "notes")
		if err := w.SetClient(app("extra")); err != nil {
			t.Fatal(err)
		}
		if err := w.Update(func(c *idpmock.Config) { c.IdleWindow = time.Minute }); err != nil {
			t.Fatal(err)
		}
		w.Fault(idpmock.Fault{Endpoint: idpmock.EndpointUserinfo, Status: 503, Times: idpmock.Always})
		w.FaultDelivery(idpmock.DeliveryFault{Client: "mail", Lose: true, Times: idpmock.Always})
		w.Advance(3 * time.Second)
		w.reply = func(string, int, http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
		bob := w.Browser("bob")
		w.login(bob, "notes")
		if err := w.EndSession(w.session(bob).SID); err != nil { // its logout token fails, and would be tried again
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
		if len(w.Outbox()) != 1 {
			t.Fatalf("outbox: %v", w.Outbox())
		}
		w.reply = nil

		w.Reset()

		w.Settle()
		time.Sleep(time.Minute)
		if n := len(w.deliveries("notes")); n != 1 {
			t.Errorf("%d deliveries, want the one before", n)
		}
		if s, o, e, r := len(w.Sessions()), len(w.Outbox()), len(w.Events()), len(w.Requests()); s+o+e+r != 0 {
			t.Errorf("left are %d sessions, %d deliveries, %d events, %d requests", s, o, e, r)
		}
		if len(w.ActiveFaults()) != 0 || w.Advanced() != 0 || w.Config().IdleWindow != 15*time.Minute ||
			len(w.Config().Clients) != 3 {
			t.Errorf("faults %v, clock %v, window %v, %d clients", w.ActiveFaults(), w.Advanced(),
				w.Config().IdleWindow, len(w.Config().Clients))
		}
		if a := w.refresh("notes", tok.text("refresh_token")); a.text("error") != "invalid_grant" {
			t.Errorf("an old refresh token: %v", a)
		}
		if _, err := ada.Session(); err == nil {
			t.Error("her cookie is still good")
		}
		w.login(ada, "mail") // and it goes on
		if err := w.EndSession(w.session(ada).SID); err != nil {
			t.Fatal(err)
		}
		w.Settle()
		if n := len(w.deliveries("mail")); n != 1 {
			t.Errorf("mail was told %d times", n)
		}
	})
}

// Whoever waits for the outbox of before goes on.
func TestResetFreesSettle(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		w.FaultDelivery(idpmock.DeliveryFault{Client: "notes", Delay: time.Hour})
		ada := w.Browser("ada")
		w.login(ada, "notes")
		if err := w.EndSession(w.session(ada).SID); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- w.IDP.Settle(t.Context()) }()
		time.Sleep(time.Second)
		w.Reset()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// What has nothing to list is an empty list, not null.
func TestEmptyListsAreLists(t *testing.T) {
	inBubble(t, func(c *idpmock.Config) { c.Clients = nil }, func(t *testing.T, w *world) {
		for name, list := range map[string]any{"Sessions": w.Sessions(), "Requests": w.Requests(), "Events": w.Events(),
			"Outbox": w.Outbox(), "ActiveFaults": w.ActiveFaults(), "Counts": w.Counts(), "Clients": w.Config().Clients,
			"Users": w.Config().Users, "APIs": w.Config().APIs, "ACRValues": w.Config().ACRValues} {
			if text := string(must(json.Marshal(list))); len(text) == 0 || text[0] != '[' {
				t.Errorf("%s is %s", name, text)
			}
		}
	})
}
