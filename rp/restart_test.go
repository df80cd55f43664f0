package rp_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/reason"
)

// down takes the IdP away: open connections go with it, as they do when a host dies.
func (w *world) down() (repair func()) {
	f := w.idp.Fault(idpmock.Fault{Times: idpmock.Always, DropBefore: true})
	w.idp.Net.Fail("idp.example", errors.New("no route to host"))
	return func() { f.Remove(); w.idp.Net.Fail("idp.example", nil) }
}

// C6 over a restart, as a rolling update makes it: an instance that starts while the IdP
// is down serves who is logged in, within trust, and verifies with the kept keys.
func TestRestartInAnOutage(t *testing.T) {
	s := setup{idp: patient, config: func(c *rp.Config) { c.TrustFor = time.Hour }}
	inBubble(t, s, func(t *testing.T, w *world) {
		v, other := w.visitor("ada"), w.visitor("bob")
		v.login()
		other.login()
		time.Sleep(2 * time.Minute)
		_ = v.get("/private") // trust begins anew
		synctest.Wait()
		token := w.logoutToken(other.session())
		repair := w.down()
		w.restart(s, w.keys...)
		v.welcome()
		a := w.visitor("eve").get("/auth/login")
		if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") != "5" || a.location() != "" {
			t.Errorf("a log-in at an IdP that is down: %v", a)
		}
		w.judged(w.deliver(token), true)
		other.expect("ended", reason.BackchannelLogout)
		if !w.log.has("the IdP does not answer: this instance serves sessions with the metadata") {
			t.Errorf("the log does not say it:\n%s", w.log)
		}
		repair()
		time.Sleep(time.Minute + time.Second) // the longest pause between two looks
		w.visitor("eve").login()
		v.welcome()
		if !w.log.has("the IdP answers; people can log in again") {
			t.Errorf("the log does not say it:\n%s", w.log)
		}
	})
}

// While nobody hears of the IdP, somebody who wants to log in is a reason to look.
func TestALoginAsksForTheIdP(t *testing.T) {
	inBubble(t, setup{}, func(t *testing.T, w *world) {
		synctest.Wait() // what is known of the IdP is stored by now
		repair := w.down()
		w.restart(setup{}, w.keys...)
		time.Sleep(10 * time.Minute) // the pauses between looks are long now
		repair()
		v := w.visitor("ada")
		if a := v.get("/auth/login"); a.status != http.StatusServiceUnavailable {
			t.Errorf("the instance has not heard of the IdP: %v", a)
		}
		time.Sleep(5 * time.Second) // Retry-After
		v.login()
	})
}

// An IdP that answers an instance for the first time after the start is judged as at a start.
func TestIdPIsJudgedWhenItAnswers(t *testing.T) {
	inBubble(t, setup{}, func(t *testing.T, w *world) {
		synctest.Wait() // what is known of the IdP is stored by now
		doc := strings.Replace(discoveryDocument(t, w.idp), "revocation_endpoint", "former_endpoint", 1)
		repair := w.down()
		w.restart(setup{}, w.keys...)
		w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointDiscovery, Times: idpmock.Always, Body: doc})
		repair()
		if w.hasFinding("no_revocation") {
			t.Fatal("the test shows nothing")
		}
		time.Sleep(time.Minute + time.Second) // the longest pause between two looks
		w.found("no_revocation")
	})
}

// What is kept is an age of 24 h good. It belongs to one client of one IdP, and cures no
// mistake in the configuration.
func TestWhatIsKeptOfTheIdP(t *testing.T) {
	fails := func(w *world, s setup, keys rp.Keys) error {
		w.Helper()
		c := w.config(s)
		c.Keys = keys
		a, err := rp.New(w.Context(), c)
		if err == nil {
			a.Close()
			w.Error("New succeeded")
		}
		return err
	}
	inBubble(t, setup{}, func(t *testing.T, w *world) {
		time.Sleep(30 * time.Hour) // each hour it is read again
		repair := w.down()
		_ = fails(w, setup{config: func(c *rp.Config) { c.ClientID = "photos" }}, w.keys)
		_ = fails(w, setup{}, rp.Keys{rp.NewKey()})
		if err := fails(w, setup{config: func(c *rp.Config) {
			c.IDTokenAlg = "RS256"
		}}, w.keys); strings.Join(faults(err), "") != "IDTokenAlg" {
			t.Errorf("a mistake in the configuration: %v", err)
		}
		time.Sleep(22 * time.Hour)
		w.restart(setup{}, w.keys...)
		w.auth[0].Close()
		time.Sleep(2 * time.Hour)
		if err := fails(w, setup{}, w.keys); len(faults(err)) > 0 {
			t.Errorf("an IdP that is down is no mistake in the configuration: %v", err)
		}
		repair()
		w.auth[0] = w.relyingParty(setup{})
		f := w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointDiscovery, Times: idpmock.Always,
			Body: strings.Replace(discoveryDocument(t, w.idp), `"issuer":"https://idp.example"`,
				`"issuer":"https://else.example"`, 1)})
		defer f.Remove()
		if err := fails(w, setup{}, w.keys); strings.Join(faults(err), "") != "Issuer" {
			t.Errorf("another issuer is a mistake in the configuration, whatever is kept: %v", err)
		}
	})
}

// An IdP that moves an endpoint is followed: at once where the old one is missing.
func TestTheIdPMovesAnEndpoint(t *testing.T) {
	inBubble(t, setup{idp: patient}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		doc := discoveryDocument(t, w.idp)
		moved := w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointDiscovery, Times: idpmock.Always,
			Body: strings.Replace(doc, "https://idp.example/token", "https://idp.example/token?v=2", 1)})
		gone := w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointToken, Times: 1, Status: http.StatusNotFound})
		defer gone.Remove()
		time.Sleep(3 * time.Minute) // a signal is due
		v.welcome()
		synctest.Wait()
		w.found("idp_changed", "token_endpoint (https://idp.example/token?v=2)")
		time.Sleep(3 * time.Minute)
		w.idp.ResetRequests()
		v.welcome()
		synctest.Wait()
		w.idp.Expect(idpmock.EndpointToken, "notes", 1)
		w.expectEnds()
		moved.Remove()

		demanding := w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointDiscovery, Times: idpmock.Always,
			Body: strings.Replace(doc, `"response_types_supported":["code"]`,
				`"response_types_supported":["code id_token"]`, 1)})
		defer demanding.Remove()
		time.Sleep(62 * time.Minute)
		v.welcome()
		w.found("idp_unfit", "response_types_supported")
		w.serious("idp_unfit", true)
		w.serious("idp_changed", false)
		w.found("idp_changed", "token_endpoint (https://idp.example/token)") // back again
	})
}

// An IdP that begins to demand signed requests refuses those of a client without a key. The app
// says so, and goes on.
func TestIdPThatBeginsToDemandSignatures(t *testing.T) {
	inBubble(t, setup{}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		demands := w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointDiscovery, Times: idpmock.Always,
			Body: strings.TrimSuffix(discoveryDocument(t, w.idp), "}") + `,"require_signed_request_object":true}`})
		defer demands.Remove()
		time.Sleep(25 * time.Hour)
		w.found("idp_changed", "require_signed_request_object")
		w.found("idp_unfit", "ClientKeys")
		if to := query(w.visitor("bob").get("/auth/login").location()); to.Get("state") == "" || to.Has("request") {
			t.Errorf("a log-in: %v", to)
		}
	})
}
