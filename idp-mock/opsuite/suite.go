// Package opsuite is a black-box test suite for OpenID Providers. It uses only HTTP and knows
// no provider's internals. It passes against two providers that share no code, which shows
// that it tests the protocol.
//
// Tests cite the rules of the project's standards checklist (BCLO-02, RIL-04).
package opsuite

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Client of the provider under test, in the words of OpenID Connect Dynamic
// Client Registration.
type Client struct {
	ID                      string          `json:"client_id"`
	Secret                  string          `json:"client_secret,omitempty"`
	AuthMethod              string          `json:"token_endpoint_auth_method"`
	AuthAlg                 string          `json:"token_endpoint_auth_signing_alg,omitempty"`
	JWKS                    json.RawMessage `json:"jwks,omitempty"`
	RedirectURIs            []string        `json:"redirect_uris"`
	ResponseTypes           []string        `json:"response_types"`
	GrantTypes              []string        `json:"grant_types"`
	PostLogoutRedirectURIs  []string        `json:"post_logout_redirect_uris,omitempty"`
	BackchannelLogoutURI    string          `json:"backchannel_logout_uri,omitempty"`
	BackchannelNeedsSession bool            `json:"backchannel_logout_session_required,omitempty"`

	key *jose.JSONWebKey
}

// Clients are what the provider under test must know.
type Clients struct {
	Web    Client `json:"web"`    // client_secret_basic
	Other  Client `json:"other"`  // client_secret_post, another app of the same session
	Public Client `json:"public"` // none
	Key    Client `json:"key"`    // private_key_jwt
	API    Client `json:"api"`    // introspects only
}

// Target is a provider under test. Every user name and password must be good.
type Target struct {
	Issuer string
	// Patience with logout tokens. Default 10 s.
	Patience time.Duration
	HTTP     *http.Client // default: one of the suite's own
}

// suite is what every test works with.
type suite struct {
	target  Target
	clients Clients
	rp      *httptest.Server // the clients' side: it receives logout tokens
	meta    metadata

	mu     sync.Mutex
	tokens map[string][]received // logout tokens by client
	came   chan struct{}
}

type received struct {
	token       string
	contentType string
	fields      int
}

// Run starts a provider with start, which gets the clients it must know, and
// tests it.
func Run(t *testing.T, start func(t *testing.T, c Clients) Target) {
	s := &suite{tokens: map[string][]received{}, came: make(chan struct{}, 100)}
	s.rp = httptest.NewServer(http.HandlerFunc(s.receive))
	t.Cleanup(s.rp.Close)
	s.clients = clientsAt(t, s.rp.URL)
	s.target = start(t, s.clients)
	s.discover(t)

	for _, group := range []struct {
		name  string
		tests map[string]func(*testing.T, *suite)
	}{
		{"Discovery", discoveryTests}, {"Authorize", authorizeTests}, {"Code", codeTests},
		{"ClientAuth", clientAuthTests}, {"Refresh", refreshTests},
		{"Access", accessTests}, {"SilentAuthentication", silentTests}, {"EndSession", endSessionTests},
		{"Backchannel", backchannelTests},
		{"PAR", parTests}, {"DPoP", dpopTests},
	} {
		t.Run(group.name, func(t *testing.T) {
			for name, f := range group.tests {
				t.Run(name, func(t *testing.T) { f(t, s) })
			}
		})
	}
}

func clientsAt(t *testing.T, rp string) Clients {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	jwk := &jose.JSONWebKey{Key: key, KeyID: "k1", Algorithm: "ES256", Use: "sig"}
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{jwk.Public()}})
	if err != nil {
		t.Fatal(err)
	}
	app := func(id, secret, method string) Client {
		return Client{ID: id, Secret: secret, AuthMethod: method, RedirectURIs: []string{rp + "/" + id + "/cb"},
			ResponseTypes:          []string{"code"},
			GrantTypes:             []string{"authorization_code", "refresh_token"},
			PostLogoutRedirectURIs: []string{rp + "/" + id + "/bye"},
			BackchannelLogoutURI:   rp + "/" + id + "/backchannel", BackchannelNeedsSession: true}
	}
	c := Clients{
		Web:    app("web", "web-secret-0123456789-0123456789-+/%:", "client_secret_basic"),
		Other:  app("other", "other-secret-0123456789-0123456789", "client_secret_post"),
		Public: app("public", "", "none"),
		Key:    app("key", "", "private_key_jwt"),
		API: Client{ID: "api", Secret: "api-secret-0123456789-0123456789", AuthMethod: "client_secret_basic",
			RedirectURIs:  []string{},
			ResponseTypes: []string{}, GrantTypes: []string{}},
	}
	c.Key.JWKS, c.Key.AuthAlg, c.Key.key = set, "ES256", jwk
	return c
}

// receive takes logout tokens for all clients.
func (s *suite) receive(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	if r.Method != http.MethodPost || r.ParseForm() != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	for _, c := range []Client{s.clients.Web, s.clients.Other, s.clients.Public, s.clients.Key} {
		if s.rp.URL+r.URL.Path == c.BackchannelLogoutURI {
			s.mu.Lock()
			s.tokens[c.ID] = append(s.tokens[c.ID],
				received{r.PostForm.Get("logout_token"), r.Header.Get("Content-Type"), len(r.PostForm)})
			s.mu.Unlock()
			s.came <- struct{}{}
		}
	}
}

// logoutTokens waits until the client has got n logout tokens since forget.
func (s *suite) logoutTokens(t *testing.T, client string, n int) []received {
	t.Helper()
	limit := time.After(cmp.Or(s.target.Patience, 10*time.Second))
	for {
		s.mu.Lock()
		got := s.tokens[client]
		s.mu.Unlock()
		if len(got) >= n {
			return got
		}
		select {
		case <-s.came:
		case <-limit:
			t.Fatalf("client %s got %d logout tokens, want %d", client, len(got), n)
		}
	}
}

func (s *suite) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens = map[string][]received{}
}
