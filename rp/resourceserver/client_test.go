package resourceserver_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp/resourceserver"
)

// oneRSA is made once: it takes a tenth of a second.
var oneRSA = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
})

func newES256(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// PKJWT-01: an assertion of its own for each question, for the issuer alone, with no secret.
func TestPrivateKeyJWT(t *testing.T) {
	k := oneRSA()
	for _, row := range []struct {
		name, method, alg, aud string
		key                    resourceserver.ClientKey
	}{
		{"by default", "", "RS256", "", resourceserver.ClientKey{ID: "k1", Key: k}},
		{"PS256", "private_key_jwt", "PS256", "", resourceserver.ClientKey{ID: "k1", Key: k, Alg: "PS256"}},
		{"for the token endpoint", "private_key_jwt_token_endpoint", "ES256", "/token",
			resourceserver.ClientKey{ID: "k1", Key: newES256(t)}},
	} {
		t.Run(row.name, func(t *testing.T) {
			i := start(t)
			i.meta.Store(&map[string]string{"token_endpoint": `"` + i.URL + `/token"`,
				"introspection_endpoint_auth_methods_supported": `["client_secret_basic","private_key_jwt"]`})
			s := i.server(t, func(c *resourceserver.Config) {
				c.ClientSecret, c.ClientKey, c.ClientAuth = "", row.key, row.method
			})
			seen := map[string]bool{}
			for range 2 {
				if r := call(s, "tok"); r.StatusCode != 200 {
					t.Fatal(r.Status)
				}
				r := i.last.Load()
				if _, _, basic := r.BasicAuth(); basic || r.PostForm.Has("client_secret") {
					t.Errorf("a secret: %v", r.PostForm)
				}
				jws, err := jose.ParseSignedCompact(r.PostForm.Get("client_assertion"),
					[]jose.SignatureAlgorithm{jose.SignatureAlgorithm(row.alg)})
				if err != nil || jws.Signatures[0].Header.KeyID != "k1" {
					t.Fatalf("%v %v", err, r.PostForm)
				}
				payload, err := jws.Verify(row.key.Key.Public())
				if err != nil {
					t.Fatal(err)
				}
				var claims struct {
					Iss, Sub, Aud, Jti string
					Exp                int64
				}
				if err := json.Unmarshal(payload, &claims); err != nil || claims.Iss != "api" || claims.Sub != "api" ||
					claims.Aud != i.URL+row.aud || seen[claims.Jti] ||
					time.Until(time.Unix(claims.Exp, 0)) > 2*time.Minute {
					t.Errorf("%v %s", err, payload)
				}
				seen[claims.Jti] = true
			}
		})
	}
}

// RFC 8705 §2, §5: the certificate of HTTPClient is shown, at the aliases of the IdP.
func TestClientCertificate(t *testing.T) {
	key := newES256(t)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	var shown []byte
	var form string
	mutual := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		shown, form = r.TLS.PeerCertificates[0].Raw, r.FormValue("client_id")+r.FormValue("client_secret")
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"active":true,"sub":"ada","client_id":"notes"}`)
	}))
	mutual.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	mutual.StartTLS()
	defer mutual.Close()
	roots := x509.NewCertPool()
	roots.AddCert(mutual.Certificate())
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots,
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}}
	defer transport.CloseIdleConnections()
	i := start(t)
	i.meta.Store(&map[string]string{"mtls_endpoint_aliases": fmt.Sprintf(`{"introspection_endpoint":%q}`, mutual.URL)})
	for _, method := range []string{"tls_client_auth", "self_signed_tls_client_auth"} {
		shown = nil
		s := i.server(t, func(c *resourceserver.Config) {
			c.ClientSecret, c.ClientAuth, c.HTTPClient = "", method, &http.Client{Transport: transport}
		})
		if r := call(s, "tok"); r.StatusCode != 200 || !bytes.Equal(shown, der) || form != "api" {
			t.Errorf("%s: %s, client %q, %d bytes of a certificate", method, r.Status, form, len(shown))
		}
	}
	if i.asked.Load() != 0 {
		t.Error("the endpoint without certificates was asked")
	}
}

// What cannot work is said at the start, with the field to set.
func TestClientConfig(t *testing.T) {
	i := start(t)
	key := resourceserver.ClientKey{Key: newES256(t)}
	var none *ecdsa.PrivateKey
	for name, row := range map[string]struct {
		change func(*resourceserver.Config)
		field  string
	}{
		"nothing to show": {func(c *resourceserver.Config) { c.ClientSecret = "" }, "ClientSecret"},
		"both":            {func(c *resourceserver.Config) { c.ClientKey = key }, "ClientSecret"},
		"a nil key": {func(c *resourceserver.Config) { c.ClientSecret, c.ClientKey.Key = "", none },
			"ClientSecret"},
		"an unknown method": {func(c *resourceserver.Config) { c.ClientAuth = "kerberos" }, "ClientAuth"},
		"Apple's way":       {func(c *resourceserver.Config) { c.ClientAuth = "apple_client_secret" }, "ClientAuth"},
		"a key is missing":  {func(c *resourceserver.Config) { c.ClientAuth = "private_key_jwt" }, "ClientKey"},
		"a key for a secret": {func(c *resourceserver.Config) { c.ClientAuth, c.ClientKey = "client_secret_post", key },
			"ClientKey"},
		"a certificate is missing": {func(c *resourceserver.Config) {
			c.ClientSecret, c.ClientAuth = "", "tls_client_auth"
		}, "ClientAuth"},
		"an algorithm that the key has not": {func(c *resourceserver.Config) {
			c.ClientSecret, c.ClientKey = "", resourceserver.ClientKey{Key: newES256(t), Alg: "PS256"}
		}, "ClientKey"},
		"an assertion for nobody": {func(c *resourceserver.Config) {
			c.ClientSecret, c.ClientKey, c.IntrospectionURL, c.Issuer = "", key, i.URL+"/introspect", ""
		}, "Issuer"},
		"the token endpoint is not known": {func(c *resourceserver.Config) {
			c.ClientSecret, c.ClientKey, c.IntrospectionURL = "", key, i.URL+"/introspect"
			c.ClientAuth = "private_key_jwt_token_endpoint"
		}, "ClientAuth"},
		"an unknown algorithm": {func(c *resourceserver.Config) { c.IntrospectionAlg = "none" }, "IntrospectionAlg"},
		"keys of nobody": {func(c *resourceserver.Config) {
			c.IntrospectionAlg, c.IntrospectionURL = "PS256", i.URL+"/introspect"
		}, "IntrospectionURL"},
		"an IdP without keys": {func(c *resourceserver.Config) { c.IntrospectionAlg = "PS256" }, "IntrospectionAlg"},
	} {
		c := resourceserver.Config{Issuer: i.URL, ClientID: "api", ClientSecret: "s3cret",
			Logger: slog.New(slog.DiscardHandler)}
		row.change(&c)
		_, err := resourceserver.New(t.Context(), c)
		if bad := (*resourceserver.ConfigError)(nil); !errors.As(err, &bad) || bad.Field != row.field {
			t.Errorf("%s: %v, want the field %s", name, err, row.field)
		}
	}
}

// An IdP that does not take what this API shows says so in its discovery document, and a
// start says what to set.
func TestIntrospectionMethods(t *testing.T) {
	i := start(t)
	key := resourceserver.ClientKey{Key: newES256(t)}
	for methods, row := range map[string]struct{ secret, key bool }{
		`["client_secret_basic"]`:                   {true, false},
		`["client_secret_post"]`:                    {true, false},
		`["private_key_jwt"]`:                       {false, true},
		`["tls_client_auth"]`:                       {false, false},
		`["private_key_jwt","tls_client_auth"]`:     {false, true},
		`["client_secret_basic","tls_client_auth"]`: {true, false},
		`[]`: {true, true},
	} {
		i.meta.Store(&map[string]string{"introspection_endpoint_auth_methods_supported": methods})
		for byKey, takes := range map[bool]bool{false: row.secret, true: row.key} {
			c := resourceserver.Config{Issuer: i.URL, ClientID: "api", ClientSecret: "s3cret",
				Logger: slog.New(slog.DiscardHandler)}
			if byKey {
				c.ClientSecret, c.ClientKey = "", key
			}
			_, err := resourceserver.New(t.Context(), c)
			if bad := (*resourceserver.ConfigError)(nil); (err == nil) != takes ||
				err != nil && (!errors.As(err, &bad) || !strings.Contains(err.Error(), "private_key_jwt")) {
				t.Errorf("%s, by a key %v: %v", methods, byKey, err)
			}
		}
	}
}

// The whole of it against an IdP: a key instead of a secret, PS256, signed answers.
func TestSignedAnswersOfAnIdP(t *testing.T) {
	key := newES256(t)
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k"}}})
	if err != nil {
		t.Fatal(err)
	}
	var idp *idpmock.IDP
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		idp.Handler().ServeHTTP(w, r)
	}))
	defer server.Close()
	idp, err = idpmock.New(idpmock.Config{Issuer: server.URL, SigningAlg: "PS256",
		Clients: []idpmock.Client{{ID: "notes", Secret: "x"},
			{ID: "api", JWKS: set, AuthMethod: "private_key_jwt", IntrospectionSigned: true}}})
	if err != nil {
		t.Fatal(err)
	}
	defer idp.Close()
	tokens, err := idp.Mint(idpmock.Mint{Client: "notes", User: "ada"})
	if err != nil {
		t.Fatal(err)
	}
	s, err := resourceserver.New(t.Context(), resourceserver.Config{Issuer: server.URL, ClientID: "api",
		ClientKey: resourceserver.ClientKey{ID: "k", Key: key}, IntrospectionAlg: "PS256",
		Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := s.Introspect(t.Context(), tokens.AccessToken); err != nil || got.Subject != "ada" {
		t.Errorf("%v %v", got, err)
	}
	if err := idp.RotateKeys(false); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Introspect(t.Context(), "junk"); !errors.Is(err, resourceserver.ErrInactive) {
		t.Errorf("by the new key: %v", err)
	}
}
