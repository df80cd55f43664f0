package idpmock_test

import (
	"net/url"
	"testing"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

func refreshForm(tok answer) url.Values {
	return url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tok.text("refresh_token")}}
}

// The rows RT-* by their faults.
func TestFaultAnswers(t *testing.T) {
	for name, tt := range map[string]struct {
		fault  idpmock.Fault
		status int
		code   string
	}{
		"RT-01": {idpmock.Fault{Error: "invalid_grant"}, 400, "invalid_grant"},
		"RT-02": {idpmock.Fault{Status: 401, Error: "invalid_client"}, 401, "invalid_client"},
		"RT-03": {idpmock.Fault{Error: "unauthorized_client"}, 400, "unauthorized_client"},
		"RT-04": {idpmock.Fault{Error: "invalid_scope"}, 400, "invalid_scope"},
		"RT-05": {idpmock.Fault{Status: 503, RetryAfter: "7"}, 503, ""},
		"RT-06": {idpmock.Fault{Status: 429, RetryAfter: "Fri, 31 Dec 1999 23:59:59 GMT"}, 429, ""},
		"RT-09": {idpmock.Fault{Body: "<html>", ContentType: "text/html"}, 200, ""},
		"RT-12": {idpmock.Fault{Error: "use_dpop_nonce", Header: map[string]string{"DPoP-Nonce": "n1"}}, 400,
			"use_dpop_nonce"},
		"RT-13": {idpmock.Fault{Error: "interaction_required"}, 400, "interaction_required"},
		"RT-14": {idpmock.Fault{Status: 418}, 418, ""},
		"RT-15": {idpmock.Fault{Status: 302, Header: map[string]string{"Location": "https://elsewhere.example/"}}, 302,
			""},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(t *testing.T, w *world) {
				tok := w.login(w.Browser("ada"), "notes")
				tt.fault.Endpoint, tt.fault.Client = idpmock.EndpointRefresh, "notes"
				f := w.Fault(tt.fault)
				if a := w.refresh("notes", tok.text("refresh_token")); a.status != tt.status ||
					a.text("error") != tt.code {
					t.Errorf("%v", a)
				}
				if f.Hits() != 1 || len(w.ActiveFaults()) != 0 {
					t.Errorf("%d hits, still in force: %v", f.Hits(), w.ActiveFaults())
				}
				if a := w.refresh("notes", tok.text("refresh_token")); a.status != 200 { // nothing had happened
					t.Errorf("afterwards: %v", a)
				}
			})
		})
	}
}

func TestFaultsChooseTheirRequests(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		w.Fault(idpmock.Fault{Endpoint: idpmock.EndpointRefresh, Client: "notes", Status: 500, Skip: 1, Times: 2})
		b := w.Browser("ada")
		notes, mail := w.login(b, "notes"), w.login(b, "mail")
		var got []int
		for range 4 {
			a := w.refresh("notes", notes.text("refresh_token"))
			if got = append(got, a.status); a.status == 200 {
				notes = a
			}
		}
		if got[0] != 200 || got[1] != 500 || got[2] != 500 || got[3] != 200 {
			t.Errorf("%v", got)
		}
		always := w.Fault(idpmock.Fault{Endpoint: idpmock.EndpointToken, Client: "mail", Status: 500,
			Times: idpmock.Always})
		for range 3 {
			if a := w.refresh("mail", mail.text("refresh_token")); a.status != 500 {
				t.Error(a)
			}
		}
		always.Remove()
		if a := w.refresh("mail", mail.text("refresh_token")); a.status != 200 {
			t.Error(a)
		}
		w.Fault(idpmock.Fault{Status: 500, Times: idpmock.Always})
		w.ClearFaults()
		if a := w.userinfo(notes.text("access_token")); a.status != 200 {
			t.Error(a)
		}
	})
}

func TestUnknownNames(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		if _, err := w.LogoutToken("notes", idpmock.Session{}, "no-such-fault"); err == nil {
			t.Error("an unknown fault was taken")
		}
		if _, err := w.LogoutToken("nobody", idpmock.Session{}); err == nil {
			t.Error("an unknown client was taken")
		}
		if _, err := w.Deliver(t.Context(), "api", "x"); err == nil {
			t.Error("a client without back-channel URI was delivered to")
		}
	})
}
