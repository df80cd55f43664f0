package rp_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/adapter"
	"github.com/tandem-sso/tandem/rp/reason"
)

// POST activity confirms: the answer knows already what the IdP has said.
func TestActivityConfirms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newPageWorld(t, nil, func(c *rp.Config) { c.Idle = 50 * time.Minute })
		ada := w.login("ada")
		time.Sleep(45 * time.Minute)
		before := ada.do(http.MethodGet, "/auth/session", nil).status(t)
		if limit(before, "idle") != 5*time.Minute || limit(before, "trust") != 15*time.Minute {
			t.Fatalf("%+v", before)
		}
		after := ada.do(http.MethodPost, "/auth/activity", nil).status(t)
		if limit(after, "idle") != 50*time.Minute || limit(after, "trust") != time.Hour {
			t.Errorf("%+v", after)
		}
		w.idp.Expect(idpmock.EndpointRefresh, "notes", 1)
		// Once more at once: nothing is due, nobody is asked.
		ada.do(http.MethodPost, "/auth/activity", nil).status(t)
		w.idp.Expect(idpmock.EndpointRefresh, "notes", 1)
	})
}

// "Stay signed in" that comes too late tells the truth.
func TestActivityTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newPageWorld(t, func(c *idpmock.Config) {
			c.ExpiredSessionsTriggerBackchannelLogout, c.CoordinateClientLifetimes = false, true
		}, nil)
		w.idp.FaultDelivery(idpmock.DeliveryFault{Times: idpmock.Always, Lose: true})
		ada := w.login("ada")
		time.Sleep(61 * time.Minute)
		a := ada.do(http.MethodPost, "/auth/activity", nil)
		var problem adapter.Problem
		if err := json.Unmarshal([]byte(a.body), &problem); err != nil || a.StatusCode != http.StatusUnauthorized ||
			problem.Error != "session_ended" || problem.Reason != reason.RefreshRejected {
			t.Errorf("%d %s", a.StatusCode, a.body)
		}
	})
}

// C6: an IdP that is away is no reason to refuse activity while there is trust.
func TestActivityWhileIdPIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newPageWorld(t, nil, func(c *rp.Config) { c.SignalEvery = time.Minute })
		ada := w.login("ada")
		w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointRefresh, Times: idpmock.Always,
			Status: http.StatusBadGateway})
		time.Sleep(2 * time.Minute)
		if s := ada.do(http.MethodPost, "/auth/activity", nil).status(t); s.State != "live" ||
			limit(s, "trust") != 58*time.Minute {
			t.Errorf("%+v", s)
		}
	})
}

func TestActivitySameOriginOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newPageWorld(t, nil, func(c *rp.Config) {
			c.Idle, c.TrustedOrigins = 10*time.Minute, []string{"https://shop.example"}
		})
		ada := w.login("ada")
		time.Sleep(time.Minute)
		for name, h := range map[string]http.Header{
			"cross-site":      {"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://evil.example"}},
			"same-site":       {"Sec-Fetch-Site": {"same-site"}, "Origin": {"https://blog.notes.example"}},
			"trusted origin":  {"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://shop.example"}},
			"a form":          {"Sec-Fetch-Mode": {"navigate"}},
			"an old browser":  {"Sec-Fetch-Site": nil, "Origin": {"https://evil.example"}},
			"address bar":     {"Sec-Fetch-Site": {"none"}},
			"sandboxed frame": {"Sec-Fetch-Site": {"cross-site"}, "Origin": {"null"}},
		} {
			if a := ada.do(http.MethodPost, "/auth/activity", h); a.StatusCode != http.StatusForbidden {
				t.Errorf("%s: %d %s", name, a.StatusCode, a.body)
			}
		}
		if s := ada.do(http.MethodGet, "/auth/session", nil).status(t); limit(s, "idle") != 9*time.Minute {
			t.Errorf("it was counted all the same: %+v", s)
		}
		for name, h := range map[string]http.Header{
			"fetch": {"Origin": {pageApp}}, "an old browser": {"Sec-Fetch-Site": nil, "Origin": {pageApp}},
			"no browser": {"Sec-Fetch-Site": nil},
		} {
			if a := ada.do(http.MethodPost, "/auth/activity", h); a.StatusCode != http.StatusOK {
				t.Errorf("%s: %d %s", name, a.StatusCode, a.body)
			}
		}
	})
}

func TestActivityThrottle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newPageWorld(t, nil, nil)
		ada, bob := w.login("ada"), w.login("bob")
		post := func(p *tab) answer { return p.do(http.MethodPost, "/auth/activity", nil) }
		good := 0
		for range 100 {
			switch a := post(ada); a.StatusCode {
			case http.StatusOK:
				good++
			case http.StatusTooManyRequests:
				if a.Header.Get("Retry-After") != "1" {
					t.Fatalf("Retry-After: %q", a.Header.Get("Retry-After"))
				}
			default:
				t.Fatalf("%d %s", a.StatusCode, a.body)
			}
		}
		if good != 20 {
			t.Errorf("%d of a burst of 100 were served, want 20", good)
		}
		if a := post(bob); a.StatusCode != http.StatusOK {
			t.Errorf("another session is throttled, too: %d", a.StatusCode)
		}
		time.Sleep(time.Second)
		for want := range 3 {
			if a := post(ada); (a.StatusCode == http.StatusOK) != (want < 2) {
				t.Errorf("request %d after a second: %d", want+1, a.StatusCode)
			}
		}
	})
}

func TestDraftKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		keys := rp.Keys{rp.NewKey(), rp.NewKey()}
		w := newPageWorld(t, nil, func(c *rp.Config) { c.Keys = keys })
		read := func(p *tab) [2]string {
			t.Helper()
			var got struct{ Keys [][]byte }
			a := p.do(http.MethodGet, "/auth/draft-key", nil)
			if err := json.Unmarshal([]byte(a.body), &got); err != nil || len(got.Keys) != 2 ||
				len(got.Keys[0]) != 32 || a.Header.Get("Cache-Control") != "no-store" {
				t.Fatalf("%v: %d %v", err, a.StatusCode, a.Header)
			}
			return [2]string{string(got.Keys[0]), string(got.Keys[1])}
		}
		ada := w.login("ada")
		first := read(ada)
		if again := read(w.login("ada")); again != first {
			t.Error("the next log-in of the same person gets other keys")
		}
		other := read(w.login("bob"))
		if other[0] == first[0] || other[1] == first[1] || first[0] == first[1] {
			t.Error("two people, or two masters, share a key")
		}
		for _, h := range []http.Header{{"Sec-Fetch-Site": {"same-site"}}, {"Sec-Fetch-Site": {"cross-site"}},
			{"Sec-Fetch-Mode": {"navigate"}}} {
			if a := ada.do(http.MethodGet, "/auth/draft-key", h); a.StatusCode != http.StatusForbidden {
				t.Errorf("%v: %d", h, a.StatusCode)
			}
		}
		w.idp.EndUser("ada")
		w.idp.Settle()
		if a := ada.do(http.MethodGet, "/auth/draft-key", nil); a.StatusCode != http.StatusUnauthorized {
			t.Errorf("after the end: %d", a.StatusCode)
		}
	})
}

// A script is told where to go instead of being redirected where it cannot go.
func TestLogoutOfAScript(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newPageWorld(t, nil, nil)
		ada := w.login("ada")
		var got struct{ Location string }
		a := ada.do(http.MethodPost, "/auth/logout", http.Header{"Accept": {"application/json"}})
		if err := json.Unmarshal([]byte(a.body), &got); err != nil || a.StatusCode != http.StatusOK ||
			!strings.HasPrefix(got.Location, w.idp.URL+"/") || !strings.Contains(got.Location, "id_token_hint=") ||
			a.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%d %s", a.StatusCode, a.body)
		}
		if s := ada.do(http.MethodGet, "/auth/session", nil).status(t); s.Reason != reason.UserLogout {
			t.Errorf("%+v", s)
		}
	})
}
