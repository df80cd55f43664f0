package idpmock_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

// registers calls the registration endpoint or a client's own one.
func (w *world) registers(method, where, token, body string) (int, map[string]any) {
	w.t.Helper()
	if !strings.Contains(where, "://") {
		where = w.URL + where
	}
	req, err := http.NewRequestWithContext(w.t.Context(), method, where, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := w.http.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	var fields map[string]any
	_ = json.Unmarshal(raw, &fields) // some answers are empty
	return resp.StatusCode, fields
}

// secretWorks tries a client's secret: the code is wrong in any case.
func (w *world) secretWorks(id, secret string) bool {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), "POST", w.URL+idpmock.PathToken,
		strings.NewReader(url.Values{"grant_type": {"authorization_code"}, "code": {"x"},
			"redirect_uri": {"https://new.example/cb"}}.Encode()))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(id, secret)
	resp, err := w.http.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusBadRequest // invalid_grant, not invalid_client
}

// RFC 7591 and RFC 7592: a client registers, reads, changes and deletes itself.
func TestRegistration(t *testing.T) {
	policy := &idpmock.Registration{InitialToken: "initial", RotateTokens: true, RotateSecrets: true,
		SecretSeconds: 3600, Drops: []string{"logo_uri"}}
	inBubble(t, func(c *idpmock.Config) { c.Registration = policy }, func(t *testing.T, w *world) {
		const good = `{"redirect_uris":["https://new.example/cb"],"client_name":"new","logo_uri":"https://new.example/logo"}`
		for body, code := range map[string]string{
			"{": "invalid_client_metadata", "null": "invalid_client_metadata", "{}": "invalid_redirect_uri",
			`{"redirect_uris":["/cb"]}`: "invalid_redirect_uri",
			`{"redirect_uris":["https://new.example/cb"],"token_endpoint_auth_method":"magic"}`:                  "invalid_client_metadata",
			`{"redirect_uris":["https://new.example/cb"],"token_endpoint_auth_method":"private_key_jwt"}`:        "invalid_client_metadata",
			`{"redirect_uris":["https://new.example/cb"],"backchannel_logout_uri":"https://new.example/l#frag"}`: "invalid_client_metadata",
		} {
			if status, got := w.registers("POST", idpmock.PathRegister, "initial", body); status != 400 ||
				got["error"] != code {
				t.Errorf("%s: %d %v", body, status, got)
			}
		}
		if status, got := w.registers("POST", idpmock.PathRegister, "guess", good); status != 401 ||
			got["error"] != "invalid_token" {
			t.Errorf("without the initial token: %d %v", status, got)
		}
		status, made := w.registers("POST", idpmock.PathRegister, "initial", good)
		id, secret, token, where := made["client_id"].(string), made["client_secret"].(string),
			made["registration_access_token"].(string), made["registration_client_uri"].(string)
		if status != 201 || made["client_name"] != "new" || made["logo_uri"] != nil ||
			made["client_secret_expires_at"].(float64) == 0 || !w.secretWorks(id, secret) {
			t.Fatalf("%d %v", status, made)
		}
		if _, meta := w.registers("GET", idpmock.PathDiscovery, "",
			""); meta["registration_endpoint"] != w.URL+idpmock.PathRegister {
			t.Errorf("discovery: %v", meta["registration_endpoint"])
		}
		status, read := w.registers("GET", where, token, "")
		if status != 200 || read["client_id"] != id || read["client_secret"] != secret ||
			read["registration_access_token"] == token {
			t.Errorf("read: %d %v", status, read)
		}
		if status, _ := w.registers("GET", where, token, ""); status != 401 {
			t.Errorf("with the former token: %d", status)
		}
		token = read["registration_access_token"].(string)
		for _, body := range []string{good, `{"client_id":"notes","redirect_uris":["https://new.example/cb"]}`,
			`{"client_id":"` + id + `","client_secret":"guess","redirect_uris":["https://new.example/cb"]}`,
			`{"client_id":"` + id + `","registration_access_token":"x","redirect_uris":["https://new.example/cb"]}`} {
			if status, got := w.registers("PUT", where, token, body); status != 400 ||
				got["error"] != "invalid_request" {
				t.Errorf("%s: %d %v", body, status, got)
			}
		}
		status, changed := w.registers("PUT", where, token,
			`{"client_id":"`+id+`","client_secret":"`+secret+`","redirect_uris":["https://new.example/2"]}`)
		if status != 200 || changed["client_name"] != nil || changed["client_secret"] != secret {
			t.Errorf("changed: %d %v", status, changed)
		}
		status, changed = w.registers("PUT", where, changed["registration_access_token"].(string),
			`{"client_id":"`+id+`","redirect_uris":["https://new.example/2"]}`)
		if status != 200 || w.secretWorks(id, secret) || !w.secretWorks(id, changed["client_secret"].(string)) {
			t.Errorf("another secret: %d %v", status, changed)
		}
		time.Sleep(time.Hour)
		if w.secretWorks(id, changed["client_secret"].(string)) {
			t.Error("the secret lives on")
		}
		token = changed["registration_access_token"].(string)
		if status, _ := w.registers("DELETE", where, token, ""); status != 204 {
			t.Errorf("deleted: %d", status)
		}
		if status, _ := w.registers("GET", where, token, ""); status != 401 {
			t.Errorf("read after it was deleted: %d", status)
		}
		if status, _ := w.registers("DELETE", w.URL+idpmock.PathRegister+"/notes", token, ""); status != 401 {
			t.Errorf("a client that did not register itself: %d", status)
		}
	})
	inBubble(t, nil, func(t *testing.T, w *world) {
		if status, _ := w.registers("POST", idpmock.PathRegister, "", "{}"); status != 404 {
			t.Errorf("without Config.Registration: %d", status)
		}
	})
}

// RFC 7591 §2.3: what a trusted software statement says counts.
func TestSoftwareStatement(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	statement := func(key *ecdsa.PrivateKey) string {
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, nil)
		if err != nil {
			t.Fatal(err)
		}
		jws, err := signer.Sign([]byte(`{"iss":"https://vendor.example","software_id":"notes","client_name":"Notes by Vendor"}`))
		if err != nil {
			t.Fatal(err)
		}
		raw, err := jws.CompactSerialize()
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	keys, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public()}}})
	if err != nil {
		t.Fatal(err)
	}
	policy := &idpmock.Registration{StatementKeys: keys, RequireStatement: true, Unmanaged: true}
	inBubble(t, func(c *idpmock.Config) { c.Registration = policy }, func(t *testing.T, w *world) {
		for _, c := range []struct {
			statement, code string
		}{
			{statement(key), ""}, {"", "invalid_software_statement"}, {"a.b.c", "invalid_software_statement"},
			{statement(foreign), "unapproved_software_statement"},
		} {
			status, got := w.registers("POST", idpmock.PathRegister, "",
				`{"redirect_uris":["https://new.example/cb"],"client_name":"mine","software_statement":"`+c.statement+`"}`)
			switch {
			case c.code != "" && (status != 400 || got["error"] != c.code):
				t.Errorf("%d %v, want %s", status, got, c.code)
			case c.code == "" && (status != 201 || got["client_name"] != "Notes by Vendor" ||
				got["registration_client_uri"] != nil):
				t.Errorf("%d %v", status, got)
			}
		}
	})
}
