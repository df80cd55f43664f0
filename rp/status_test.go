package rp_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/activity"
	"github.com/tandem-sso/tandem/rp/reason"
)

// GET session: always 200 and JSON, with exactly the members that others drive it
// by, null where there is no limit.
func TestStatusJSON(t *testing.T) {
	limits := func(c *rp.Config) {
		c.Idle, c.Absolute, c.IdPWindow = 10*time.Minute, time.Hour, 15*time.Minute
	}
	members := func(t *testing.T, v *visitor) map[string]any {
		t.Helper()
		a := v.fetch("/auth/session")
		var m map[string]any
		if err := json.Unmarshal([]byte(a.body), &m); err != nil || a.status != 200 ||
			a.header.Get("Content-Type") != "application/json" || a.header.Get("Cache-Control") != "no-store" {
			t.Fatalf("%v", a)
		}
		for _, name := range []string{"state", "reason", "subject", "idle_seconds", "absolute_seconds",
			"warn_seconds"} {
			if _, ok := m[name]; !ok {
				t.Errorf("%s is missing in %s", name, a.body)
			}
		}
		return m
	}
	check := func(t *testing.T, m map[string]any, want map[string]any) {
		t.Helper()
		for name, v := range want {
			if m[name] != v {
				t.Errorf("%s is %v, want %v", name, m[name], v)
			}
		}
	}
	inBubble(t, setup{config: limits}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		check(t, members(t, v), map[string]any{"state": "anonymous", "reason": "", "subject": "", "idle_seconds": nil,
			"absolute_seconds": nil, "warn_seconds": nil})
		v.login()
		check(t, members(t, v), map[string]any{"state": "live", "reason": "", "subject": "ada", "idle_seconds": 600.,
			"absolute_seconds": 3600., "warn_seconds": 540.})
		time.Sleep(90 * time.Second)
		check(t, members(t, v), map[string]any{"state": "live", "idle_seconds": 510., "absolute_seconds": 3510.,
			"warn_seconds": 450.})
		v.welcome()
		check(t, members(t, v), map[string]any{"state": "live", "idle_seconds": 600., "absolute_seconds": 3510.,
			"warn_seconds": 540.})
		time.Sleep(10 * time.Minute)
		check(t, members(t, v), map[string]any{"state": "ended", "reason": "idle", "subject": "", "idle_seconds": nil,
			"absolute_seconds": nil, "warn_seconds": nil})
	})
	inBubble(t, setup{kind: rp.NoToken, config: func(c *rp.Config) { c.Absolute = -1 }}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		check(t, members(t, v), map[string]any{"state": "live", "idle_seconds": nil, "absolute_seconds": nil,
			"warn_seconds": nil})
	})
}

// Neither asking for the status nor any other passive request extends anything,
// here or at the IdP (C7, BFF-07, SEC-04).
func TestPassiveExtendsNothing(t *testing.T) {
	for name, ask := range map[string]func(*visitor) *reply{
		"status":          func(v *visitor) *reply { return v.fetch("/auth/session") },
		"a passive route": func(v *visitor) *reply { return v.fetch("/passive") },
		"a marked fetch": func(v *visitor) *reply {
			return v.do("GET", "/private", nil, with(fetching, activity.Header, "passive"))
		},
		"a prefetch": func(v *visitor) *reply {
			return v.do("GET", "/private", nil, with(navigating, "Sec-Purpose", "prefetch;prerender"))
		},
		"an image": func(v *visitor) *reply {
			return v.do("GET", "/private", nil, http.Header{"Sec-Fetch-Dest": {"image"}, "Sec-Fetch-Mode": {"no-cors"}})
		},
		"an iframe": func(v *visitor) *reply {
			return v.do("GET", "/private", nil, with(navigating, "Sec-Fetch-Dest", "iframe"))
		},
		"an event stream": func(v *visitor) *reply {
			return v.do("GET", "/private", nil, http.Header{"Accept": {"text/event-stream"}})
		},
		"a WebSocket": func(v *visitor) *reply {
			return v.do("GET", "/private", nil, http.Header{"Upgrade": {"websocket"}, "Connection": {"Upgrade"}})
		},
		"the landing page": func(v *visitor) *reply { return v.get("/auth/logged-out") },
		"refused activity": func(v *visitor) *reply {
			return v.do("POST", "/auth/activity", nil, with(fetching, "Sec-Fetch-Site", "cross-site", "Origin",
				"https://evil.example"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := setup{config: func(c *rp.Config) {
				c.Idle, c.IdPWindow, c.TrailingSignal = 10*time.Minute, 15*time.Minute, true
			}}
			inBubble(t, s, func(t *testing.T, w *world) {
				v := w.visitor("ada")
				v.login()
				for range 10*60/7 - 1 {
					time.Sleep(7 * time.Second)
					if a := ask(v); a.status >= 500 {
						t.Fatalf("%v", a)
					}
				}
				v.expect("live", "")
				time.Sleep(14 * time.Second)
				ask(v)
				v.expect("ended", reason.Idle)
				w.expectEnds(reason.Idle)
				w.idp.Expect(idpmock.EndpointRefresh, "notes", 0)
				w.idp.Expect(idpmock.EndpointUserinfo, "notes", 0)
			})
		})
	}
}

// The others count as a person's doing, so that they do extend.
func TestActiveExtends(t *testing.T) {
	for name, ask := range map[string]func(*visitor) *reply{
		"a navigation":   func(v *visitor) *reply { return v.get("/private") },
		"a fetch":        func(v *visitor) *reply { return v.fetch("/private") },
		"an old browser": func(v *visitor) *reply { return v.do("GET", "/private", nil, bare) },
		"a form":         func(v *visitor) *reply { return v.submit("/private") },
		"a report of activity": func(v *visitor) *reply {
			return v.do("POST", "/auth/activity", nil, with(fetching, "Origin", base))
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, setup{config: func(c *rp.Config) { c.Idle = 10 * time.Minute }}, func(t *testing.T, w *world) {
				v := w.visitor("ada")
				v.login()
				for range 6 {
					time.Sleep(9 * time.Minute)
					if a := ask(v); a.status != 200 {
						t.Fatalf("%v", a)
					}
				}
				time.Sleep(10*time.Minute - time.Second)
				v.expect("live", "")
				time.Sleep(time.Second)
				v.expect("ended", reason.Idle)
				w.expectEnds(reason.Idle)
			})
		})
	}
}

// The clocks of the app itself: each end by its own reason, and a sweeper that
// ends sessions that nobody asks for any more (C8: told once).
func TestClocksEndSessions(t *testing.T) {
	for name, row := range map[string]struct {
		config func(*rp.Config)
		idp    func(*idpmock.Config)
		after  time.Duration
		active bool
		reason reason.Reason
	}{
		"idle":     {func(c *rp.Config) { c.Idle = 5 * time.Minute }, nil, 5 * time.Minute, false, reason.Idle},
		"absolute": {func(c *rp.Config) { c.Absolute = time.Hour }, nil, time.Hour, true, reason.Absolute},
		"F5 session_expiry": {nil, func(c *idpmock.Config) {
			c.SessionExpiry, c.AbsoluteLifetime = true, 30*time.Minute
		},
			30 * time.Minute, true, reason.IdPCeiling},
	} {
		t.Run(name, func(t *testing.T) {
			s := setup{kind: rp.NoToken, config: row.config, idp: row.idp}
			inBubble(t, s, func(t *testing.T, w *world) {
				w.idp.FaultDelivery(idpmock.DeliveryFault{Times: idpmock.Always, Lose: true})
				v, asleep := w.visitor("ada"), w.visitor("bob")
				v.login()
				asleep.login()
				for row.active && w.age() < row.after-2*time.Minute {
					time.Sleep(time.Minute)
					v.welcome()
				}
				time.Sleep(row.after - w.age() - time.Second)
				v.expect("live", "")
				time.Sleep(time.Second)
				if a := v.fetch("/private"); a.status != 401 || !strings.Contains(a.body, string(row.reason)) {
					t.Errorf("%v", a)
				}
				time.Sleep(30 * time.Second)
				w.expectEnds(row.reason, row.reason)
				asleep.expect("ended", row.reason)
			})
		})
	}
}
