package rp_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
)

// pushed asserts that an authorization request shows its name and nothing else (PAR-01).
func pushed(t *testing.T, to string) {
	t.Helper()
	q := query(to)
	if len(q) != 2 || q.Get("client_id") != "notes" || !strings.HasPrefix(q.Get("request_uri"), "urn:") {
		t.Errorf("the address of the log-in: %s", to)
	}
}

// PAR-01: where the IdP demands it, and where the app wants it, the authorization request
// is pushed, at each kind of log-in.
func TestPAR(t *testing.T) {
	for name, s := range map[string]setup{
		"the IdP demands it": {idp: func(c *idpmock.Config) { c.RequirePAR = true }},
		"the client is bound to": {client: func(c *idpmock.Client) {
			c.RequirePAR = true
		}, config: func(c *rp.Config) { c.PAR = true }},
		"the app wants it": {config: func(c *rp.Config) { c.PAR = true }},
	} {
		t.Run(name, func(t *testing.T) {
			s.kind = rp.NoToken
			config := s.config
			s.config = func(c *rp.Config) {
				c.SilentCheck, c.TrustFor = true, time.Minute
				c.LoginParams = map[string]string{"ui_locales": "de"}
				if config != nil {
					config(c)
				}
			}
			var pushes []url.Values
			s = watching(s, "/par", func(form url.Values) { pushes = append(pushes, form) })
			inBubble(t, s, func(t *testing.T, w *world) {
				v := w.visitor("ada")
				to := v.start("/auth/login?return_to=/private")
				pushed(t, to)
				if a := v.get(v.authorize(to)); a.status != http.StatusSeeOther || a.location() != "/private" {
					t.Fatalf("%v", a)
				}
				for _, want := range []string{"state", "nonce", "code_challenge", "redirect_uri", "scope", "ui_locales",
					"response_type"} {
					if pushes[0].Get(want) == "" {
						t.Errorf("%s was not pushed: %v", want, pushes[0])
					}
				}
				time.Sleep(2 * time.Minute)
				silent := v.get(v.get("/private").location()).location()
				pushed(t, silent)
				if a := v.get(v.authorize(silent)); a.status != http.StatusSeeOther {
					t.Errorf("%v", a)
				}
				if last := pushes[len(pushes)-1]; last.Get("prompt") != "none" || last.Get("id_token_hint") == "" {
					t.Errorf("the silent check: %v", last)
				}
				if a := v.get("/private"); a.status != http.StatusOK {
					t.Errorf("%v", a)
				}
				if n := w.idp.Count(idpmock.EndpointPAR, "notes"); n != 2 {
					t.Errorf("%d requests were pushed", n)
				}
			})
		})
	}
}

// Without demand and option nothing is pushed.
func TestNoPAR(t *testing.T) {
	inBubble(t, setup{}, func(t *testing.T, w *world) {
		w.visitor("ada").login()
		w.idp.Expect(idpmock.EndpointPAR, "notes", 0)
	})
}

// What goes wrong while a request is pushed is the log-in's error, in time, and nobody is
// sent on without it (PAR-01: no silent fallback).
func TestPARFails(t *testing.T) {
	for _, row := range []struct {
		name  string
		fault idpmock.Fault
		want  int
	}{
		{"down", idpmock.Fault{Status: 503, RetryAfter: "7"}, http.StatusServiceUnavailable},
		{"too many", idpmock.Fault{Status: 429}, http.StatusServiceUnavailable},
		{"no answer", idpmock.Fault{Gate: make(chan struct{})}, http.StatusServiceUnavailable},
		{"cut off", idpmock.Fault{DropBefore: true}, http.StatusServiceUnavailable},
		{"no JSON", idpmock.Fault{Status: 201, Body: "<html>"}, http.StatusServiceUnavailable},
		{"no request_uri", idpmock.Fault{Status: 201, Body: `{"expires_in":60}`}, http.StatusServiceUnavailable},
		{"an endless request_uri", idpmock.Fault{Status: 201, Body: `{"request_uri":"` + strings.Repeat("u", 2000) +
			`"}`}, http.StatusServiceUnavailable},
		{"refused", idpmock.Fault{Status: 400, Body: `{"error":"invalid_request","error_description":"no"}`},
			http.StatusBadGateway},
		{"not this client", idpmock.Fault{Status: 401, Body: `{"error":"invalid_client"}`}, http.StatusBadGateway},
	} {
		t.Run(row.name, func(t *testing.T) {
			inBubble(t, setup{config: func(c *rp.Config) { c.PAR = true }}, func(t *testing.T, w *world) {
				row.fault.Endpoint, row.fault.Times = idpmock.EndpointPAR, idpmock.Always
				gate := make(chan struct{}) // of this bubble
				if row.fault.Gate != nil {
					row.fault.Gate = gate
				}
				cancel := w.idp.Fault(row.fault)
				v, began := w.visitor("ada"), time.Now()
				a := v.get("/auth/login")
				if a.status != row.want || a.location() != "" || time.Since(began) > 16*time.Second {
					t.Errorf("after %v: %v", time.Since(began), a)
				}
				if slices.ContainsFunc(v.cookies(), func(c *http.Cookie) bool {
					return strings.Contains(c.Name, "login")
				}) {
					t.Error("a log-in that was never begun has a cookie")
				}
				cancel.Remove()
				close(gate)
				v.login()
			})
		})
	}
}

// watching tells of each form that is posted to a path of the IdP.
func watching(s setup, path string, tell func(url.Values)) setup {
	config := s.config
	s.config = func(c *rp.Config) {
		if config != nil {
			config(c)
		}
		next := c.HTTPClient.Transport
		c.HTTPClient = &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			if r.URL.Path == path && r.GetBody != nil {
				body, err := r.GetBody()
				if err != nil {
					return nil, err
				}
				copied := &http.Request{Method: "POST", Header: r.Header, Body: body}
				if err := copied.ParseForm(); err != nil {
					return nil, err
				}
				tell(copied.PostForm)
			}
			return next.RoundTrip(r)
		})}
	}
	return s
}

// C6: a silent check that cannot be pushed strands nobody. While trust lasts the page is
// served; then trouble is 503, and a refusal of the check, perhaps of its hint, leads to a
// log-in, as it does at the authorization endpoint.
func TestPARFailsAtASilentCheck(t *testing.T) {
	for _, row := range []struct {
		name  string
		fault idpmock.Fault
		later int
	}{
		{"down", idpmock.Fault{Status: 503}, http.StatusServiceUnavailable},
		{"not this client", idpmock.Fault{Status: 401, Body: `{"error":"invalid_client"}`},
			http.StatusServiceUnavailable},
		{"the hint", idpmock.Fault{Status: 400, Body: `{"error":"invalid_request"}`}, http.StatusSeeOther},
	} {
		t.Run(row.name, func(t *testing.T) {
			config := func(c *rp.Config) { silent(c); c.PAR = true }
			inBubble(t, setup{kind: rp.NoToken, config: config, idp: patient}, func(t *testing.T, w *world) {
				v := w.visitor("ada")
				v.login()
				row.fault.Endpoint, row.fault.Times = idpmock.EndpointPAR, idpmock.Always
				w.idp.Fault(row.fault)
				checked := false
				for range 4 { // a click each minute
					time.Sleep(time.Minute)
					a := v.get("/private")
					if a.status == http.StatusOK {
						continue
					}
					if a = v.get(a.location()); a.status != http.StatusSeeOther || a.location() != "/private" {
						t.Fatalf("while trusted: %v", a)
					}
					checked = true
					if a = v.get("/private"); a.status != http.StatusOK {
						t.Fatalf("round and round: %v", a)
					}
				}
				time.Sleep(30 * time.Minute) // trust is over
				a := v.get(v.get("/private").location())
				if !checked || a.status != row.later || row.later == http.StatusSeeOther &&
					!strings.Contains(a.location(), "anew=1") {
					t.Errorf("checked while trusted: %v; then %v", checked, a)
				}
				w.expectEnds()
			})
		})
	}
}
