package rp_test

import (
	"encoding/json"
	"maps"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
)

// The IdP is asked again and again while it does not answer, and the log says so once per outage.
func TestAnOutageOfTheMetadataIsToldOnce(t *testing.T) {
	inBubble(t, setup{idp: patient}, func(t *testing.T, w *world) {
		const line = "could not be read again"
		for n := 1; n <= 2; n++ {
			w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointDiscovery, Status: 503, Times: idpmock.Always})
			w.idp.ResetRequests()
			time.Sleep(3 * time.Hour)
			if got := w.lines(line); got != n {
				t.Errorf("outage %d: told %d times", n, got)
			}
			if asked := w.idp.Count(idpmock.EndpointDiscovery, ""); asked < 100 {
				t.Errorf("outage %d: asked %d times", n, asked)
			}
			w.idp.ClearFaults()
			time.Sleep(2 * time.Hour)
		}
	})
}

// Keys that cannot be read, and a store that does not say what it has, are told like metadata that
// cannot be read.
func TestWhatIsNotStoredIsTold(t *testing.T) {
	kept := &failingStore{}
	s := setup{idp: patient, config: func(c *rp.Config) { kept.Store = c.Store; c.Store = kept }}
	for name, breaks := range map[string]func(*world){
		"keys": func(w *world) {
			w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointJWKS, Status: 503, Times: idpmock.Always})
		},
		"store": func(*world) { load := "Load"; kept.fail.Store(&load) },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, s, func(t *testing.T, w *world) {
				synctest.Wait() // what is known of the IdP is stored by now
				breaks(w)
				time.Sleep(3 * time.Hour)
				if !w.log.has("could not be read again, or could not be stored") {
					t.Errorf("the log:\n%s", w.log)
				}
				kept.fail.Store(nil)
			})
		})
	}
}

// An IdP that does not answer is asked after 2 s, after 3 more, 5, and so on. People who want to log in
// are a reason to ask sooner, but never twice in a second.
func TestPaceOfLooksInAnOutage(t *testing.T) {
	inBubble(t, setup{}, func(t *testing.T, w *world) {
		synctest.Wait() // what is known of the IdP is stored by now
		w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointDiscovery, Status: 503, Times: idpmock.Always})
		w.restart(setup{}, w.keys...)
		w.idp.ResetRequests()
		time.Sleep(12 * time.Second)
		if n := w.idp.Count(idpmock.EndpointDiscovery, ""); n != 3 {
			t.Errorf("asked %d times in 12 s, want 3", n)
		}
		time.Sleep(10 * time.Minute)
		w.idp.ResetRequests()
		v := w.visitor("ada")
		for range 50 {
			v.get("/auth/login")
			time.Sleep(100 * time.Millisecond)
		}
		if n := w.idp.Count(idpmock.EndpointDiscovery, ""); n < 3 || n > 6 {
			t.Errorf("asked %d times in 5 s of people who want to log in", n)
		}
	})
}

// An endpoint that is missing makes the app read the metadata again, once a minute at most.
func TestPaceOfLooksWhileAnEndpointIsMissing(t *testing.T) {
	inBubble(t, setup{}, func(t *testing.T, w *world) {
		w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointCode, Status: 404, Times: idpmock.Always})
		w.idp.ResetRequests()
		for range 30 {
			v := w.visitor("ada")
			v.get(v.authorize(v.start("/auth/login")))
			time.Sleep(6 * time.Second)
		}
		if n := w.idp.Count(idpmock.EndpointDiscovery, ""); n < 2 || n > 4 {
			t.Errorf("asked %d times in 3 minutes", n)
		}
	})
}

// CORE-04: a discovery document that cannot be used any more changes nothing. The app says so and goes
// on with the former one.
func TestTheIdPsDocumentCannotBeUsedAnyMore(t *testing.T) {
	inBubble(t, setup{idp: patient}, func(t *testing.T, w *world) {
		doc := strings.Replace(discoveryDocument(t, w.idp), issuer+"/token", "https://else.example/token", 1)
		for _, row := range []struct{ from, to, says string }{
			{`"issuer":"` + issuer, `"issuer":"https://else.example`, "https://else.example"},
			{issuer + "/authorize", "http://idp.example/authorize", "authorization_endpoint"},
		} {
			changed := w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointDiscovery, Times: idpmock.Always,
				Body: strings.Replace(doc, row.from, row.to, 1)})
			w.idp.ResetRequests()
			time.Sleep(3 * time.Hour)
			w.found("idp_unusable", row.says)
			w.serious("idp_unusable", true)
			if asked := w.idp.Count(idpmock.EndpointDiscovery, ""); asked < 2 || asked > 4 {
				t.Errorf("asked %d times in three hours", asked)
			}
			w.visitor("ada").login()
			changed.Remove()
		}
		if w.hasFinding("idp_changed") {
			t.Error("something of the document is in use")
		}
	})
}

// Metadata and keys that are too large for the store are not stored, and used all the same. Only a
// start while the IdP is down needs what is stored.
func TestKeysTooLargeForTheStore(t *testing.T) {
	inBubble(t, setup{idp: patient}, func(t *testing.T, w *world) {
		resp, err := w.idp.Net.Client().Get(issuer + idpmock.PathJWKS)
		if err != nil {
			t.Fatal(err)
		}
		var set struct {
			Keys []map[string]any `json:"keys"`
		}
		if err := json.Unmarshal([]byte(readAll(t, resp)), &set); err != nil {
			t.Fatal(err)
		}
		for n := range 90 {
			more := maps.Clone(set.Keys[0])
			more["kid"] = strconv.Itoa(n) + strings.Repeat("k", 400)
			set.Keys = append(set.Keys, more)
		}
		body, err := json.Marshal(set)
		if err != nil {
			t.Fatal(err)
		}
		w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointJWKS, Times: idpmock.Always, Body: string(body)})
		time.Sleep(26 * time.Hour) // what was stored before is too old by now
		if !w.log.has("the IdP's metadata and keys are too large for the store") {
			t.Errorf("the log:\n%s", w.log)
		}
		w.visitor("ada").login()
		repair := w.down()
		if a, err := rp.New(t.Context(), w.config(setup{})); err == nil {
			a.Close()
			t.Error("an instance has started without the IdP")
		}
		repair()
		w.restart(setup{}, w.keys...)
		w.visitor("bob").login()
		if w.lines("could not be read again, or could not be stored") > 0 {
			t.Errorf("the log:\n%s", w.log)
		}
	})
}

// serious checks how serious a finding is.
func (w *world) serious(code string, want bool) {
	w.Helper()
	for _, f := range w.auth[0].Findings() {
		if f.Code == code && f.Serious != want {
			w.Errorf("finding %s: serious %v, want %v", code, f.Serious, want)
		}
	}
}
