package idp

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/tandem-sso/tandem/internal/jwttest"
)

// signing is a provider whose IdP has one key.
func signing(t testing.TB, key *jwttest.Key, change func(*Config)) *Provider {
	t.Helper()
	keys := roundTrip(func(r *http.Request) *http.Response {
		w := httptest.NewRecorder()
		_, _ = w.Write(jwttest.Set(key))
		return w.Result()
	})
	c := Config{Issuer: "https://idp.example", ClientID: "notes", IDTokenAlg: "ES256", Skew: time.Minute,
		HTTP:     &http.Client{Transport: keys},
		MaxCalls: 4, Now: func() time.Time { return signedAt }, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))}
	if change != nil {
		change(&c)
	}
	p := NewProvider(c)
	p.Use(&Metadata{Issuer: c.Issuer, JWKSURL: "https://idp.example/jwks"})
	return p
}

type roundTrip func(*http.Request) *http.Response

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) {
	resp := f(r)
	resp.Request = r
	return resp, nil
}

// JARM §2.4: iss, aud, exp and the signature of an answer. In the foundation's FAPI 2.0 plans
// these are ensure-jarm-with-invalid-iss-fails, ensure-jarm-without-iss-fails,
// ensure-jarm-with-invalid-aud-fails, ensure-jarm-without-aud-fails,
// ensure-jarm-with-expired-exp-fails, ensure-jarm-without-exp-fails and
// ensure-jarm-with-invalid-sig-fails.
func TestResponse(t *testing.T) {
	key, other := jwttest.ES256("k"), jwttest.ES256("k")
	p := signing(t, key, nil)
	good := jwttest.Claims{"iss": "https://idp.example", "aud": "notes", "exp": signedAt.Add(time.Minute).Unix(),
		"code": "c", "state": "s", "n": 7}
	for name, row := range map[string]struct {
		raw  string
		good bool
	}{
		"good":                {key.Sign(good), true},
		"aud as a list":       {key.Sign(good.With("aud", []string{"x", "notes"})), true},
		"just over":           {key.Sign(good.With("exp", signedAt.Add(-30*time.Second).Unix())), true},
		"another issuer":      {key.Sign(good.With("iss", "https://evil.example")), false},
		"no issuer":           {key.Sign(good.Without("iss")), false},
		"another client":      {key.Sign(good.With("aud", "photos")), false},
		"nobody":              {key.Sign(good.Without("aud")), false},
		"aud of a wrong kind": {key.Sign(good.With("aud", 7)), false},
		"too old":             {key.Sign(good.With("exp", signedAt.Add(-2*time.Minute).Unix())), false},
		"for ever":            {key.Sign(good.With("exp", 1e20)), false},
		"no exp":              {key.Sign(good.Without("exp")), false},
		"another key":         {other.Sign(good), false},
		"no object":           {key.Sign([]byte("[]")), false},
		"nothing":             {"", false},
		"encrypted":           {"a.b.c.d.e", false},
		"endless":             {strings.Repeat("x", maxResponse+1), false},
	} {
		params, err := p.Response(t.Context(), row.raw)
		if (err == nil) != row.good || row.good && (params.Get("code") != "c" || params.Get("state") != "s" ||
			params.Has("n")) {
			t.Errorf("%s: %v %v", name, params, err)
		}
	}
}

// CORE-11: signed userinfo has to fit, and what is only encrypted is taken by the IdP's TLS.
func TestSigned(t *testing.T) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, other := jwttest.ES256("k"), jwttest.ES256("k")
	p := signing(t, key, func(c *Config) { c.DecryptionKeys = []Key{{ID: "e", Signer: private}} })
	locked := func(inner string, to *ecdsa.PrivateKey, kid string) string {
		e, err := jose.NewEncrypter(jose.A128GCM, jose.Recipient{Algorithm: jose.ECDH_ES, Key: to.Public(), KeyID: kid},
			nil)
		if err != nil {
			t.Fatal(err)
		}
		jwe, err := e.Encrypt([]byte(inner))
		if err != nil {
			t.Fatal(err)
		}
		raw, err := jwe.CompactSerialize()
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	good := jwttest.Claims{"iss": "https://idp.example", "aud": "notes", "sub": "ada"}
	for name, row := range map[string]struct {
		raw  string
		good bool
	}{
		"signed":                  {key.Sign(good) + "\n", true},
		"without iss and aud":     {key.Sign(good.Without("iss", "aud")), true},
		"another issuer":          {key.Sign(good.With("iss", "https://evil.example")), false},
		"another client":          {key.Sign(good.With("aud", "photos")), false},
		"another key":             {other.Sign(good), false},
		"signed and encrypted":    {locked(key.Sign(good), private, "e"), true},
		"no name of the key":      {locked(key.Sign(good), private, ""), true},
		"another name of the key": {locked(key.Sign(good), private, "x"), false},
		"encrypted alone":         {locked(`{"sub":"ada"}`, private, "e"), true},
		"for somebody else":       {locked(key.Sign(good), foreign, "e"), false},
		"another key inside":      {locked(other.Sign(good), private, "e"), false},
		"not signed":              {"e30." + "e30" + ".", false},
	} {
		payload, err := p.signed(t.Context(), row.raw)
		var who struct{ Sub string }
		if (err == nil) != row.good || row.good && (json.Unmarshal(payload, &who) != nil || who.Sub != "ada") {
			t.Errorf("%s: %s %v", name, payload, err)
		}
	}
	if got, err := p.Opened("a.b.c"); got != "a.b.c" || err != nil {
		t.Errorf("%q %v", got, err)
	}
}

// RFC 9101 §4: all parameters are claims, and what stands beside them is what OAuth demands.
func TestSignedRequest(t *testing.T) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	k := Key{ID: "k", Alg: "ES256", Signer: private}
	p := signing(t, jwttest.ES256("k"), func(c *Config) { c.Keys = []Key{k} })
	params := url.Values{"client_id": {"notes"}, "response_type": {"code"}, "scope": {"openid"}, "state": {"s"},
		"max_age": {"60"}, "aud": {"https://evil.example"}, "exp": {"9999999999"}, "iss": {"else"}, // by LoginParams
		"claims": {`{"a":1}`}, "resource": {"https://a.example", "https://b.example"}}
	out, err := p.SignedRequest(maps.Clone(params))
	if err != nil || len(out) != 4 || out.Get("client_id") != "notes" || out.Get("response_type") != "code" ||
		out.Get("scope") != "openid" {
		t.Fatalf("%v %v", out, err)
	}
	head, claims := opened(t, &k, out.Get("request"))
	if head.ExtraHeaders["typ"] != "oauth-authz-req+jwt" || head.KeyID != "k" {
		t.Errorf("%+v", head)
	}
	got, _ := json.Marshal(claims["resource"])
	if claims["iss"] != "notes" || claims["aud"] != "https://idp.example" || claims["max_age"] != 60.0 ||
		claims["state"] != "s" ||
		claims["exp"] != float64(signedAt.Add(time.Minute).Unix()) ||
		string(got) != `["https://a.example","https://b.example"]` {
		t.Errorf("%v", claims)
	}
	if inner, ok := claims["claims"].(map[string]any); !ok || inner["a"] != 1.0 {
		t.Errorf("%v", claims["claims"])
	}
}

// Whatever is sent as an answer is refused without a panic, or has been signed.
func FuzzResponse(f *testing.F) {
	key := jwttest.ES256("k")
	f.Add(key.Sign(jwttest.Claims{"iss": "https://idp.example"}))
	f.Add("a.b.c.d.e")
	f.Add("eyJhbGciOiJFQ0RILUVTIiwiZW5jIjoiQTEyOEdDTSJ9....")
	p := signing(f, key, func(c *Config) {
		private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			f.Fatal(err)
		}
		c.DecryptionKeys = []Key{{Signer: private}}
	})
	f.Fuzz(func(t *testing.T, raw string) {
		if params, err := p.Response(t.Context(), raw); err == nil {
			t.Errorf("%q was taken: %v", raw, params)
		}
	})
}

// RFC 8725 §3.6: what is compressed is not opened, so that nothing small becomes large. RFC
// 7518 §4.3: an RSA key has 2,048 bits.
func TestDecryptionIsBounded(t *testing.T) {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, zip := range []jose.CompressionAlgorithm{jose.NONE, jose.DEFLATE} {
		e, err := jose.NewEncrypter(jose.A128GCM, jose.Recipient{Algorithm: jose.ECDH_ES, Key: k.Public()},
			&jose.EncrypterOptions{Compression: zip})
		if err != nil {
			t.Fatal(err)
		}
		jwe, err := e.Encrypt(make([]byte, 60<<10))
		if err != nil {
			t.Fatal(err)
		}
		raw, err := jwe.CompactSerialize()
		if err != nil {
			t.Fatal(err)
		}
		if inner, err := open(raw, []Key{{Signer: k}}); (err == nil) != (zip == jose.NONE) {
			t.Errorf("zip %q of %d bytes: %d bytes, %v", zip, len(raw), len(inner), err)
		}
	}
	small := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 1023), E: 65537}}
	if err := (&Key{Signer: small}).CheckDecryption(); err == nil {
		t.Error("an RSA key of 1,024 bits is taken")
	}
}

// What is encrypted and not opened says with what, for which key, and what to do.
func TestEncryptedIsNamed(t *testing.T) {
	ours, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	e, err := jose.NewEncrypter(jose.A256GCM, jose.Recipient{Algorithm: jose.ECDH_ES, Key: ours.Public(), KeyID: "new"},
		nil)
	if err != nil {
		t.Fatal(err)
	}
	jwe, err := e.Encrypt([]byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	good, err := jwe.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	head := func(json string) string { return base64.RawURLEncoding.EncodeToString([]byte(json)) + ".AA.AA.AA.AA" }
	const secret = "dGhpcyBpcyBhIHNlY3JldCB0b2tlbg"
	for name, row := range map[string]struct {
		raw  string
		keys []Key
		says []string
	}{
		"no key at all":   {good, nil, []string{"ECDH-ES and A256GCM", `"new"`, "Config.DecryptionKeys is empty"}},
		"another key":     {good, []Key{{ID: "old", Signer: ours}}, []string{"ECDH-ES", `"new"`, "no key of"}},
		"RSA1_5":          {head(`{"alg":"RSA1_5","enc":"A128GCM"}`), nil, []string{"RSA1_5 and A128GCM", "RSA-OAEP-256"}},
		"an unknown enc":  {head(`{"alg":"RSA-OAEP","enc":"XC20P"}`), nil, []string{"RSA-OAEP and XC20P", "A256GCM"}},
		"a broken header": {"!.AA.AA.AA.AA", nil, []string{"its header cannot be read"}},
		"no header":       {head(`{}`), nil, []string{"its header cannot be read"}},
		"too long":        {strings.Repeat("A", maxEncrypted) + "....", nil, []string{"longer than 131072 bytes"}},
		"a token as alg":  {head(`{"alg":"` + secret + `","enc":"` + secret + `","kid":"` + secret + `"}`), nil, nil},
	} {
		_, err := open(row.raw, row.keys)
		if locked := (*EncryptedError)(nil); !errors.As(err, &locked) || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, part := range row.says {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %q is not in %v", name, part, err)
			}
		}
	}
}
