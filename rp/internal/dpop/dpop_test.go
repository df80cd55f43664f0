package dpop

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

var at = time.Date(2026, 11, 27, 8, 0, 0, 0, time.UTC)

func parsed(t testing.TB, raw string) *url.URL {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// DPOP-01: what Key makes Verify takes, for that request and token alone.
func TestProof(t *testing.T) {
	k, err := Parse(NewSeed())
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for range 3 {
		raw, err := k.Proof(Call{Method: "POST", URL: parsed(t, "HTTPS://API.example:443/a%20b?q=1#f"), Token: "token",
			Nonce: "n", At: at})
		if err != nil {
			t.Fatal(err)
		}
		p, err := Verify(raw, Want{"POST", "https://api.example/a%20b", "token", at})
		if err != nil || p.Thumbprint != k.Thumbprint() || p.Nonce != "n" || !p.Until.Equal(at.Add(2*Window)) {
			t.Fatalf("%+v %v", p, err)
		}
		seen[p.ID] = true
	}
	if len(seen) != 3 {
		t.Errorf("%d jti of three proofs", len(seen))
	}
}

// A seed is the whole key: every instance makes the same of it, and nothing prints it.
func TestSeed(t *testing.T) {
	seed := NewSeed()
	a, err := Parse(seed)
	b, err2 := Parse(seed)
	if err != nil || err2 != nil || a.Thumbprint() != b.Thumbprint() || len(seed) != 32 || seed == NewSeed() {
		t.Errorf("%v %v", err, err2)
	}
	secret, err := a.private.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	if text := fmt.Sprintf("%v %s", a, a); strings.Contains(text, new(big.Int).SetBytes(secret).String()) {
		t.Error(text)
	}
	for _, bad := range []string{"", "short", strings.Repeat("\xff", 32), strings.Repeat("\x00", 32)} {
		if k, err := Parse(bad); err == nil {
			t.Errorf("%q: %v", bad, k)
		}
	}
	if Of("") != nil {
		t.Error("a key of nothing")
	}
}

// forge signs any proof.
func forge(t testing.TB, alg jose.SignatureAlgorithm, key any, header, c map[string]any) string {
	t.Helper()
	opts := &jose.SignerOptions{EmbedJWK: true, ExtraHeaders: map[jose.HeaderKey]any{"typ": "dpop+jwt"}}
	for name, v := range header {
		if name == "jwk" && v == nil {
			opts.EmbedJWK = false
			continue
		}
		opts.ExtraHeaders[jose.HeaderKey(name)] = v
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, opts)
	if err != nil {
		t.Fatal(err)
	}
	body := "{"
	for name, v := range c {
		if len(body) > 1 {
			body += ","
		}
		body += fmt.Sprintf("%q:%v", name, v)
	}
	jws, err := s.Sign([]byte(body + "}"))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// DPOP-01: every row of RFC 9449 §4.3, and what a hostile client may try beside it.
func TestVerify(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	strong, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	good := map[string]any{"jti": `"1"`, "htm": `"GET"`, "htu": `"https://api.example/notes"`, "iat": at.Unix(),
		"ath": `"` + hashOf("token") + `"`}
	with := func(name string, v any) map[string]any {
		c := maps.Clone(good)
		if c[name] = v; v == nil {
			delete(c, name)
		}
		return c
	}
	es, none := jose.ES256, map[string]any(nil)
	for _, row := range []struct {
		name string
		raw  string
		good bool
	}{
		{"good", forge(t, es, ec, none, good), true},
		{"RSA", forge(t, jose.PS256, strong, none, good), true},
		{"htu with a query", forge(t, es, ec, none, with("htu", `"https://api.example/notes?a=b#c"`)), true},
		{"htu in another spelling", forge(t, es, ec, none, with("htu", `"HTTPS://API.EXAMPLE:443/notes"`)), true},
		{"a minute old", forge(t, es, ec, none, with("iat", at.Add(-Window).Unix())), true},
		{"too old", forge(t, es, ec, none, with("iat", at.Add(-Window-time.Second).Unix())), false},
		{"from the future", forge(t, es, ec, none, with("iat", at.Add(Window+time.Second).Unix())), false},
		{"no iat", forge(t, es, ec, none, with("iat", nil)), false},
		{"iat as text", forge(t, es, ec, none, with("iat", `"now"`)), false},
		{"no jti", forge(t, es, ec, none, with("jti", nil)), false},
		{"an endless jti", forge(t, es, ec, none, with("jti", `"`+strings.Repeat("x", 300)+`"`)), false},
		{"another method", forge(t, es, ec, none, with("htm", `"POST"`)), false},
		{"the method in lower case", forge(t, es, ec, none, with("htm", `"get"`)), false},
		{"another path", forge(t, es, ec, none, with("htu", `"https://api.example/notes/"`)), false},
		{"another host", forge(t, es, ec, none, with("htu", `"https://evil.example/notes"`)), false},
		{"another scheme", forge(t, es, ec, none, with("htu", `"http://api.example/notes"`)), false},
		{"no htu", forge(t, es, ec, none, with("htu", nil)), false},
		{"another token", forge(t, es, ec, none, with("ath", `"`+hashOf("other")+`"`)), false},
		{"no ath", forge(t, es, ec, none, with("ath", nil)), false},
		{"another typ", forge(t, es, ec, map[string]any{"typ": "JWT"}, good), false},
		{"no typ", forge(t, es, ec, map[string]any{"typ": ""}, good), false},
		{"no key", forge(t, es, ec, map[string]any{"jwk": nil}, good), false},
		{"the private key", forge(t, es, ec, map[string]any{"jwk": jose.JSONWebKey{Key: ec}}, good), false},
		{"another key", forge(t, es, ec, map[string]any{"jwk": jose.JSONWebKey{Key: strong.Public()}}, good), false},
		{"a weak key", forge(t, jose.PS256, weak, none, good), false},
		{"HMAC", forge(t, jose.HS256, []byte("0123456789abcdef0123456789abcdef"), none, good), false},
		{"nothing", "", false},
		{"no token", "a.b.c", false},
		{"too long", strings.Repeat("x", MaxProof+1), false},
	} {
		p, err := Verify(row.raw, Want{"GET", "https://api.example/notes", "token", at})
		if (err == nil) != row.good || (p != nil) != row.good {
			t.Errorf("%s: %+v %v", row.name, p, err)
		}
	}
}

// The newest nonce of each server is kept, and no endless ones.
func TestNonces(t *testing.T) {
	var n Nonces
	as, api := parsed(t, "https://idp.example/token"), parsed(t, "https://api.example/notes")
	answer := func(nonce string) http.Header {
		h := http.Header{}
		h.Set("DPoP-Nonce", nonce)
		return h
	}
	hear := func(h http.Header, used string) bool { _, news := n.Hear(as, h, used); return news }
	if n.For(as) != "" || hear(http.Header{}, "") {
		t.Error("a nonce out of nothing")
	}
	if !hear(answer("1"), "") || hear(answer("1"), "1") || !hear(answer("2"), "1") {
		t.Error("news are no news, or the other way round")
	}
	if n.For(parsed(t, "https://IDP.example:443/par")) != "2" || n.For(api) != "" {
		t.Error("a nonce is of a server, and of no other one")
	}
	if hear(answer(strings.Repeat("x", maxNonce+1)), "2") || n.For(as) != "2" {
		t.Error("an endless nonce is kept")
	}
	for i := range 3 * maxOrigins {
		n.Hear(parsed(t, fmt.Sprintf("https://s%d.example/", i)), answer("x"), "")
	}
	if len(n.of) > maxOrigins {
		t.Errorf("%d nonces", len(n.of))
	}
}

func FuzzVerify(f *testing.F) {
	k, err := Parse(NewSeed())
	if err != nil {
		f.Fatal(err)
	}
	raw, err := k.Proof(Call{Method: "GET", URL: parsed(f, "https://api.example/"), At: at})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add("e30.e30.")
	f.Fuzz(func(t *testing.T, raw string) {
		p, err := Verify(raw, Want{"GET", "https://api.example/", "", at})
		if (err == nil) != (p != nil && p.Thumbprint != "" && p.ID != "") {
			t.Errorf("%+v %v", p, err)
		}
	})
}
