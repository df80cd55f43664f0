package opsuite

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/tandem-sso/tandem/idp-mock/idptest"
)

func (s *suite) push(t *testing.T, c Client, v url.Values) answer {
	t.Helper()
	return s.call(t, s.meta.PAR, v, s.as(t, c, v)...)
}

// refused demands an error, be it shown or sent to the client.
func refused(t *testing.T, p *idptest.Page) {
	t.Helper()
	if p.To != nil && p.To.Query().Get("error") == "" || p.To == nil && p.Status < 400 {
		t.Errorf("%d %v", p.Status, p.To)
	}
}

var parTests = map[string]func(*testing.T, *suite){
	"a pushed request works": func(t *testing.T, s *suite) { // PAR-01
		got := s.push(t, s.clients.Web, s.request(s.clients.Web))
		if got.status != http.StatusCreated || got.text("request_uri") == "" || got.fields["expires_in"] == nil {
			t.Fatal(got)
		}
		a := s.agent(t, "ada")
		p := a.settle(a.authorize(url.Values{"client_id": {s.clients.Web.ID},
			"request_uri": {got.text("request_uri")}}))
		if p.To == nil || p.To.Query().Get("state") != "state-1" {
			t.Fatalf("%d %v %s", p.Status, p.To, p.Body)
		}
		if got := s.exchange(t, s.clients.Web, p.To.Query().Get("code")); got.status != http.StatusOK {
			t.Error(got)
		}
	},
	"of another client": func(t *testing.T, s *suite) {
		got := s.push(t, s.clients.Web, s.request(s.clients.Web))
		p := s.agent(t, "ada").authorize(url.Values{"client_id": {s.clients.Other.ID},
			"request_uri": {got.text("request_uri")}})
		refused(t, p)
	},
	"an unknown request_uri": func(t *testing.T, s *suite) {
		refused(t, s.agent(t, "ada").authorize(url.Values{"client_id": {s.clients.Web.ID},
			"request_uri": {"urn:ietf:params:oauth:request_uri:nonsense"}}))
	},
	"pushing needs authentication": func(t *testing.T, s *suite) {
		c := s.clients.Web
		c.Secret += "x"
		wantError(t, s.push(t, c, s.request(c)), http.StatusUnauthorized, "invalid_client")
	},
	"pushing is checked at once": func(t *testing.T, s *suite) {
		got := s.push(t, s.clients.Web, s.request(s.clients.Web, "redirect_uri", "https://evil.example/"))
		if got.status != http.StatusBadRequest {
			t.Error(got)
		}
		got = s.push(t, s.clients.Web, s.request(s.clients.Web, "code_challenge_method", "plain"))
		wantError(t, got, http.StatusBadRequest, "invalid_request")
	},
	"request_uri must not be pushed": func(t *testing.T, s *suite) { // RFC 9126 §2.1
		got := s.push(t, s.clients.Web, s.request(s.clients.Web, "request_uri", "urn:ietf:params:oauth:request_uri:x"))
		if got.status != http.StatusBadRequest {
			t.Error(got)
		}
	},
}

// proof is a DPoP proof (RFC 9449 §4.2).
func proof(t *testing.T, key *ecdsa.PrivateKey, method, to, token string, change map[string]any) string {
	t.Helper()
	claims := map[string]any{"jti": fmt.Sprint(t.Name(), time.Now().UnixNano()), "htm": method, "htu": to,
		"iat": time.Now().Unix()}
	if token != "" {
		sum := sha256.Sum256([]byte(token))
		claims["ath"] = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	for k, v := range change {
		claims[k] = v
	}
	opts := (&jose.SignerOptions{EmbedJWK: true}).WithType("dpop+jwt")
	return sign(t, jose.SigningKey{Algorithm: jose.ES256, Key: key}, opts, claims)
}

func dpopKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// bound logs in with a token bound to key.
func bound(t *testing.T, s *suite, c Client, key *ecdsa.PrivateKey) answer {
	t.Helper()
	form := url.Values{"grant_type": {"authorization_code"}, "code": {s.agent(t, "ada").code(c)},
		"redirect_uri": {c.RedirectURIs[0]}, "code_verifier": {verifier}}
	header := append(s.as(t, c, form), "DPoP", proof(t, key, "POST", s.meta.Token, "", nil))
	got := s.call(t, s.meta.Token, form, header...)
	if got.status != http.StatusOK || got.text("token_type") != "DPoP" {
		t.Fatal(got)
	}
	return got
}

var dpopTests = map[string]func(*testing.T, *suite){
	"a bound token needs its proof": func(t *testing.T, s *suite) { // DPOP-01
		key := dpopKey(t)
		token := bound(t, s, s.clients.Web, key).text("access_token")
		if got := s.userinfo(t, token); got.status != http.StatusUnauthorized {
			t.Errorf("as a bearer token: %v", got)
		}
		call := func(p string) answer {
			return s.call(t, s.meta.Userinfo, nil, "Authorization", "DPoP "+token, "DPoP", p)
		}
		good := proof(t, key, "GET", s.meta.Userinfo, token, nil)
		if got := call(good); got.status != http.StatusOK {
			t.Errorf("with its proof: %v", got)
		}
		if got := call(good); got.status != http.StatusUnauthorized {
			t.Errorf("a replayed proof: %v", got)
		}
		for name, p := range map[string]string{
			"another key":    proof(t, dpopKey(t), "GET", s.meta.Userinfo, token, nil),
			"another method": proof(t, key, "POST", s.meta.Userinfo, token, nil),
			"another URL":    proof(t, key, "GET", s.meta.Token, token, nil),
			"another token":  proof(t, key, "GET", s.meta.Userinfo, "other", nil),
			"old": proof(t, key, "GET", s.meta.Userinfo, token,
				map[string]any{"iat": time.Now().Add(-time.Hour).Unix()}),
		} {
			if got := call(p); got.status != http.StatusUnauthorized {
				t.Errorf("%s: %v", name, got)
			}
		}
	},
	"a bad proof gets no token": func(t *testing.T, s *suite) {
		c := s.clients.Web
		form := url.Values{"grant_type": {"authorization_code"}, "code": {s.agent(t, "ada").code(c)},
			"redirect_uri": {c.RedirectURIs[0]}, "code_verifier": {verifier}}
		header := append(s.as(t, c, form), "DPoP", proof(t, dpopKey(t), "GET", s.meta.Token, "", nil))
		wantError(t, s.call(t, s.meta.Token, form, header...), http.StatusBadRequest, "invalid_dpop_proof")
	},
	"a public client's refresh token is bound": func(t *testing.T, s *suite) { // RFC 9449 §5
		key, c := dpopKey(t), s.clients.Public
		token := bound(t, s, c, key).text("refresh_token")
		refresh := func(key *ecdsa.PrivateKey) answer {
			form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}
			return s.call(t, s.meta.Token, form,
				append(s.as(t, c, form), "DPoP", proof(t, key, "POST", s.meta.Token, "", nil))...)
		}
		if got := refresh(dpopKey(t)); got.status != http.StatusBadRequest {
			t.Errorf("with another key: %v", got)
		}
		if got := refresh(key); got.status != http.StatusOK || got.text("token_type") != "DPoP" {
			t.Errorf("with its key: %v", got)
		}
	},
}
