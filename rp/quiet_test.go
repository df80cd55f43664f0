package rp_test

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
)

// spy is a transport that notes every secret that passes between app and IdP.
type spy struct {
	next http.RoundTripper
	mu   sync.Mutex
	seen []string
}

func (s *spy) add(secrets ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, secrets...)
}

func (s *spy) all() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.seen)
}

func (s *spy) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := tee(r, s.next)
	if err != nil {
		return nil, err
	}
	s.add(resp.secrets...)
	return resp.Response, nil
}

// No token, code, secret or cookie is in any line of the log, at debug level, in
// a session's whole life: log-in, refreshes, failures, API calls, every end.
func TestNoSecretInTheLog(t *testing.T) {
	spy := &spy{}
	s := setup{config: func(c *rp.Config) {
		client := *c.HTTPClient
		spy.next = client.Transport
		client.Transport = spy
		c.HTTPClient = &client
	}, api: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { rw.WriteHeader(http.StatusUnauthorized) })}
	inBubble(t, s, func(t *testing.T, w *world) {
		v := w.visitor("bob")
		for _, c := range []struct {
			name string
			end  func()
		}{
			{"logout", func() { v.submit("/auth/logout") }},
			{"back-channel", func() {
				raw := w.logoutToken(v.session())
				spy.add(raw)
				w.judged(w.deliver(raw), true)
				w.idp.EndUser("bob") // whose session nobody joins any more
			}},
			{"rejected", func() { w.idp.EndUser("bob"); time.Sleep(6 * time.Minute); v.fetch("/private") }},
			{"a refusing API", func() { v.fetch("/call") }}, // which ends nothing
			{"absolute", func() { time.Sleep(9 * time.Hour) }},
		} {
			ends := len(w.reasons())
			callback := v.authorize(v.start("/auth/login"))
			v.get(callback)
			q := query(callback)
			spy.add(v.id(), q.Get("code"), q.Get("state"))
			time.Sleep(6 * time.Minute)
			v.fetch("/private") // refreshes
			w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointRefresh, Status: 503, Times: 2})
			time.Sleep(6 * time.Minute)
			v.fetch("/private")
			time.Sleep(time.Minute)
			v.fetch("/private")
			w.deliver("junk." + v.id() + ".junk")
			v.get("/auth/callback?state=" + q.Get("state") + "&code=" + q.Get("code")) // replayed
			w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointRevoke, Status: 503})
			c.end()
			time.Sleep(5 * time.Minute)
			if n := len(w.reasons()) - ends; n == 0 && c.name != "a refusing API" ||
				strings.Count(w.log.String(), "session ended") < ends+n {
				t.Fatalf("%s: %d more ends, and not all of them were logged", c.name, n)
			}
		}
		seen := spy.all()
		for _, secret := range append(seen, "s3cret") {
			if secret == "" {
				continue
			}
			if w.log.has(secret) {
				t.Errorf("the log has the secret %.12s…", secret)
			}
			// Nor a recognisable part: the signature of a token alone is enough to replay it.
			if i := strings.LastIndexByte(secret, '.'); i > 0 && w.log.has(secret[i+1:]) {
				t.Errorf("the log has the end of the secret %.12s…", secret)
			}
		}
		if len(seen) < 40 {
			t.Errorf("only %d secrets were seen: the spy is blind", len(seen))
		}
		if w.log.has("bob") {
			t.Error("the log has the person's name")
		}
	})
}
