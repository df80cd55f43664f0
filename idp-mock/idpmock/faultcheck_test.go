package idpmock_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

// A fault that can meet nothing is refused: an error, or a panic with that error where there is no place for one.
func TestAFaultThatMeetsNothingIsRefused(t *testing.T) {
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
		for _, ep := range []idpmock.Endpoint{"", idpmock.EndpointToken, idpmock.EndpointRefresh,
			idpmock.EndpointCallback,
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
