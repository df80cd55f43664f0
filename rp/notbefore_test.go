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

// BCL-18: the IdP sends a logout token and keeps its session, as Keycloak does when
// consent is revoked: who logs in again has the same sid, and is let in.
func TestLogoutThatKeepsTheIdPSession(t *testing.T) {
	for _, fault := range []idpmock.LogoutFault{"", idpmock.LogoutSidOnly, idpmock.LogoutSubOnly} {
		inBubble(t, setup{}, func(t *testing.T, w *world) {
			v := w.visitor("ada")
			v.login()
			sid := v.session().SID
			w.judged(w.deliver(w.logoutToken(v.session(), fault)), true)
			v.expect("ended", reason.BackchannelLogout)
			time.Sleep(time.Second)
			v.login()
			if v.session().SID != sid {
				t.Fatal("the IdP began another session: the test shows nothing")
			}
			v.expect("live", "")
			w.judged(w.deliver(w.logoutToken(v.session(), fault)), true) // the next one is about it
			v.expect("ended", reason.BackchannelLogout)
		})
	}
}

// Anybody who knows a sid can load the front-channel URI. That ends the session, but
// refuses no log-in that starts after it.
func TestFrontchannelLogoutRefusesNoLaterLogin(t *testing.T) {
	inBubble(t, setup{}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		for range 3 {
			v.login()
			w.visitor("").get("/auth/frontchannel-logout?sid=" + v.session().SID)
			v.expect("ended", reason.FrontchannelLogout)
			time.Sleep(time.Millisecond)
		}
		v.login()
		v.welcome()
	})
}

// Front-channel logout is served only where the IdP uses it or the app says so.
func TestFrontchannelLogoutIsOff(t *testing.T) {
	for on, want := range map[bool]int{false: http.StatusNotFound, true: http.StatusOK} {
		s := setup{config: func(c *rp.Config) { c.FrontchannelLogout = on }}
		inBubble(t, s, func(t *testing.T, w *world) {
			w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointDiscovery, Times: idpmock.Always,
				Body: strings.ReplaceAll(discoveryDocument(t, w.idp), `"frontchannel_logout_supported"`, `"x"`)})
			w.restart(s, w.keys...)
			v := w.visitor("ada")
			v.login()
			if a := w.visitor("").get("/auth/frontchannel-logout?sid=" + v.session().SID); a.status != want {
				t.Errorf("%v: %v", on, a)
			}
			if on {
				v.expect("ended", reason.FrontchannelLogout)
			} else {
				v.expect("live", "")
			}
		})
	}
}

// BCL-18: the clocks of IdP and app differ. A live session is compared by the IdP's
// clock alone, a log-in under way by its start, within Config.Skew.
func TestLogoutWhereClocksDiffer(t *testing.T) {
	for _, ahead := range []time.Duration{-50 * time.Second, 0, 50 * time.Second} {
		for _, fault := range []idpmock.LogoutFault{"", idpmock.LogoutSidOnly, idpmock.LogoutSubOnly} {
			s := setup{idp: func(c *idpmock.Config) { c.Now = func() time.Time { return time.Now().Add(ahead) } }}
			inBubble(t, s, func(t *testing.T, w *world) {
				w.idp.FaultDelivery(idpmock.DeliveryFault{Times: idpmock.Always, Lose: true})
				v, underWay := w.visitor("ada"), w.visitor("ada")
				v.login()
				callback := underWay.authorize(underWay.start("/auth/login"))
				time.Sleep(20 * time.Second)
				of := v
				if fault != idpmock.LogoutSubOnly {
					of = underWay
				}
				w.judged(w.deliver(w.logoutToken(of.session(), fault)), true)
				if a := underWay.get(callback); a.status != http.StatusBadRequest {
					t.Errorf("IdP ahead by %v, %q: a log-in under way: %v", ahead, fault, a)
				}
				w.judged(w.deliver(w.logoutToken(v.session(), fault)), true)
				v.expect("ended", reason.BackchannelLogout)
				time.Sleep(time.Second)
				v.login()
				v.expect("live", "")
			})
		}
	}
}

// A delayed, rightful logout is older than the ID token of a refresh since then, and
// ends the session all the same: what counts is the log-in's ID token. It spares the
// log-in that followed it.
func TestDelayedLogout(t *testing.T) {
	for _, fault := range []idpmock.LogoutFault{"", idpmock.LogoutSidOnly, idpmock.LogoutSubOnly} {
		inBubble(t, setup{idp: patient}, func(t *testing.T, w *world) {
			v, late := w.visitor("ada"), w.visitor("ada")
			v.login()
			time.Sleep(time.Minute)
			token := w.logoutToken(v.session(), fault)
			time.Sleep(time.Second)
			late.idp = v.idp // the same session at the IdP
			late.login()
			for range 3 {
				time.Sleep(30 * time.Second)
				v.welcome() // signals
			}
			w.judged(w.deliver(token), true)
			v.expect("ended", reason.BackchannelLogout)
			late.expect("live", "")
			late.welcome()
		})
	}
}

// A log-out in the very second of the log-in ends it: iat has whole seconds, and
// nobody can tell which came first.
func TestLogoutInTheSecondOfTheLogin(t *testing.T) {
	inBubble(t, setup{}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		w.judged(w.deliver(w.logoutToken(v.session(), idpmock.LogoutSubOnly)), true)
		v.expect("ended", reason.BackchannelLogout)
	})
}

// BCL-15: a logout token with sub and sid also ends the person's sessions that know
// no sid (ZITADEL behind a broker), and no session with another sid.
func TestLogoutOfSessionsWithoutSID(t *testing.T) {
	inBubble(t, setup{}, func(t *testing.T, w *world) {
		phone, desktop, bob := w.visitor("ada"), w.visitor("ada"), w.visitor("bob")
		desktop.login()
		for subject, v := range map[string]*visitor{"ada": phone, "bob": bob} {
			id, err := w.auth[0].Plant(t.Context(), subject, "")
			if err != nil {
				t.Fatal(err)
			}
			v.set(cookie, id)
		}
		w.judged(w.deliver(w.logoutToken(desktop.session())), true)
		desktop.expect("ended", reason.BackchannelLogout)
		phone.expect("ended", reason.BackchannelLogout)
		bob.expect("live", "")
		w.judged(w.deliver(w.logoutToken(desktop.session(), idpmock.LogoutUnknownSid)), true)
		bob.expect("live", "")
	})
}

// C5: the clocks of two instances differ, and a log-out reaches the one while the other,
// whose clock is ahead, waits for the log-in's tokens. By our clocks the log-in has not
// begun yet; by the IdP's its ID token is older than the log-out. A log-in that starts
// after the log-out is let in.
func TestLogoutOvertakesLoginWhereInstancesDiffer(t *testing.T) {
	for _, fault := range []idpmock.LogoutFault{"", idpmock.LogoutSidOnly, idpmock.LogoutSubOnly} {
		ahead := time.Duration(0)
		s := setup{instances: 2, config: func(c *rp.Config) {
			off := ahead
			c.Now = func() time.Time { return time.Now().Add(off) }
			ahead += 30 * time.Second // the next instance
		}}
		inBubble(t, s, func(t *testing.T, w *world) {
			w.idp.FaultDelivery(idpmock.DeliveryFault{Times: idpmock.Always, Lose: true})
			v := w.visitor("ada")
			v.instance = "1"
			callback := v.authorize(v.start("/auth/login"))
			gate := make(chan struct{})
			exchange := w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointCode, GateAfter: gate})
			answer := make(chan *reply)
			go func() {
				a, _ := v.try("GET", callback, nil, navigating)
				answer <- a
			}()
			<-exchange.Arrived()
			time.Sleep(time.Second)
			w.judged(w.deliver(w.logoutToken(v.session(), fault)), true) // to the first instance
			close(gate)
			if a := <-answer; a == nil || a.status != http.StatusBadRequest || !strings.Contains(a.body, "logged out") {
				t.Errorf("%q: %v", fault, a)
			}
			v.login() // within the same second
			v.expect("live", "")
			w.expectEnds()
		})
	}
}
