package rp_test

import (
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/reason"
)

// wrongClock is the app's clock, that may be wrong for a while: after a resume, or
// until NTP has set it. It has no monotonic part to fall back on.
type wrongClock struct{ ahead atomic.Int64 }

func (c *wrongClock) now() time.Time           { return time.Now().Add(time.Duration(c.ahead.Load())).Round(0) }
func (c *wrongClock) goes(ahead time.Duration) { c.ahead.Store(int64(ahead)) }

// C1, C6: the clock was ahead for a minute. When it jumps back, what was
// noted meanwhile lies in the future: people are served, and the IdP is told of
// them, as if nothing had been.
func TestClockJumpsBack(t *testing.T) {
	// A refresh brings an ID token, which is checked by the clock.
	for kind, ahead := range map[rp.Kind]time.Duration{rp.RefreshToken: 4 * time.Minute, rp.ReferenceToken: time.Hour} {
		t.Run(kind.String(), func(t *testing.T) {
			clock := &wrongClock{}
			s := setup{kind: kind, config: func(c *rp.Config) { c.Now, c.IdPWindow = clock.now, window }}
			inBubble(t, s, func(t *testing.T, w *world) {
				v := w.visitor("ada")
				v.login()
				time.Sleep(time.Minute)
				clock.goes(ahead)
				for range 6 {
					v.get("/private")
					time.Sleep(10 * time.Second)
				}
				clock.goes(0)
				v.get("/private")
				time.Sleep(time.Minute)
				w.idp.ResetRequests()
				for range 60 {
					if a := v.get("/private"); a.status != 200 {
						t.Fatalf("after %v: %v", w.age(), a)
					}
					time.Sleep(time.Minute)
				}
				if n := w.idp.Count("", "notes"); n < 12 || n > 40 {
					t.Errorf("the IdP was told %d times in an hour", n)
				}
				w.expectEnds()
			})
		})
	}
}

// A confirmation of the future is none: nobody who has left is served by it.
func TestClockJumpsBackAndNobodyIsThere(t *testing.T) {
	clock := &wrongClock{}
	s := setup{kind: rp.ReferenceToken, config: func(c *rp.Config) { c.Now, c.IdPWindow = clock.now, window }}
	inBubble(t, s, func(t *testing.T, w *world) {
		w.idp.FaultDelivery(idpmock.DeliveryFault{Times: idpmock.Always, Lose: true})
		v := w.visitor("ada")
		v.login()
		time.Sleep(time.Minute)
		clock.goes(time.Hour)
		v.get("/private")
		clock.goes(0)
		time.Sleep(20 * time.Minute) // the IdP session has ended
		if a := v.fetch("/passive"); a.status != 401 {
			t.Errorf("a poll: %v", a)
		}
		if a := v.fetch("/private"); a.status != 401 {
			t.Errorf("a click: %v", a)
		}
		v.expect("ended", reason.APIUnauthorized)
	})
}

// The throttle of activity reports lets people in again at once.
func TestClockJumpsBackBehindTheThrottle(t *testing.T) {
	clock := &wrongClock{}
	inBubble(t, setup{idp: patient, config: func(c *rp.Config) { c.Now = clock.now }}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		report := func() int {
			return v.do("POST", "/auth/activity", url.Values{}, with(fetching, "Origin", base)).status
		}
		clock.goes(4 * time.Minute)
		for range 25 {
			report()
		}
		clock.goes(0)
		time.Sleep(time.Second)
		if got := report(); got != 200 {
			t.Errorf("activity: %d", got)
		}
	})
}

// Who logged in while the clock was ahead is ended like everybody else.
func TestEndsReachSessionsOfTheFuture(t *testing.T) {
	for name, end := range map[string]func(w *world, v *visitor){
		"by subject": func(w *world, _ *visitor) {
			_, _ = w.auth[0].EndSessions(w.Context(), rp.Whose{Subject: "ada"})
		},
		"by sid": func(w *world, v *visitor) {
			_, _ = w.auth[0].EndSessions(w.Context(), rp.Whose{SID: v.session().SID})
		},
		"everywhere": func(w *world, _ *visitor) {
			other := w.visitor("ada")
			other.login()
			other.everywhere("1")
		},
		"back-channel, sub only": func(w *world, v *visitor) {
			w.judged(w.deliver(w.logoutToken(v.session(), idpmock.LogoutSubOnly)), true)
		},
	} {
		t.Run(name, func(t *testing.T) {
			clock := &wrongClock{}
			inBubble(t, setup{config: func(c *rp.Config) { c.Now = clock.now }}, func(t *testing.T, w *world) {
				clock.goes(4 * time.Minute)
				v, bob := w.visitor("ada"), w.visitor("bob")
				v.login()
				bob.login()
				time.Sleep(time.Second)
				clock.goes(0)
				end(w, v)
				if s := v.status(); s.State != "ended" {
					t.Errorf("%+v", s)
				}
				bob.expect("live", "")
			})
		})
	}
}
