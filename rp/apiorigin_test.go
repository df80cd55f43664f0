package rp_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
)

// Only allow-listed origins ever see a token (BFF-05): not another host, scheme or
// port, and not whoever a redirect leads to.
func TestTokensStayWithTheirAPIs(t *testing.T) {
	evil, second := &api{}, &api{}
	first := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, r.URL.Query().Get("to"), http.StatusTemporaryRedirect)
	})
	s := setup{api: first, config: func(c *rp.Config) {
		c.APIs = append(c.APIs, rp.API{Origin: "https://second.example:443"})
	}}
	inBubble(t, s, func(t *testing.T, w *world) {
		w.serve("evil.example", evil)
		w.serve("second.example", second)
		w.serve("api.example.evil.example", evil)
		// where IDNA sends ap\u0130.example, of which strings.ToLower makes api.example
		w.serve("xn--api-bec.example", evil)
		v := w.visitor("ada")
		v.login()
		for _, direct := range []string{
			"https://evil.example/", "http://api.example/", "https://api.example:8443/",
			"https://api.example.evil.example/", "https://api.example@evil.example/",
			"https://evil.example/?https://api.example", "https://notes.example/private", issuer + "/userinfo",
			"https://ap\u0130.example/",
			"https://ap%C4%B0.example/", "https://api.example./", "https://api.example:0443/", "https://[api.example]/",
		} {
			if _, err := http.NewRequest("GET", direct, nil); err != nil {
				continue // net/http refuses it by itself
			}
			if _, _, err := w.calls(v, "/run", get(direct)); err == nil ||
				!strings.Contains(err.Error(), "Config.APIs") {
				t.Errorf("%s: %v", direct, err)
			}
		}
		if evil.requests() > 0 {
			t.Fatalf("a stranger was called with %q", evil.tokens)
		}
		for _, to := range []string{"https://evil.example/", "https://api.example.evil.example/",
			"http://evil.example/", "https://ap\u0130.example/"} {
			if _, _, err := w.calls(v, "/run", get("https://api.example/?to="+to)); err != nil {
				t.Errorf("a redirect to %s: %v", to, err)
			}
		}
		if evil.requests() != 4 {
			t.Errorf("%d redirects were followed", evil.requests())
		}
		for _, token := range evil.tokens {
			if token != "" {
				t.Errorf("a redirect carried the token %q away", token)
			}
		}
		if _, _, err := w.calls(v, "/run", get("https://api.example/?to=https://second.example/")); err != nil ||
			second.requests() != 1 || second.tokens[0] == "" {
			t.Errorf("a redirect to another API of ours: %v, %d requests", err, second.requests())
		}
	})
}

// API-01: a body is sent a second time only if it can be made again; if not, the
// caller sees the 401, and the next call has the fresh token.
func TestReplay(t *testing.T) {
	for name, row := range map[string]struct {
		body   func() io.Reader
		status int
		bodies []string
	}{
		"bytes":    {func() io.Reader { return bytes.NewReader([]byte("note")) }, 200, []string{"note", "note"}},
		"text":     {func() io.Reader { return strings.NewReader("note") }, 200, []string{"note", "note"}},
		"no body":  {func() io.Reader { return nil }, 200, []string{"", ""}},
		"a stream": {func() io.Reader { return struct{ io.Reader }{strings.NewReader("note")} }, 401, []string{"note"}},
	} {
		t.Run(name, func(t *testing.T) {
			a := &api{answer: refuses(func(n int, _ string) bool { return n > 1 })}
			inBubble(t, setup{api: a, client: longToken}, func(t *testing.T, w *world) {
				v := w.visitor("ada")
				v.login()
				status, _, err := w.calls(v, "/run", func(ctx context.Context, s *rp.Session) (*http.Response, error) {
					req, err := http.NewRequestWithContext(ctx, "POST", "https://api.example/notes", row.body())
					if err != nil {
						return nil, err
					}
					return s.Client().Do(req)
				})
				if err != nil || status != row.status || fmt.Sprint(a.bodies) != fmt.Sprint(row.bodies) {
					t.Errorf("%d, %v, bodies %q", status, err, a.bodies)
				}
				w.idp.Expect(idpmock.EndpointRefresh, "notes", 1)
				if status, _, err := w.calls(v, "/run", whoami); status != 200 ||
					a.tokens[len(a.tokens)-1] == a.tokens[0] {
					t.Errorf("the next call: %d, %v", status, err)
				}
				w.expectEnds()
			})
		})
	}
}

// A token that has run out is renewed before the call, for those who may.
func TestTokenThatRanOut(t *testing.T) {
	short := func(c *idpmock.Client) { c.AccessTokenLifetime = time.Minute }
	a := &api{}
	long := func(c *rp.Config) { c.SignalEvery, c.TrustFor = 10*time.Minute, 20*time.Minute }
	inBubble(t, setup{api: a, client: short, idp: patient, config: long}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		time.Sleep(2 * time.Minute)
		_, _, err := w.calls(v, "/run-passive", whoami)
		if !errors.Is(err, rp.ErrNoAccessToken) || a.requests() != 0 {
			t.Errorf("passive: %v, %d requests", err, a.requests())
		}
		w.idp.Expect(idpmock.EndpointRefresh, "notes", 0) // C7
		if status, _, err := w.calls(v, "/run", whoami); status != 200 || a.requests() != 1 {
			t.Errorf("active: %d, %v", status, err)
		}
		w.idp.Expect(idpmock.EndpointRefresh, "notes", 1)
		if status, _, err := w.calls(v, "/run-passive", whoami); status != 200 {
			t.Errorf("passive with the fresh one: %d, %v", status, err)
		}
		// Refused, a passive request gets the API's own answer: asking would extend.
		a.answer = func(int, string) (int, string) { return 401, invalidToken }
		if status, _, err := w.calls(v, "/run-passive", whoami); status != 401 || err != nil {
			t.Errorf("passive and refused: %d, %v", status, err)
		}
		w.idp.Expect(idpmock.EndpointRefresh, "notes", 1)
		w.idp.Expect(idpmock.EndpointUserinfo, "notes", 0)
		v.expect("live", "")
		w.expectEnds()
	})
}

// A client without tokens has none to give.
func TestNoTokenToGive(t *testing.T) {
	a := &api{}
	inBubble(t, setup{api: a, kind: rp.NoToken}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		if _, _, err := w.calls(v, "/run", whoami); !errors.Is(err, rp.ErrNoAccessToken) || a.requests() > 0 {
			t.Errorf("%v, %d requests", err, a.requests())
		}
	})
}

// Where the API introspects, calling it is the signal: userinfo is asked only if
// the app was used without calling it.
func TestIntrospectingAPI(t *testing.T) {
	var w *world
	introspecting := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		req, _ := http.NewRequest("POST", issuer+"/introspect", strings.NewReader("token="+token))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.SetBasicAuth("api", "api")
		resp, err := w.idp.Net.Client().Do(req)
		if err != nil || !strings.Contains(readAll(w.T, resp), `"active":true`) {
			rw.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
			rw.WriteHeader(401)
		}
	})
	s := setup{api: introspecting, kind: rp.ReferenceToken, config: func(c *rp.Config) {
		c.APIIntrospects, c.IdPWindow = true, window
	}}
	inBubble(t, s, func(t *testing.T, world *world) {
		w = world
		v := w.visitor("ada")
		v.login()
		for range 30 { // two hours of work with the API
			time.Sleep(4 * time.Minute)
			if status, _, err := w.calls(v, "/run", whoami); status != 200 {
				t.Fatalf("after %v: %d, %v", w.age(), status, err)
			}
		}
		if n := w.idp.Count(idpmock.EndpointUserinfo, ""); n > 30 {
			t.Errorf("%d userinfo calls beside 30 API calls", n)
		}
		calls := w.idp.Count(idpmock.EndpointUserinfo, "")
		for range 30 { // and two without it
			time.Sleep(4 * time.Minute)
			v.welcome()
		}
		if n := w.idp.Count(idpmock.EndpointUserinfo, "") - calls; n < 15 {
			t.Errorf("%d userinfo calls in two hours without the API", n)
		}
		w.expectEnds()
	})
}

// An API that never answers holds a handler for Config.HTTPClient.Timeout only,
// though its author gave no context.
func TestHangingAPI(t *testing.T) {
	gate := make(chan struct{})
	hangs := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-gate })
	s := setup{api: hangs, config: func(c *rp.Config) { c.HTTPClient.Timeout = 10 * time.Second }}
	inBubble(t, s, func(t *testing.T, w *world) {
		gate = make(chan struct{}) // of this bubble
		defer close(gate)
		v := w.visitor("ada")
		v.login()
		began := time.Now()
		_, _, err := w.calls(v, "/run", func(_ context.Context, s *rp.Session) (*http.Response, error) {
			return s.Client().Get("https://api.example/notes")
		})
		if took := time.Since(began); err == nil || took > 11*time.Second {
			t.Errorf("%v after %v", err, took)
		}
		v.expect("live", "")
	})
}
