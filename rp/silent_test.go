package rp_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/reason"
)

func silent(c *rp.Config) { c.SilentCheck, c.IdPWindow = true, window }

// follow goes through the redirects of a navigation, over the IdP and back.
func (v *visitor) follow(path string) (a *reply, silently bool) {
	v.w.Helper()
	for range 8 {
		a = v.get(path)
		path = a.location()
		switch {
		case path == "":
			return a, silently
		case strings.HasPrefix(path, v.w.idp.URL+"/authorize?"):
			silently = silently || query(path).Get("prompt") == "none"
			path = v.authorize(path)
		}
	}
	v.w.Fatal("a redirect loop")
	return nil, false
}

// SM-04: a client without tokens asks by a top-level prompt=none on a navigation:
// it keeps active people signed in, and nobody sees it.
func TestSilentCheckKeepsActivePeople(t *testing.T) {
	inBubble(t, setup{kind: rp.NoToken, config: silent}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		id, asked := v.id(), 0
		for range 30 {
			time.Sleep(4 * time.Minute)
			a, silently := v.follow("/private?page=7")
			if a.status != 200 {
				t.Fatalf("after %v: %v", w.age(), a)
			}
			if silently {
				asked++
			}
		}
		if asked < 10 || v.id() != id {
			t.Errorf("asked %d times in two hours; the session is the same: %v", asked, v.id() == id)
		}
		w.expectEnds()
	})
}

// It ends with login_required, for the reason that nobody vouches for it; then
// the person is asked to log in, once.
func TestSilentCheckNoticesTheEnd(t *testing.T) {
	inBubble(t, setup{kind: rp.NoToken, config: silent}, func(t *testing.T, w *world) {
		w.idp.FaultDelivery(idpmock.DeliveryFault{Times: idpmock.Always, Lose: true})
		v := w.visitor("ada")
		v.login()
		if err := w.idp.EndSession(v.session().SID); err != nil {
			t.Fatal(err)
		}
		time.Sleep(6 * time.Minute)
		a := v.get("/private")
		a = v.get(a.location())
		if query(a.location()).Get("prompt") != "none" {
			t.Fatalf("%v", a)
		}
		v.get(v.authorize(a.location()))
		v.expect("ended", reason.Unconfirmed)
		w.expectEnds(reason.Unconfirmed)
		if a, _ := v.follow("/private"); a.status != 200 || len(w.logins) != 2 {
			t.Errorf("logging in again: %v", a)
		}
	})
}

// An app that compares errors needs no word of its own for the round trip: it is one of the
// ways to confirm a session, and Answer leads to it.
func TestSilentCheckIsUnconfirmed(t *testing.T) {
	inBubble(t, setup{kind: rp.NoToken, config: silent}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		time.Sleep(6 * time.Minute)
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, base+"/private", nil)
		r.Header = navigating.Clone()
		for _, c := range v.cookies() {
			r.AddCookie(c)
		}
		_, err := w.auth[0].Authenticate(r)
		if !errors.Is(err, rp.ErrUnconfirmed) || errors.Is(err, rp.ErrReauthenticate) {
			t.Errorf("%v", err)
		}
		if a := w.auth[0].Answer(r, err); !strings.HasSuffix(a.Header.Get("Location"), "&silent=1") {
			t.Errorf("%v", a)
		}
	})
}

// Only a navigation can ask: scripts and the absent never do, and an outage at
// the IdP logs nobody out.
func TestSilentCheckIsForNavigationsOnly(t *testing.T) {
	inBubble(t, setup{kind: rp.NoToken, config: silent, idp: patient}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		time.Sleep(6 * time.Minute)
		for _, h := range []http.Header{fetching, htmx} {
			if a := v.do("GET", "/private", nil, h); a.status == 302 || strings.Contains(a.location(), "silent") {
				t.Errorf("a script is sent to the IdP: %v", a)
			}
		}
		if a := v.do("POST", "/private", nil, with(navigating, "Sec-Fetch-Site", "same-origin")); a.location() != "" {
			t.Errorf("a form is sent to the IdP: %v", a)
		}
		a := v.get(v.get("/private").location())
		callback := edit(v.authorize(a.location()), set("error", "server_error"))
		if a := v.get(callback); a.status != 503 || a.header.Get("Retry-After") == "" {
			t.Errorf("an outage: %v", a)
		}
		v.expect("live", "")
		// It has asked a moment ago, in vain: the person is asked to log in.
		if a, _ := v.follow("/private"); a.status != 200 {
			t.Errorf("%v", a)
		}
		w.expectEnds(reason.Replaced)
	})
}

// C5: who logs out in another tab while the silent check is on its way stays
// logged out: what it brings is revoked, and the page decides.
func TestLogoutBeatsSilentCheck(t *testing.T) {
	for name, end := range map[string]func(w *world, v *visitor) reason.Reason{
		"user": func(_ *world, v *visitor) reason.Reason { v.submit("/auth/logout"); return reason.UserLogout },
		"admin": func(w *world, v *visitor) reason.Reason {
			if n, err := w.auth[0].EndSessions(w.Context(), rp.Whose{SID: v.session().SID}); n != 1 || err != nil {
				w.Errorf("EndSID: %d, %v", n, err)
			}
			return reason.Admin
		},
	} {
		for _, when := range []string{"before the callback", "during the exchange"} {
			t.Run(name+" "+when, func(t *testing.T) {
				inBubble(t, setup{kind: rp.NoToken, config: silent}, func(t *testing.T, w *world) {
					v := w.visitor("ada")
					v.login()
					time.Sleep(6 * time.Minute)
					a := v.get(v.get("/private?page=7").location())
					if query(a.location()).Get("prompt") != "none" {
						t.Fatalf("%v", a)
					}
					callback := v.authorize(a.location())
					time.Sleep(time.Second)
					var reason reason.Reason
					if when == "before the callback" {
						reason = end(w, v)
						a = v.get(callback)
					} else {
						gate := make(chan struct{})
						exchange := w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointCode, GateAfter: gate})
						answer := make(chan *reply)
						go func() { a, _ := v.try("GET", callback, nil, navigating); answer <- a }()
						<-exchange.Arrived()
						reason = end(w, v)
						close(gate)
						a = <-answer
					}
					if a.status != http.StatusSeeOther || a.location() != "/private?page=7" {
						t.Errorf("the callback: %v", a)
					}
					v.expect("ended", reason)
					if len(w.logins) != 1 {
						t.Errorf("%d log-ins", len(w.logins))
					}
					w.expectEnds(reason)
				})
			})
		}
	}
}

// C6: a refusal that comes late says nothing about a session for which the IdP has
// vouched meanwhile.
func TestLateRefusalOfASilentCheck(t *testing.T) {
	inBubble(t, setup{kind: rp.NoToken, config: silent}, func(t *testing.T, w *world) {
		w.idp.FaultDelivery(idpmock.DeliveryFault{Times: idpmock.Always, Lose: true})
		v := w.visitor("ada")
		v.login()
		time.Sleep(6 * time.Minute)
		w.idp.EndUser("ada")
		a := v.get(v.get("/private").location())
		refused := v.authorize(a.location()) // which asks with prompt=none
		time.Sleep(time.Second)
		v.login() // in another tab
		if a := v.get(refused); a.status != http.StatusSeeOther {
			t.Errorf("the callback: %v", a)
		}
		v.expect("live", "")
		v.welcome()
		w.expectEnds(reason.Replaced)
	})
}

// The same where the clock of the instance that has begun the check is ahead of the one
// that hears of the log-in: a check is about one session, and no other ends by it.
func TestLateRefusalByAnotherClock(t *testing.T) {
	s := setup{kind: rp.NoToken, instances: 2, config: clocks(silent, -20*time.Second, 20*time.Second)}
	inBubble(t, s, func(t *testing.T, w *world) {
		w.idp.FaultDelivery(idpmock.DeliveryFault{Times: idpmock.Always, Lose: true})
		v := w.visitor("ada")
		v.login()
		time.Sleep(6 * time.Minute)
		w.idp.EndUser("ada")
		v.instance = "1"
		refused := v.authorize(v.get(v.get("/private").location()).location())
		v.instance = "0"
		time.Sleep(time.Second)
		v.login() // in another tab
		if a := v.get(refused); a.status != http.StatusSeeOther {
			t.Errorf("the callback: %v", a)
		}
		v.expect("live", "")
		w.expectEnds(reason.Replaced)
	})
}

// clocks gives each instance that is made a clock of its own, in turn.
func clocks(config func(*rp.Config), ahead ...time.Duration) func(*rp.Config) {
	n := 0
	return func(c *rp.Config) {
		if config != nil {
			config(c)
		}
		d := ahead[n%len(ahead)]
		n++
		c.Now = func() time.Time { return time.Now().Add(d) }
	}
}

// Events.Signal hears of silent checks, as its documentation says.
func TestSilentCheckIsASignal(t *testing.T) {
	inBubble(t, setup{kind: rp.NoToken, config: silent}, func(t *testing.T, w *world) {
		w.idp.FaultDelivery(idpmock.DeliveryFault{Times: idpmock.Always, Lose: true})
		v := w.visitor("ada")
		v.login()
		name := w.logins[0].Session
		time.Sleep(6 * time.Minute)
		v.follow("/private")
		if err := w.idp.EndSession(v.session().SID); err != nil {
			t.Fatal(err)
		}
		time.Sleep(6 * time.Minute)
		v.get(v.authorize(v.get(v.get("/private").location()).location()))
		want := []string{"ok", "ended"}
		if len(w.signals) != len(want) {
			t.Fatalf("%+v", w.signals)
		}
		for i, e := range w.signals {
			if e.How != "prompt=none" || e.Verdict != want[i] || e.Session != name || (e.Err == nil) != (i == 0) {
				t.Errorf("%+v", e)
			}
		}
	})
}

// C6: while trust lasts nobody is sent to an IdP of which only the load balancer answers.
func TestNoSilentCheckAtABrokenIdP(t *testing.T) {
	for _, status := range []int{http.StatusBadGateway, http.StatusServiceUnavailable} {
		s := setup{kind: rp.NoToken, idp: patient, config: func(c *rp.Config) {
			c.SilentCheck, c.TrustFor, c.SignalEvery = true, 10*time.Minute, 2*time.Minute
		}}
		inBubble(t, s, func(t *testing.T, w *world) {
			v := w.visitor("ada")
			v.login()
			f := w.idp.Fault(idpmock.Fault{Times: idpmock.Always, Status: status})
			time.Sleep(3 * time.Minute)
			v.welcome()
			f.Remove()
			time.Sleep(time.Minute)
			if a := v.get("/private"); a.status != http.StatusFound {
				t.Errorf("%d: the IdP is back, and is not asked: %v", status, a)
			}
		})
	}
}

// An IdP of which a load balancer answers 502 is not said to be silent: to who is to be sent
// there after trust is over, and to who logs in at an instance that has not met it yet.
func TestErrorsAreNoSilence(t *testing.T) {
	const fails, silent = "The log-in service has a problem", "The log-in service does not answer"
	s := setup{kind: rp.NoToken, idp: patient, config: func(c *rp.Config) {
		c.SilentCheck, c.TrustFor, c.SignalEvery = true, 10*time.Minute, 2*time.Minute
	}}
	inBubble(t, s, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		synctest.Wait() // what is known of the IdP is stored by now
		read := func(v *visitor, path, want string) {
			t.Helper()
			if a := v.get(path); a.status != http.StatusServiceUnavailable || !strings.Contains(a.body, want) {
				t.Errorf("%s: it does not say %q: %v", path, want, a)
			}
		}
		f := w.idp.Fault(idpmock.Fault{Times: idpmock.Always, Status: http.StatusBadGateway})
		time.Sleep(11 * time.Minute)
		read(v, "/private", fails)
		w.restart(s, w.keys...)
		other := w.visitor("bob")
		read(other, "/auth/login", fails)
		f.Remove()
		defer w.down()()
		time.Sleep(time.Minute)
		read(other, "/auth/login", silent)
	})
}
