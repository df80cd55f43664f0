package rp_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
)

// A body that cannot be sent twice: the API's demand for a nonce is the caller's to see, and
// the next call has it. No token is fetched for that.
func TestDPoPNonceOfAStream(t *testing.T) {
	api := newBoundAPI()
	api.nonce = "n-1"
	inBubble(t, bound(setup{api: api}), func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		stream := func(_ context.Context, s *rp.Session) (*http.Response, error) {
			return s.Client().Post("https://api.example/notes", "text/plain", io.MultiReader(strings.NewReader("once")))
		}
		if status, _, err := w.calls(v, "/run", stream); status != 401 || err != nil {
			t.Errorf("%d %v", status, err)
		}
		if status, _, err := w.calls(v, "/run", stream); status != 200 || err != nil || api.bodies[0] != "once" {
			t.Errorf("%d %v", status, err)
		}
		w.idp.Expect(idpmock.EndpointRefresh, "notes", 0)
	})
}

// DPOP-02: who asks for a nonce for ever gets two requests, and no session ends for it.
func TestDPoPNonceForEver(t *testing.T) {
	n := 0
	moody := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n++
		w.Header().Set("DPoP-Nonce", fmt.Sprint("n-", n))
		w.Header().Set("WWW-Authenticate", `DPoP error="use_dpop_nonce"`)
		w.WriteHeader(http.StatusUnauthorized)
	})
	inBubble(t, bound(setup{api: moody}), func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		if status, _, err := w.calls(v, "/run", whoami); status != 401 || err != nil || n != 2 {
			t.Errorf("%d %v after %d requests", status, err, n)
		}
		w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointToken, Times: idpmock.Always, Status: 400,
			Body:   `{"error":"use_dpop_nonce"}`,
			Header: map[string]string{"DPoP-Nonce": "another"}})
		time.Sleep(7 * time.Minute)
		before := w.idp.Count(idpmock.EndpointToken, "notes")
		if a := v.get("/private"); a.status != http.StatusServiceUnavailable {
			t.Errorf("%v", a)
		}
		if asked := w.idp.Count(idpmock.EndpointToken, "notes") - before; asked > 2 {
			t.Errorf("%d token requests", asked)
		}
		w.idp.ClearFaults()
		time.Sleep(2 * time.Minute)
		v.welcome()
		w.expectEnds()
	})
}

// The endpoints of one origin may have nonces of their own: the second try has that of its own
// refusal, whatever other calls hear meanwhile.
func TestDPoPNonceOfItsOwnAnswer(t *testing.T) {
	var once sync.Once
	var first chan struct{} // of the bubble
	moody := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		jws, err := jose.ParseSignedCompact(r.Header.Get("DPoP"), []jose.SignatureAlgorithm{jose.ES256})
		if err != nil {
			t.Error(err)
			return
		}
		var claims struct{ Nonce string }
		_ = json.Unmarshal(jws.UnsafePayloadWithoutVerification(), &claims)
		good, slow := claims.Nonce == "n-"+r.URL.Path, false
		if !good {
			once.Do(func() { slow = true })
			w.Header().Set("DPoP-Nonce", "n-"+r.URL.Path)
		}
		if good {
			return
		}
		// RFC 9449 §7.2: both kinds of token are taken, and this is what each of them hears.
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token", DPoP error="use_dpop_nonce"`)
		w.WriteHeader(http.StatusUnauthorized)
		if slow { // its body comes only when the other call has been answered
			w.(http.Flusher).Flush()
			<-first
		}
	})
	inBubble(t, bound(setup{api: moody}), func(t *testing.T, w *world) {
		first = make(chan struct{})
		v := w.visitor("ada")
		v.login()
		status, _, err := w.calls(v, "/run", func(ctx context.Context, s *rp.Session) (*http.Response, error) {
			go func() {
				time.Sleep(time.Second)
				resp, err := s.Client().Get("https://api.example/other")
				if err != nil || resp.StatusCode != 200 {
					t.Errorf("the other call: %v %v", resp, err)
				}
				close(first)
			}()
			return whoami(ctx, s)
		})
		if status != 200 || err != nil {
			t.Errorf("%d %v", status, err)
		}
		w.idp.Expect(idpmock.EndpointRefresh, "notes", 0)
		w.expectEnds()
	})
}

// A clock that is wrong by more than a proof's life is a finding: proofs are signed by the
// IdP's clock, as its answers tell it, and nobody is sent to the log-in.
func TestDPoPByAWrongClock(t *testing.T) {
	for _, ahead := range []time.Duration{4 * time.Minute, -4 * time.Minute} {
		t.Run(ahead.String(), func(t *testing.T) {
			clock := &wrongClock{}
			api := newBoundAPI()
			inBubble(t, bound(setup{api: api, idp: patient, config: func(c *rp.Config) {
				c.Now = clock.now
			}}), func(t *testing.T, w *world) {
				v := w.visitor("ada")
				v.login()
				clock.goes(ahead)
				time.Sleep(11 * time.Minute)
				v.welcome()
				if status, _, err := w.calls(v, "/run", whoami); status != 200 || err != nil || len(api.faults) > 0 {
					t.Errorf("%d %v %q", status, err, api.faults)
				}
				if n := w.idp.Count(idpmock.EndpointRefresh, "notes"); n == 0 {
					t.Error("no refresh")
				}
				w.expectEnds()
			})
		})
	}
}
