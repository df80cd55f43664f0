package idp

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/tandem-sso/tandem/rp/internal/verdict"
)

var signedAt = time.Date(2026, 11, 27, 8, 0, 0, 0, time.UTC)

// signers are one key of each kind, with the algorithms that it signs with.
func signers(t *testing.T) map[crypto.Signer][]string {
	t.Helper()
	must := func(k crypto.Signer, err error) crypto.Signer {
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	p256, err2 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	p384, err3 := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	_, ed, err4 := ed25519.GenerateKey(rand.Reader)
	return map[crypto.Signer][]string{
		must(rsaKey, err): {"RS256", "PS256"}, must(p256, err2): {"ES256"}, must(p384, err3): {"ES384"},
		must(&ed, err4): {"EdDSA"},
	}
}

// opened verifies what a key has signed and returns header and claims.
func opened(t *testing.T, k *Key, signed string) (jose.Header, map[string]any) {
	t.Helper()
	jws, err := jose.ParseSignedCompact(signed, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(k.Alg)})
	if err != nil {
		t.Fatal(err)
	}
	payload, err := jws.Verify(k.Signer.Public())
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	return jws.Signatures[0].Header, claims
}

// PKJWT-01: iss and sub are the client, aud is one string, the issuer unless somebody says
// otherwise, a minute is all it lives, and each call has one of its own.
func TestAssertion(t *testing.T) {
	const issuer, token = "https://idp.example", "https://idp.example/token"
	for signer, algs := range signers(t) {
		for _, alg := range algs {
			k := Key{ID: "k1", Alg: alg, Thumbprint: "thumb", Signer: signer}
			if err := k.Check(); err != nil {
				t.Fatal(alg, err)
			}
			for method, audience := range map[string]string{"": issuer, PrivateKeyJWT: issuer, KeyForEndpoint: token} {
				c := &Config{Issuer: issuer, ClientID: "notes", Method: method, Keys: []Key{k, {}},
					Now: func() time.Time { return signedAt }}
				a := c.AuthBy(&Metadata{TokenURL: token}, nil)
				seen := map[string]bool{}
				for range 3 {
					form, header := url.Values{}, http.Header{}
					if err := a.Apply(form, header); err != nil || len(header) > 0 {
						t.Fatal(err, header)
					}
					if form.Get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" ||
						form.Get("client_id") != "notes" {
						t.Errorf("%v", form)
					}
					head, claims := opened(t, &k, form.Get("client_assertion"))
					seen[claims["jti"].(string)] = true
					delete(claims, "jti")
					want := map[string]any{"iss": "notes", "sub": "notes", "aud": audience,
						"iat": float64(signedAt.Unix()), "exp": float64(signedAt.Unix() + 60)}
					if fmt.Sprint(claims) != fmt.Sprint(want) {
						t.Errorf("%v, want %v", claims, want)
					}
					if head.KeyID != "k1" || head.ExtraHeaders["x5t#S256"] != "thumb" ||
						head.ExtraHeaders["typ"] != "JWT" {
						t.Errorf("%+v", head)
					}
				}
				if len(seen) != 3 {
					t.Errorf("%d jti for three calls", len(seen))
				}
			}
		}
	}
}

// Apple: the key signs the client_secret, with the team as iss and the client as sub.
func TestAppleSecret(t *testing.T) {
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	k := Key{ID: "ABC123DEFG", Alg: "ES256", Issuer: "TEAM", Signer: p256}
	c := &Config{Issuer: "https://appleid.apple.com", ClientID: "com.example.notes", Method: AppleSecret,
		Keys: []Key{k}, Now: func() time.Time { return signedAt }}
	form, header := url.Values{}, http.Header{}
	if err := c.AuthBy(&Metadata{}, nil).Apply(form, header); err != nil || len(header) > 0 ||
		form.Has("client_assertion") || form.Get("client_id") != "com.example.notes" {
		t.Fatalf("%v %v %v", err, header, form)
	}
	head, claims := opened(t, &k, form.Get("client_secret"))
	if head.KeyID != "ABC123DEFG" || claims["iss"] != "TEAM" || claims["sub"] != "com.example.notes" ||
		claims["aud"] != "https://appleid.apple.com" {
		t.Errorf("%+v %v", head, claims)
	}
}

// RFC 8414 §2: revocation_endpoint_auth_methods_supported is a list of its own.
func TestRevocationHasItsOwnMethods(t *testing.T) {
	for name, row := range map[string]struct {
		token, revocation []string
		method            string
		inForm            [2]bool // at the token endpoint, at revocation
	}{
		"nothing said":          {nil, nil, "", [2]bool{false, false}},
		"one list for both":     {[]string{SecretPost}, nil, "", [2]bool{true, true}},
		"revocation by form":    {[]string{SecretBasic}, []string{SecretPost}, "", [2]bool{false, true}},
		"revocation by header":  {[]string{SecretPost}, []string{SecretBasic}, "", [2]bool{true, false}},
		"the app has chosen it": {[]string{SecretPost}, []string{SecretPost}, SecretBasic, [2]bool{false, false}},
	} {
		s := says(200, `{"access_token":"a"}`)
		p := NewProvider(Config{Issuer: "https://idp.example", ClientID: "notes", Secret: "s3cret", Method: row.method,
			HTTP: &http.Client{Transport: s}, MaxCalls: 1, Now: time.Now})
		p.Use(&Metadata{TokenURL: "https://idp.example/token", RevocationURL: "https://idp.example/revoke",
			TokenAuthMethods: row.token, RevocationAuthMethods: row.revocation})
		p.At().Client.Refresh(t.Context(), "r", nil)
		first := s.form.Has("client_secret")
		p.At().Client.Revoke(t.Context(), "r", "refresh_token")
		if got := [2]bool{first, s.form.Has("client_secret")}; got != row.inForm {
			t.Errorf("%s: in the form %v, want %v", name, got, row.inForm)
		}
	}
}

// RFC 8705 §5: who shows a certificate calls the aliases, and everybody else does not.
func TestMTLSEndpointAliases(t *testing.T) {
	m, err := ParseMetadata([]byte(`{"issuer":"https://idp.example","token_endpoint":"https://idp.example/token","userinfo_endpoint":"https://idp.example/userinfo",
		"revocation_endpoint":"https://idp.example/revoke","mtls_endpoint_aliases":{"token_endpoint":"https://mtls.example/token","userinfo_endpoint":"https://mtls.example/userinfo"}}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, certificate := range []bool{true, false} {
		s := says(200, `{"access_token":"a"}`)
		p := NewProvider(Config{Issuer: "https://idp.example", ClientID: "notes", Method: TLSClient,
			Certificate: certificate, HTTP: &http.Client{Transport: s}, MaxCalls: 1, Now: time.Now})
		p.Use(m)
		to := map[bool]string{true: "mtls.example", false: "idp.example"}[certificate]
		p.At().Client.Refresh(t.Context(), "r", nil)
		if s.asked.URL.Host != to || s.form.Get("client_id") != "notes" || s.asked.Header.Get("Authorization") != "" {
			t.Errorf("certificate %v: %v %v", certificate, s.asked.URL, s.form)
		}
		p.At().Client.Userinfo(t.Context(), "a", "ada")
		if s.asked.URL.Host != to {
			t.Errorf("certificate %v: %v", certificate, s.asked.URL)
		}
		p.At().Client.Revoke(t.Context(), "r", "")
		if s.asked.URL.Host != "idp.example" { // it has no alias
			t.Errorf("certificate %v: %v", certificate, s.asked.URL)
		}
		if len(Changes(p.At().Metadata, m)) != 0 {
			t.Error("the same document is taken for a changed one")
		}
	}
}

// A key that cannot sign now, as a service may fail, is trouble that passes, and nothing
// was sent.
func TestKeyThatCannotSign(t *testing.T) {
	s := says(200, `{"access_token":"a"}`)
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := s.client()
	c.Auth = (&Config{ClientID: "notes", Keys: []Key{{Alg: "ES256", Signer: broke{p256}}}, Now: time.Now}).AuthBy(
		&Metadata{}, nil)
	_, out := c.Refresh(t.Context(), "r", nil)
	if verdict.Token(out.Answer) != verdict.Retry || out.Err == nil ||
		!strings.Contains(out.Err.Error(), "the vault is closed") || s.asked != nil {
		t.Errorf("%+v, sent %v", out, s.asked)
	}
}

type broke struct{ crypto.Signer }

func (broke) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errors.New("the vault is closed")
}

// What cannot sign is told before it has to.
func TestKeyCheck(t *testing.T) {
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	p256, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	for name, k := range map[string]Key{
		"no key": {Alg: "ES256"}, "a short key": {Alg: "RS256", Signer: small},
		"another algorithm": {Alg: "RS256", Signer: p256},
		"a symmetric one":   {Alg: "HS256", Signer: p256}, "none": {Alg: "none", Signer: p256},
		"nothing": {Signer: p256},
	} {
		if k.Check() == nil {
			t.Errorf("%s: no fault", name)
		}
	}
	if SigningAlg(p256) != "ES256" || SigningAlg(small) != "RS256" {
		t.Error("no algorithm is chosen")
	}
}
