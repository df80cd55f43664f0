package idpmock_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

// PS256 signs everything, with the RSA key that was given, and discovery says so (FAPI 2.0
// Security Profile §5.4). What introspection answers is signed where that is asked for, or the
// client has it so (RFC 9701 §4, §5).
func TestPS256(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	inBubble(t, func(c *idpmock.Config) {
		c.SigningAlg, c.Keys = "PS256", []crypto.Signer{key}
		c.Clients = append(c.Clients, idpmock.Client{ID: "strict", Secret: "strict-secret", IntrospectionSigned: true})
	}, func(t *testing.T, w *world) {
		read := func(raw, typ string) map[string]any {
			t.Helper()
			signed, err := jose.ParseSignedCompact(raw, []jose.SignatureAlgorithm{jose.PS256})
			if err != nil {
				t.Fatalf("%v: %s", err, raw)
			}
			payload, err := signed.Verify(&key.PublicKey)
			if err != nil || signed.Signatures[0].Header.ExtraHeaders["typ"] != typ {
				t.Fatalf("%v %v", err, signed.Signatures[0].Header)
			}
			var claims map[string]any
			if err := json.Unmarshal(payload, &claims); err != nil {
				t.Fatal(err)
			}
			return claims
		}
		tokens := w.login(w.Browser("ada"), "notes")
		if c := read(tokens.text("id_token"), "JWT"); c["at_hash"] == nil || c["sub"] != "ada" {
			t.Errorf("%v", c)
		}
		read(tokens.text("access_token"), "at+jwt")
		meta := w.get(t, idpmock.PathDiscovery)
		for _, name := range []string{"id_token_signing_alg_values_supported",
			"introspection_signing_alg_values_supported"} {
			if list, _ := meta[name].([]any); len(list) != 1 || list[0] != "PS256" {
				t.Errorf("%s: %v", name, meta[name])
			}
		}
		if keys, _ := w.get(t, idpmock.PathJWKS)["keys"].([]any); len(keys) != 1 ||
			keys[0].(map[string]any)["alg"] != "PS256" {
			t.Errorf("%v", keys)
		}
		for _, row := range []struct {
			client, accept string
			signed         bool
		}{
			{"api", "application/json", false}, {"strict", "application/json", true},
			{"api", "application/token-introspection+jwt", true},
		} {
			form := url.Values{"token": {tokens.text("access_token")}}
			req, _ := http.NewRequest(http.MethodPost, w.URL+idpmock.PathIntrospect, strings.NewReader(form.Encode()))
			req.Header = http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Accept": {row.accept}}
			req.SetBasicAuth(row.client, row.client+"-secret")
			resp, err := w.http.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			if kind := resp.Header.Get("Content-Type"); row.signed !=
				(kind == "application/token-introspection+jwt") {
				t.Fatalf("%v: %s %s", row, kind, body)
			}
			var answer map[string]any
			if row.signed {
				c := read(string(body), "token-introspection+jwt")
				if c["iss"] != w.URL || c["aud"] != row.client || c["iat"] == nil || c["sub"] != nil {
					t.Errorf("%v", c)
				}
				answer, _ = c["token_introspection"].(map[string]any)
			} else if err := json.Unmarshal(body, &answer); err != nil {
				t.Fatal(err)
			}
			if answer["active"] != true || answer["sub"] != "ada" {
				t.Errorf("%v: %v", row, answer)
			}
		}
		if err := w.RotateKeys(false); err != nil {
			t.Fatal(err)
		}
		again, err := jose.ParseSignedCompact(w.login(w.Browser("bob"), "notes").text("id_token"),
			[]jose.SignatureAlgorithm{jose.PS256})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := again.Verify(&key.PublicKey); err == nil {
			t.Error("the key was not rotated")
		}
	})
}

// get reads a document of the provider.
func (w *world) get(t *testing.T, path string) map[string]any {
	t.Helper()
	resp, err := w.http.Get(w.URL + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var fields map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&fields); err != nil {
		t.Fatal(err)
	}
	return fields
}
