package rp_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/nethttpadapter"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/store/memstore"
)

func newES256(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// jwks is what a client registers.
func jwks(t testing.TB, keys ...rp.ClientKey) []byte {
	t.Helper()
	var set jose.JSONWebKeySet
	for _, k := range keys {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: k.Key.Public(), KeyID: k.ID})
	}
	b, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// PKJWT-01: a client with a key and no secret signs at log-in, refresh and revocation, by
// each kind of key. The IdP takes an assertion once, so each is a new one.
func TestPrivateKeyJWT(t *testing.T) {
	rsaKey, p256, foreign := oneRSA(), newES256(t), newES256(t)
	for _, row := range []struct {
		name       string
		keys       []rp.ClientKey
		registered []rp.ClientKey
		auth       string
		want       int
	}{
		{"P-256", []rp.ClientKey{{ID: "a", Key: p256}}, nil, "", http.StatusSeeOther},
		{"RSA", []rp.ClientKey{{ID: "a", Key: rsaKey}}, nil, "", http.StatusSeeOther},
		{"PS256", []rp.ClientKey{{ID: "a", Key: rsaKey, Alg: "PS256"}}, nil, "private_key_jwt", http.StatusSeeOther},
		{"for the token endpoint", []rp.ClientKey{{ID: "a", Key: p256}}, nil, "private_key_jwt_token_endpoint",
			http.StatusSeeOther},
		{"without a kid", []rp.ClientKey{{Key: p256}}, nil, "", http.StatusSeeOther},
		{"the next key is known already", []rp.ClientKey{{ID: "b", Key: p256}, {ID: "a", Key: foreign}},
			[]rp.ClientKey{{ID: "a", Key: foreign}, {ID: "b", Key: p256}}, "", http.StatusSeeOther},
		{"the next key is not known yet", []rp.ClientKey{{ID: "b", Key: p256}, {ID: "a", Key: foreign}},
			[]rp.ClientKey{{ID: "a", Key: foreign}}, "", http.StatusBadGateway},
		{"another key of that name", []rp.ClientKey{{ID: "a", Key: p256}}, []rp.ClientKey{{ID: "a", Key: foreign}}, "",
			http.StatusBadGateway},
	} {
		t.Run(row.name, func(t *testing.T) {
			if row.registered == nil {
				row.registered = row.keys
			}
			s := setup{kind: rp.RefreshToken,
				config: func(c *rp.Config) { c.ClientSecret, c.ClientKeys, c.ClientAuth = "", row.keys, row.auth },
				client: func(c *idpmock.Client) {
					c.Secret, c.JWKS, c.AuthMethod = "", jwks(t, row.registered...), "private_key_jwt"
				},
			}
			inBubble(t, s, func(t *testing.T, w *world) {
				v := w.visitor("ada")
				if a := v.get(v.authorize(v.start("/auth/login"))); a.status != row.want {
					t.Fatalf("%v", a)
				}
				if row.want != http.StatusSeeOther {
					return
				}
				time.Sleep(6 * time.Minute)
				if a := v.get("/private"); a.status != http.StatusOK {
					t.Errorf("%v", a)
				}
				v.leave()
				time.Sleep(time.Minute)
				w.idp.Expect(idpmock.EndpointRefresh, "notes", 1)
				if w.idp.Count(idpmock.EndpointRevoke, "notes") == 0 {
					t.Error("nothing was revoked")
				}
			})
		})
	}
}

// The client's jwks_uri has the public halves of all keys, and nothing else.
func TestClientJWKS(t *testing.T) {
	p256, next := newES256(t), newES256(t)
	s := setup{
		config: func(c *rp.Config) {
			c.ClientSecret, c.ClientKeys = "", []rp.ClientKey{{ID: "a", Key: p256}, {ID: "b", Key: next}}
		},
		client: func(c *idpmock.Client) { c.Secret, c.JWKS = "", jwks(t, rp.ClientKey{ID: "a", Key: p256}) },
	}
	inBubble(t, s, func(t *testing.T, w *world) {
		a := w.visitor("ada").get("/auth/jwks")
		var set jose.JSONWebKeySet
		if err := json.Unmarshal([]byte(a.body), &set); err != nil || a.status != http.StatusOK || len(set.Keys) != 2 {
			t.Fatalf("%v %v", err, a)
		}
		for i, want := range []crypto.PublicKey{p256.Public(), next.Public()} {
			if k := set.Keys[i]; !k.IsPublic() || k.Use != "sig" || k.Algorithm != "ES256" ||
				!want.(*ecdsa.PublicKey).Equal(k.Key) {
				t.Errorf("key %d: %+v", i, k)
			}
		}
	})
	inBubble(t, setup{}, func(t *testing.T, w *world) {
		if a := w.visitor("ada").get("/auth/jwks"); a.status != http.StatusNotFound {
			t.Errorf("a client without keys: %v", a)
		}
	})
}

// certificate is one that signs itself.
func certificate(t *testing.T, name string) tls.Certificate {
	t.Helper()
	key := newES256(t)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// RFC 8705, oidcc-client-test-mtls-endpoint-aliases: the certificate of HTTPClient is the
// client's proof, and its tokens are bound to it. The IdP asks for it at the aliases alone.
func TestMTLS(t *testing.T) {
	ours := certificate(t, "notes")
	theirs := certificate(t, "photos")
	for _, row := range []struct {
		name, auth string
		shows      tls.Certificate
		want       int
	}{
		{"by its subject", "tls_client_auth", ours, http.StatusSeeOther},
		{"by its key", "self_signed_tls_client_auth", ours, http.StatusSeeOther},
		{"another subject", "tls_client_auth", theirs, http.StatusBadGateway},
		{"another key", "self_signed_tls_client_auth", theirs, http.StatusBadGateway},
	} {
		t.Run(row.name, func(t *testing.T) {
			var idp *idpmock.IDP
			serve := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { idp.Handler().ServeHTTP(w, r) })
			plain, mutual := httptest.NewTLSServer(serve), httptest.NewUnstartedServer(serve)
			mutual.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
			mutual.StartTLS()
			defer plain.Close()
			defer mutual.Close()
			idp, err := idpmock.New(idpmock.Config{Issuer: plain.URL, SigningAlg: "ES256", MTLSOrigin: mutual.URL,
				Clients: []idpmock.Client{{
					ID: "notes", AuthMethod: row.auth, TLSSubjectDN: "CN=notes",
					JWKS:             jwks(t, rp.ClientKey{Key: ours.PrivateKey.(crypto.Signer)}),
					CertificateBound: true, RedirectURIs: []string{base + "/auth/callback"}, RefreshTokens: true,
				}}})
			if err != nil {
				t.Fatal(err)
			}
			defer idp.Close()
			roots := x509.NewCertPool()
			roots.AddCert(plain.Certificate())
			roots.AddCert(mutual.Certificate())
			transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots,
				Certificates: []tls.Certificate{row.shows}}}
			defer transport.CloseIdleConnections()
			auth, err := rp.New(t.Context(), rp.Config{
				Issuer: plain.URL, ClientID: "notes", ClientAuth: row.auth, BaseURL: base, Kind: rp.RefreshToken,
				Keys:  rp.Keys{rp.NewKey()},
				Store: memstore.New(memstore.Options{}), IDTokenAlg: "ES256", SkipSelfCheck: true, UserinfoClaims: true,
				HTTPClient: &http.Client{Transport: transport}, Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
			})
			if err != nil {
				t.Fatal(err)
			}
			defer auth.Close()
			app := nethttpadapter.New(auth).Endpoints()
			jar, _ := cookiejar.New(nil)
			get := func(to string) *http.Response { // as a browser: it keeps cookies
				r, w := httptest.NewRequest("GET", to, nil), httptest.NewRecorder()
				for _, c := range jar.Cookies(r.URL) {
					r.AddCookie(c)
				}
				app.ServeHTTP(w, r)
				jar.SetCookies(r.URL, w.Result().Cookies())
				return w.Result()
			}
			back, err := idp.Browser("ada").Authorize(t.Context(), get(base+"/auth/login").Header.Get("Location"))
			if err != nil {
				t.Fatal(err)
			}
			if resp := get(back); resp.StatusCode != row.want {
				t.Fatalf("%d", resp.StatusCode)
			}
			if row.want == http.StatusSeeOther && idp.Count(idpmock.EndpointUserinfo, "notes") != 1 {
				t.Error("userinfo was not asked with the bound token")
			}
		})
	}
}
