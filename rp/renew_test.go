package rp_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/reason"
)

// quiet is an IdP of Keycloak's kind: it announces the end of a refresh token, which
// comes W after this client's last refresh, whatever the person does elsewhere.
func quietIdP(c *idpmock.Config) { c.RefreshExpiresIn, c.IdleWindow = true, 15*time.Minute }

// rests lets notes rest for W while the person is active in another app, and then its
// refresh token is refused.
func (w *world) rests(v *visitor) {
	w.Helper()
	for range 10 {
		time.Sleep(2 * time.Minute)
		if _, err := v.idp.Authorize(w.Context(), w.photosURL()); err != nil {
			w.Fatal(err)
		}
	}
	w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointRefresh, Client: "notes", Error: "invalid_grant",
		Times: idpmock.Always})
}

func (w *world) photosURL() string {
	return w.idp.URL + "/authorize?response_type=code&client_id=photos&scope=openid" +
		"&state=0123456789abcdef0123456789abcdef&redirect_uri=https%3A%2F%2Fphotos.example%2Fcb" +
		"&code_challenge_method=S256&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
}

// C3, RT-17: a refresh token that ran out proves nothing. A script waits, a navigation
// asks, and only login_required ends.
func TestRefreshTokenThatRanOut(t *testing.T) {
	inBubble(t, setup{idp: quietIdP}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		id := v.id()
		w.rests(v)
		w.idp.ResetRequests()
		if a := v.fetch("/private"); a.status != 401 || !strings.Contains(a.body, "session_unconfirmed") {
			t.Errorf("a script: %v", a)
		}
		w.idp.Expect(idpmock.EndpointRefresh, "notes", 0)
		a := v.get("/private")
		if a.status != 302 || !strings.Contains(a.location(), "silent=1") {
			t.Fatalf("a navigation: %v", a)
		}
		to := v.get(a.location()).location()
		if q := query(to); q.Get("prompt") != "none" || q.Get("scope") != "openid" {
			t.Errorf("it asks for %v", q)
		}
		v.get(v.authorize(to))
		v.welcome()
		if v.id() != id {
			t.Error("the session was replaced")
		}
		w.expectEnds()
		if n := w.idp.Count(idpmock.EndpointRefresh, "notes"); n > 0 {
			t.Errorf("a dead token was shown %d times", n)
		}
	})
	t.Run("and the IdP session is over", func(t *testing.T) {
		inBubble(t, setup{idp: quietIdP}, func(t *testing.T, w *world) {
			w.idp.FaultDelivery(idpmock.DeliveryFault{Times: idpmock.Always, Lose: true})
			v := w.visitor("ada")
			v.login()
			w.rests(v)
			if err := w.idp.EndSession(v.session().SID); err != nil {
				t.Fatal(err)
			}
			v.get(v.authorize(v.get(v.get("/private").location()).location()))
			v.expect("ended", reason.Unconfirmed)
			w.expectEnds(reason.Unconfirmed)
		})
	})
}

// A renewal is tried once within δ, whatever comes back: after that the person is asked
// to log in, and nothing loops.
func TestNoLoopOfSilentLogins(t *testing.T) {
	for _, code := range []string{"interaction_required", "account_selection_required", "consent_required",
		"server_error"} {
		inBubble(t, setup{idp: quietIdP}, func(t *testing.T, w *world) {
			v := w.visitor("ada")
			v.login()
			w.rests(v)
			to := v.get(v.get("/private").location()).location()
			v.get(edit(v.authorize(to), set("error", code)))
			v.expect("live", "")
			a := v.get("/private")
			if a.status != 302 || !strings.Contains(a.location(), "anew=1") {
				t.Errorf("%s: %v", code, a)
			}
			if a, silently := v.follow(a.location()); a.status != 200 || silently {
				t.Errorf("%s: the log-in: %v", code, a)
			}
			w.expectEnds(reason.Replaced)
		})
	}
}

// C1: the access token of a client without refresh token runs out while the person is
// active: a navigation fetches another one, a script waits, and nobody is logged out.
func TestReferenceTokenThatRunsOut(t *testing.T) {
	a := &api{}
	life := func(c *idpmock.Client) { c.AccessTokenLifetime = 8 * time.Minute }
	s := setup{kind: rp.ReferenceToken, api: a, client: life, idp: patient}
	inBubble(t, s, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		for range 60 {
			time.Sleep(time.Minute)
			if a, _ := v.follow("/private"); a.status != 200 {
				t.Fatalf("after %v: %v", w.age(), a)
			}
			if status, _, err := w.calls(v, "/run", whoami); status != 200 {
				t.Fatalf("after %v: %d, %v", w.age(), status, err)
			}
		}
		w.expectEnds()
		time.Sleep(9 * time.Minute)
		if a := v.fetch("/private"); a.status != 200 && !strings.Contains(a.body, "session_unconfirmed") {
			t.Errorf("a script: %v", a)
		}
		w.expectEnds()
	})
}

// C1: the clock of the instance that has fetched the token is ahead of the other's, to
// which it seems good after its end: that it is refused then is no word about the session.
func TestReferenceTokenThatRunsOutByAnotherClock(t *testing.T) {
	a := &api{}
	every := func(c *rp.Config) { c.SignalEvery = 20 * time.Second }
	life := func(c *idpmock.Client) { c.AccessTokenLifetime = 8 * time.Minute }
	s := setup{kind: rp.ReferenceToken, api: a, client: life, idp: patient, instances: 2,
		config: clocks(every, 29*time.Second, -29*time.Second)}
	inBubble(t, s, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		v.instance = "1"
		for range 20 {
			for range 6 {
				time.Sleep(10 * time.Second)
				v.fetch("/private")
			}
			if a, _ := v.follow("/private"); a.status != 200 {
				t.Fatalf("after %v: %v", w.age(), a)
			}
		}
		w.expectEnds()
		if n := len(w.logins); n != 1 {
			t.Errorf("%d log-ins", n)
		}
	})
}

// C1: a silent check is made when it is due, not first when trust is over: W may be
// shorter than TrustFor.
func TestSilentCheckWhereTheWindowIsShort(t *testing.T) {
	const w4 = 4 * time.Minute
	s := setup{
		kind: rp.NoToken, idp: func(c *idpmock.Config) { c.IdleWindow, c.AbsoluteLifetime = w4, 24*time.Hour },
		config: func(c *rp.Config) { c.SilentCheck, c.IdPWindow = true, w4 },
	}
	inBubble(t, s, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		for range 60 {
			time.Sleep(time.Minute)
			if a, _ := v.follow("/private"); a.status != 200 {
				t.Fatalf("after %v: %v", w.age(), a)
			}
		}
		w.expectEnds()
		if n := len(w.logins); n != 1 {
			t.Errorf("%d log-ins", n)
		}
	})
}

// C6: while trust lasts nobody is sent to an IdP that does not answer.
func TestNobodyIsSentToADeadIdP(t *testing.T) {
	s := setup{kind: rp.NoToken, idp: patient, config: func(c *rp.Config) {
		c.SilentCheck, c.SignalEvery = true, time.Minute
	}}
	inBubble(t, s, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		down := w.idp.Fault(idpmock.Fault{Times: idpmock.Always, DropBefore: true})
		time.Sleep(2 * time.Minute)
		began := time.Now()
		if a := v.get("/private"); a.status != 200 {
			t.Errorf("%v", a)
		}
		if d := time.Since(began); d > 2*time.Second {
			t.Errorf("the person waited %v", d)
		}
		time.Sleep(5 * time.Minute) // trust is over
		if a := v.get("/private"); a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" {
			t.Errorf("%v", a)
		}
		down.Remove()
		if a, silently := v.follow("/private"); a.status != 200 || !silently {
			t.Errorf("%v", a)
		}
		w.expectEnds()
	})
}

// RT-08, RT-09: an invalid_grant after a lost or unusable answer is a doubt, on every
// instance, and no end: the person logs in, with the app's values kept.
func TestInvalidGrantAfterALostAnswer(t *testing.T) {
	for name, lost := range map[string]idpmock.Fault{
		"cut off after the rotation": {DropAfterCommit: true, Times: 2},
		"a page instead of tokens":   {Response: idpmock.ResponseNotJSON},
		"a gateway's time-out":       {Status: 504},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, setup{instances: 2, client: longToken, idp: patient}, func(t *testing.T, w *world) {
				v := w.visitor("ada")
				v.login()
				time.Sleep(6 * time.Minute)
				lost.Endpoint = idpmock.EndpointRefresh
				w.idp.Fault(lost)
				v.get("/private")
				refused := w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointRefresh, Error: "invalid_grant",
					Times: idpmock.Always})
				time.Sleep(time.Minute)
				v.instance = "1"
				a := v.get("/private")
				if a.status != 302 || !strings.Contains(a.location(), "anew=1") {
					t.Errorf("%v", a)
				}
				v.expect("live", "")
				w.expectEnds()
				refused.Remove()
				if a, _ := v.follow(a.location()); a.status != 200 {
					t.Errorf("%v", a)
				}
				w.expectEnds(reason.Replaced)
			})
		})
	}
}

// A good answer ends the doubt: the next invalid_grant is believed.
func TestDoubtEndsWithAGoodAnswer(t *testing.T) {
	inBubble(t, setup{client: longToken, idp: graceful}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		time.Sleep(6 * time.Minute)
		w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointRefresh, Response: idpmock.ResponseNotJSON})
		v.get("/private")
		time.Sleep(10 * time.Second)
		v.welcome()
		time.Sleep(6 * time.Minute)
		w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointRefresh, Error: "invalid_grant"})
		v.get("/private")
		w.expectEnds(reason.RefreshRejected)
	})
}

// API-01: an API that refuses a token which the IdP has just renewed is to blame, and
// that is remembered: 20 calls of it do not cost 20 refreshes.
func TestBrokenAPICostsOneRefresh(t *testing.T) {
	a := &api{answer: refuses(func(int, string) bool { return false })}
	inBubble(t, setup{api: a, idp: patient}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		// Userinfo refuses the token, too: it is bound to the API (Entra ID, AD FS).
		w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointUserinfo, Status: 401, Times: idpmock.Always})
		for range 20 {
			time.Sleep(time.Second)
			w.calls(v, "/run", whoami)
		}
		if n := w.idp.Count(idpmock.EndpointRefresh, "notes"); n != 1 {
			t.Errorf("%d refreshes", n)
		}
		v.welcome()
		w.expectEnds()
	})
}

// UI-01: at an IdP whose userinfo does not take this client's tokens its refusal is no
// word about the session: a client of reference tokens stays.
func TestUserinfoThatDoesNotFit(t *testing.T) {
	a := &api{}
	inBubble(t, setup{kind: rp.ReferenceToken, api: a, idp: patient}, func(t *testing.T, w *world) {
		w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointUserinfo, Status: 401, Times: idpmock.Always})
		v := w.visitor("ada")
		v.login()
		for range 30 {
			time.Sleep(time.Minute)
			if a, _ := v.follow("/private"); a.status != 200 {
				t.Fatalf("after %v: %v", w.age(), a)
			}
		}
		v.expect("live", "")
		for _, e := range w.ends {
			if e.Reason != reason.Replaced {
				t.Errorf("ended for %s", e.Reason)
			}
		}
	})
}

// RT-11, C1: an IdP that gives out no new refresh token says for how long the old one goes
// on. A person who works by scripts alone stays.
func TestRefreshTokenThatGoesOn(t *testing.T) {
	inBubble(t, setup{idp: quietIdP}, func(t *testing.T, w *world) {
		w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointRefresh, Response: idpmock.ResponseNoRefreshToken,
			Times: idpmock.Always})
		v := w.visitor("ada")
		v.login()
		for range 20 {
			time.Sleep(7 * time.Minute)
			if a := v.fetch("/private"); a.status != http.StatusOK {
				t.Fatalf("after %v: %v", w.age(), a)
			}
		}
	})
}
