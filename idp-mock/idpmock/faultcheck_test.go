package idpmock_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

// A fault that can meet nothing is refused, over HTTP too, and the error names what there is.
func TestAFaultThatMeetsNothingIsRefused(t *testing.T) {
	inBubble(t, func(c *idpmock.Config) { c.ControlAPI = true }, func(t *testing.T, w *world) {
		c := &remote{w, document(t), map[string]bool{}}
		clients := []string{`"note"`, "api, mail, notes"}
		for name, tt := range map[string]struct {
			path  string
			fault object
			names []string
		}{
			"unknown endpoint": {"/faults", object{"endpoint": "token/refersh", "status": 503},
				[]string{"token/refersh", "token/refresh", "callback"}},
			"endpoint of ours": {"/faults", object{"endpoint": "back-channel", "status": 503},
				[]string{"back-channel", "delivery"}},
			"unknown client":             {"/faults", object{"client": "note", "status": 503}, clients},
			"unknown answer":             {"/faults", object{"response": "nonsense"}, []string{"nonsense", "not-json"}},
			"unknown ID token":           {"/faults", object{"id_token": "nonsense"}, []string{"nonsense", "invalid-iss"}},
			"delivery to unknown client": {"/delivery-faults", object{"client": "note", "lose": true}, clients},
			"unknown logout token":       {"/delivery-faults", object{"token": "nonsense"}, []string{"nonsense", "like-hydra"}},
		} {
			got, _ := c.call("POST", tt.path, http.StatusBadRequest, tt.fault).(object)
			for _, want := range tt.names {
				if text, _ := got["error_description"].(string); !strings.Contains(text, want) {
					t.Errorf("%s: %q does not name %q", name, text, want)
				}
			}
		}
		if n := len(w.ActiveFaults()); n != 0 {
			t.Errorf("%d refused faults are in force", n)
		}
	})
}

// The same in Go: an error, or a panic with that error where there is no place for one.
func TestAFaultThatMeetsNothingIsRefusedInGo(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		bad := idpmock.Fault{Client: "nobody", Endpoint: "nowhere", Response: "nothing", IDToken: "none", Status: 503}
		_, err := w.AddFault(bad)
		if !errors.Is(err, idpmock.ErrUnknownClient) {
			t.Errorf("%v", err)
		}
		for _, want := range []string{"nobody", "nowhere", "nothing", "none"} { // all mistakes at once
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v does not name %s", err, want)
			}
		}
		err = w.AddDeliveryFault(idpmock.DeliveryFault{Client: "nobody"})
		if !errors.Is(err, idpmock.ErrUnknownClient) {
			t.Errorf("%v", err)
		}
		for name, call := range map[string]func(){
			"Fault":         func() { w.Fault(bad) },
			"FaultDelivery": func() { w.FaultDelivery(idpmock.DeliveryFault{Token: "nonsense"}) },
		} {
			func() {
				defer func() {
					if err, _ := recover().(error); err == nil {
						t.Errorf("%s took it", name)
					}
				}()
				call()
			}()
		}
		for _, ep := range []idpmock.Endpoint{"", idpmock.EndpointToken, idpmock.EndpointRefresh, idpmock.EndpointCallback,
			idpmock.EndpointJWKS} {
			if _, err := w.AddFault(idpmock.Fault{Client: "notes", Endpoint: ep, Status: 503}); err != nil {
				t.Errorf("%q: %v", ep, err)
			}
		}
		if err := w.AddDeliveryFault(idpmock.DeliveryFault{Client: "notes", Lose: true}); err != nil {
			t.Error(err)
		}
	})
}
