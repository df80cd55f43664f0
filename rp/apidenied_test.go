package rp_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/reason"
)

// A token that cannot be had for one API is the error of that call alone: the session, its
// signals and the other APIs go on, and a page with ten such calls costs one refresh.
func TestDeniedAPI(t *testing.T) {
	for name, row := range map[string]struct {
		fault   idpmock.Fault
		code    string
		trouble bool // UnavailableError
	}{
		"RFC 8707 invalid_target":   {idpmock.Fault{Error: "invalid_target"}, "invalid_target", false},
		"invalid_scope":             {idpmock.Fault{Error: "invalid_scope"}, "invalid_scope", false},
		"interaction_required":      {idpmock.Fault{Error: "interaction_required"}, "interaction_required", false},
		"unauthorized_client":       {idpmock.Fault{Error: "unauthorized_client"}, "unauthorized_client", false},
		"a code that nobody knows":  {idpmock.Fault{Error: "pigeons"}, "pigeons", false},
		"no access token":           {idpmock.Fault{Response: idpmock.ResponseNoAccessToken}, "", false},
		"500":                       {idpmock.Fault{Status: 500}, "", true},
		"no JSON, but a good token": {idpmock.Fault{Status: 200, Body: "<html>"}, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			inAPIs(t, setup{}, func(t *testing.T, w *world, v *visitor, got map[string]*api, _ *wire) {
				row.fault.Endpoint = idpmock.EndpointRefresh
				w.idp.Fault(row.fault) // once
				for range 10 {
					_, _, err := w.calls(v, "/run", get("https://entra.example/"))
					var (
						told    *rp.APIError
						trouble *rp.UnavailableError
					)
					if !errors.As(err, &told) || !errors.Is(err, rp.ErrNoAccessToken) || told.Code != row.code ||
						errors.As(err, &trouble) != row.trouble {
						t.Fatalf("%v", err)
					}
				}
				w.idp.Expect(idpmock.EndpointRefresh, "notes", 1)
				for _, origin := range []string{"https://auth0.example", "https://api.example"} {
					if status, _, err := w.calls(v, "/run", get(origin+"/")); status != 200 || err != nil {
						t.Errorf("%s: %d %v", origin, status, err)
					}
				}
				w.idp.Expect(idpmock.EndpointRefresh, "notes", 2)
				time.Sleep(time.Minute)
				if status, _, err := w.calls(v, "/run", get("https://entra.example/")); status != 200 || err != nil {
					t.Errorf("a minute later: %d %v", status, err)
				}
				for range 10 {
					time.Sleep(4 * time.Minute)
					v.welcome()
				}
				w.expectEnds()
			})
		})
	}
}

// An IdP that knows no such API gives the log-in's token again (Auth0): it is not sent,
// because it opens another API.
func TestIgnoredAPI(t *testing.T) {
	inAPIs(t, setup{idp: patient}, func(t *testing.T, w *world, v *visitor, got map[string]*api, _ *wire) {
		for range 3 {
			if _, _, err := w.calls(v, "/run", get("https://auth0.example/")); !errors.Is(err, rp.ErrNoAccessToken) ||
				got["https://auth0.example"].requests() > 0 {
				t.Errorf("%v", err)
			}
		}
		w.idp.Expect(idpmock.EndpointRefresh, "notes", 1)
		v.welcome()
		w.expectEnds()
	})
}

// An API that is denied for ever keeps no session from being extended.
func TestDeniedForEver(t *testing.T) {
	inAPIs(t, setup{idp: func(c *idpmock.Config) {
		apis(c)
		c.IdleWindow = window
		c.APIs = nil
	}, config: func(c *rp.Config) {
		c.IdPWindow = window
		c.APIs = c.APIs[:3] // without Entra ID's: idp-mock without APIs knows no such scope
		c.APIs = append(c.APIs, rp.API{Origin: "https://entra.example", Scopes: []string{"api://nobody/read"}})
	}}, func(t *testing.T, w *world, v *visitor, _ map[string]*api, _ *wire) {
		for range 60 {
			time.Sleep(2 * time.Minute)
			if _, _, err := w.calls(v, "/run", get("https://entra.example/")); !errors.Is(err, rp.ErrNoAccessToken) {
				t.Fatalf("after %v: %v", w.age(), err)
			}
		}
		w.expectEnds()
	})
}

// Entra ID says invalid_grant where a consent is missing, as it does of a session that is
// over: a refresh that asks for nothing else tells which (RT-01).
func TestInvalidGrantOfAnAPI(t *testing.T) {
	inAPIs(t, setup{}, func(t *testing.T, w *world, v *visitor, _ map[string]*api, x *wire) {
		w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointRefresh, Error: "invalid_grant"})
		_, _, err := w.calls(v, "/run", get("https://entra.example/"))
		var told *rp.APIError
		if !errors.Is(err, rp.ErrNoAccessToken) || !errors.As(err, &told) || told.Code != "invalid_grant" {
			t.Errorf("%v", err)
		}
		w.idp.Expect(idpmock.EndpointRefresh, "notes", 2)
		if last := w.signals[len(w.signals)-1]; last.Verdict != "denied" || last.Err == nil {
			t.Errorf("the event: %+v", last)
		}
		if forms := x.forms; forms[len(forms)-1].Has("scope") {
			t.Error("the second look asks for the API, too")
		}
		v.expect("live", "")
		w.expectEnds()

		w.idp.FaultDelivery(idpmock.DeliveryFault{Times: idpmock.Always, Lose: true})
		if err := w.idp.EndSession(v.session().SID); err != nil {
			t.Fatal(err)
		}
		_, _, err = w.calls(v, "/run", get("https://auth0.example/"))
		var ended *rp.EndedError
		if !errors.As(err, &ended) || ended.Reason != reason.RefreshRejected {
			t.Errorf("%v", err)
		}
		w.expectEnds(reason.RefreshRejected)
	})
}

// The refresh token that came beside an API's token is spent if its answer is lost: then
// an invalid_grant is no verdict (RT-08).
func TestLostAnswerForAnAPI(t *testing.T) {
	inAPIs(t, setup{}, func(t *testing.T, w *world, v *visitor, _ map[string]*api, _ *wire) {
		w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointRefresh, DropAfterCommit: true})
		if _, _, err := w.calls(v, "/run", get("https://entra.example/")); !errors.Is(err, rp.ErrReauthenticate) {
			t.Errorf("%v", err)
		}
		v.expect("live", "")
		w.expectEnds()
	})
}

// A token that is denied for one API leaves no doubt about the refresh token: its refusal is
// believed.
func TestDenialLeavesNoDoubt(t *testing.T) {
	inAPIs(t, setup{}, func(t *testing.T, w *world, v *visitor, _ map[string]*api, _ *wire) {
		w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointRefresh, Error: "invalid_target"})
		if _, _, err := w.calls(v, "/run", get("https://entra.example/")); !errors.Is(err, rp.ErrNoAccessToken) {
			t.Fatal(err)
		}
		if n := len(w.signals); n != 1 || w.signals[0].Err == nil || w.signals[0].How != "refresh" {
			t.Errorf("events: %+v", w.signals)
		}
		w.idp.FaultDelivery(idpmock.DeliveryFault{Times: idpmock.Always, Lose: true})
		if err := w.idp.EndSession(v.session().SID); err != nil {
			t.Fatal(err)
		}
		_, _, err := w.calls(v, "/run", get("https://auth0.example/"))
		if ended := (*rp.EndedError)(nil); !errors.As(err, &ended) || ended.Reason != reason.RefreshRejected {
			t.Errorf("%v", err)
		}
	})
}

// RT-06: 429 says nothing about the API for which a token was asked: the session waits.
func TestTooManyRequestsForAnAPI(t *testing.T) {
	inAPIs(t, setup{}, func(t *testing.T, w *world, v *visitor, _ map[string]*api, _ *wire) {
		w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointRefresh, Status: http.StatusTooManyRequests})
		_, _, err := w.calls(v, "/run", get("https://entra.example/"))
		if wait := (*rp.UnavailableError)(nil); !errors.As(err, &wait) || errors.Is(err, rp.ErrNoAccessToken) {
			t.Errorf("%v", err)
		}
		if _, _, err := w.calls(v, "/run", get("https://auth0.example/")); !errors.As(err, new(*rp.UnavailableError)) {
			t.Errorf("another API: %v", err)
		}
		w.idp.Expect(idpmock.EndpointRefresh, "notes", 1)
	})
}
