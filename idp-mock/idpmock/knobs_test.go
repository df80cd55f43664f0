package idpmock_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

// F5, IDP-02: hints that a client may learn the window and the ceiling from.
func TestHints(t *testing.T) {
	inBubble(t, func(c *idpmock.Config) {
		c.RefreshExpiresIn, c.RefreshTokenTimeout, c.SessionExpiry = true, true, true
	}, func(t *testing.T, w *world) {
		tok := w.login(w.Browser("ada"), "notes")
		if tok.fields["refresh_expires_in"] != 900.0 || tok.fields["refresh_token_timeout"] != 900.0 ||
			tok.fields["authorization_expires_in"] != 8*3600.0 {
			t.Errorf("%v", tok.fields)
		}
		begun := time.Now()
		if _, c := peek(t, tok.text("id_token")); int64(c["session_expiry"].(float64)) != begun.Add(
			8*time.Hour).Unix() {
			t.Errorf("%v", c["session_expiry"])
		}
		for range 33 { // 7 h 42 min
			time.Sleep(14 * time.Minute)
			tok = w.refresh("notes", tok.text("refresh_token"))
		}
		time.Sleep(8 * time.Minute)
		// the absolute end is nearer
		if tok = w.refresh("notes", tok.text("refresh_token")); tok.fields["refresh_expires_in"] != 600.0 {
			t.Errorf("%v", tok.fields["refresh_expires_in"])
		}
		if _, c := peek(t, tok.text("id_token")); int64(c["session_expiry"].(float64)) != begun.Add(
			8*time.Hour).Unix() {
			t.Errorf("%v", c["session_expiry"])
		}
	})
}

// CORE-10: a refreshed ID token has the original auth_time and sid, and no nonce.
func TestRefreshedIDToken(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		tok := w.login(w.Browser("ada"), "notes")
		time.Sleep(time.Minute)
		next := w.refresh("notes", tok.text("refresh_token"))
		_, a := peek(t, tok.text("id_token"))
		_, b := peek(t, next.text("id_token"))
		if a["sid"] != b["sid"] || a["auth_time"] != b["auth_time"] || a["iat"] == b["iat"] || a["nonce"] != "n" ||
			b["nonce"] != nil {
			t.Errorf("%v\n%v", a, b)
		}
	})
}

func TestReusableRefreshTokens(t *testing.T) {
	inBubble(t, func(c *idpmock.Config) { c.Clients[0].ReusableRefreshTokens = true }, func(t *testing.T, w *world) {
		tok := w.login(w.Browser("ada"), "notes")
		for range 3 {
			if a := w.refresh("notes", tok.text("refresh_token")); a.status != http.StatusOK ||
				a.text("refresh_token") != "" {
				t.Error(a)
			}
		}
	})
}

// ASVS 10.4.8: rotation does not prolong the family.
func TestRefreshTokensHaveAnEnd(t *testing.T) {
	inBubble(t, func(c *idpmock.Config) {
		c.Clients[0].RefreshTokenLifetime = 30 * time.Minute
	}, func(t *testing.T, w *world) {
		tok := w.login(w.Browser("ada"), "notes")
		for range 2 {
			time.Sleep(10 * time.Minute)
			tok = w.refresh("notes", tok.text("refresh_token"))
		}
		time.Sleep(10 * time.Minute)
		if a := w.refresh("notes", tok.text("refresh_token")); a.text("error") != "invalid_grant" {
			t.Error(a)
		}
	})
}

func TestCodesAndTokensExpire(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		b := w.Browser("ada")
		cb, err := b.Authorize(t.Context(), authURL(w.URL, "notes"))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if a := w.exchange("notes", cb); a.text("error") != "invalid_grant" {
			t.Errorf("an old code: %v", a)
		}
		tok := w.login(b, "notes")
		time.Sleep(5*time.Minute - 1)
		if a := w.userinfo(tok.text("access_token")); a.status != http.StatusOK {
			t.Error(a)
		}
		time.Sleep(time.Nanosecond)
		if a := w.userinfo(tok.text("access_token")); a.status != http.StatusUnauthorized {
			t.Errorf("an old token: %v", a)
		}
	})
}

// acr_values that the session does not have ask for another sign-in.
func TestStepUp(t *testing.T) {
	inBubble(t, func(c *idpmock.Config) { c.ACRValues = []string{"pwd", "mfa"} }, func(t *testing.T, w *world) {
		b := w.Browser("ada")
		if _, c := peek(t, w.login(b, "notes").text("id_token")); c["acr"] != "pwd" {
			t.Errorf("acr %v", c["acr"])
		}
		cb, _ := b.Authorize(t.Context(), authURL(w.URL, "notes", "acr_values", "mfa", "prompt", "none"))
		if !strings.Contains(cb, "error=login_required") {
			t.Error(cb)
		}
		if _, c := peek(t, w.login(b, "notes", "acr_values", "unknown mfa").text("id_token")); c["acr"] != "mfa" {
			t.Errorf("acr %v", c["acr"])
		}
	})
}

func TestMaxAge(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		b := w.Browser("ada")
		w.login(b, "notes")
		time.Sleep(10 * time.Minute)
		for age, want := range map[string]string{"600": "code=", "599": "error=login_required",
			"nonsense": "error=invalid_request"} {
			cb, err := b.Authorize(t.Context(), authURL(w.URL, "notes", "max_age", age, "prompt", "none"))
			if err != nil || !strings.Contains(cb, want) {
				t.Errorf("max_age=%s: %s %v", age, cb, err)
			}
		}
	})
}

// PAR-01: a client that must push cannot do without.
func TestRequirePAR(t *testing.T) {
	inBubble(t, func(c *idpmock.Config) { c.Clients[0].RequirePAR = true }, func(t *testing.T, w *world) {
		b := w.Browser("ada")
		if cb, err := b.Authorize(t.Context(), authURL(w.URL, "notes")); err == nil {
			t.Errorf("not pushed, yet sent to %s", cb)
		}
		u, _ := url.Parse(authURL(w.URL, "notes"))
		a := w.must(w.post(idpmock.PathPAR, "notes", u.Query()))
		if a.status != http.StatusCreated {
			t.Fatal(a)
		}
		to := w.URL + idpmock.PathAuthorize + "?" +
			url.Values{"client_id": {"notes"}, "request_uri": {a.text("request_uri")}}.Encode()
		if cb, err := b.Authorize(t.Context(), to); err != nil || !strings.Contains(cb, "code=") {
			t.Errorf("%s %v", cb, err)
		}
		if cb, err := b.Authorize(t.Context(), to); err == nil { // good once
			t.Errorf("used twice: %s", cb)
		}
		a = w.must(w.post(idpmock.PathPAR, "notes", u.Query()))
		time.Sleep(time.Minute)
		if cb, err := b.Authorize(t.Context(), w.URL+idpmock.PathAuthorize+"?"+url.Values{"client_id": {"notes"},
			"request_uri": {a.text("request_uri")}}.Encode()); err == nil {
			t.Errorf("expired: %s", cb)
		}
	})
}

// DPOP-02: the nonce is asked for, given, and changes.
func TestDPoPNonce(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	inBubble(t, func(c *idpmock.Config) {
		c.DPoPNonce, c.Clients[0].DPoPBound = true, true
	}, func(t *testing.T, w *world) {
		n := 0
		call := func(form url.Values, nonce string) (*http.Response, map[string]any) {
			t.Helper()
			n++
			signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key},
				(&jose.SignerOptions{EmbedJWK: true}).WithType("dpop+jwt"))
			if err != nil {
				t.Fatal(err)
			}
			payload, _ := json.Marshal(map[string]any{"jti": string(rune('a' + n)), "htm": "POST", "htu": w.URL +
				idpmock.PathToken, "iat": time.Now().Unix(), "nonce": nonce})
			jws, err := signer.Sign(payload)
			if err != nil {
				t.Fatal(err)
			}
			proof, _ := jws.CompactSerialize()
			req, _ := http.NewRequest(http.MethodPost, w.URL+idpmock.PathToken, strings.NewReader(form.Encode()))
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			req.Header.Set("DPoP", proof)
			req.SetBasicAuth("notes", "notes-secret")
			resp, err := w.http.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			var fields map[string]any
			_ = json.NewDecoder(resp.Body).Decode(&fields)
			return resp, fields
		}
		cb, err := w.Browser("ada").Authorize(t.Context(), authURL(w.URL, "notes"))
		if err != nil {
			t.Fatal(err)
		}
		u, _ := url.Parse(cb)
		form := url.Values{"grant_type": {"authorization_code"}, "code": {u.Query().Get("code")},
			"redirect_uri": {"https://notes.example/cb"}, "code_verifier": {verifier}}
		resp, fields := call(form, "")
		nonce := resp.Header.Get("DPoP-Nonce")
		if resp.StatusCode != http.StatusBadRequest || fields["error"] != "use_dpop_nonce" || nonce == "" {
			t.Fatalf("%d %v %q", resp.StatusCode, fields, nonce)
		}
		resp, fields = call(form, nonce) // the code is still good
		if resp.StatusCode != http.StatusOK || fields["token_type"] != "DPoP" {
			t.Fatalf("%d %v", resp.StatusCode, fields)
		}
		w.Sessions()
		time.Sleep(11 * time.Minute)
		resp, fields = call(url.Values{"grant_type": {"refresh_token"},
			"refresh_token": {fields["refresh_token"].(string)}}, nonce)
		if fields["error"] != "use_dpop_nonce" || resp.Header.Get("DPoP-Nonce") == nonce {
			t.Errorf("an old nonce: %d %v", resp.StatusCode, fields)
		}
		if a := w.refresh("notes", "x"); a.text("error") != "invalid_dpop_proof" {
			t.Errorf("without proof: %v", a)
		}
	})
}

// Users from the configuration: only they, and with their passwords.
func TestUsers(t *testing.T) {
	inBubble(t, func(c *idpmock.Config) {
		c.Users = []idpmock.User{{Username: "ada", Subject: "u-1", Name: "Ada Lovelace", Email: "ada@example.com",
			Claims: map[string]any{"role": "admin"}}, {Username: "bob", Password: "hunter2"}}
	}, func(t *testing.T, w *world) {
		_, c := peek(t, w.login(w.Browser("ada"), "notes", "scope", "openid profile email").text("id_token"))
		if c["sub"] != "u-1" || c["name"] != "Ada Lovelace" || c["email"] != "ada@example.com" || c["role"] != "admin" {
			t.Errorf("%v", c)
		}
		// knows his password
		if _, err := w.Browser("bob").Authorize(t.Context(), authURL(w.URL, "notes")); err != nil {
			t.Error(err)
		}
		if _, err := w.Browser("eve").Authorize(t.Context(), authURL(w.URL, "notes")); err == nil ||
			!strings.Contains(err.Error(), "do not fit") {
			t.Errorf("eve: %v", err)
		}
		if _, err := w.SignIn("eve"); err == nil {
			t.Error("eve signed in")
		}
	})
}

// A code that was never bound to a challenge takes no verifier (RFC 9700 §4.8.2).
func TestPKCEDowngrade(t *testing.T) {
	inBubble(t, func(c *idpmock.Config) { c.Clients[0].PKCEOptional = true }, func(t *testing.T, w *world) {
		b := w.Browser("ada")
		cb, err := b.Authorize(t.Context(), authURL(w.URL, "notes", "code_challenge", "", "code_challenge_method", ""))
		if err != nil || !strings.Contains(cb, "code=") {
			t.Fatal(cb, err)
		}
		if a := w.exchange("notes", cb); a.text("error") != "invalid_grant" {
			t.Errorf("%v", a)
		}
	})
}

func TestConfigMistakes(t *testing.T) {
	for want, c := range map[string]idpmock.Config{
		"Config.Issuer":     {Issuer: "https://idp.example/"},
		"Config.SigningAlg": {Issuer: "https://idp.example", SigningAlg: "HS256"},
		"Config.IdleWindow": {Issuer: "https://idp.example", IdleWindow: -1},
		"Clients[1].ID":     {Issuer: "https://idp.example", Clients: []idpmock.Client{{ID: "a"}, {ID: "a"}}},
		"Users[0].Username": {Issuer: "https://idp.example", Users: []idpmock.User{{}}},
		"RedirectURIs": {Issuer: "https://idp.example",
			Clients: []idpmock.Client{{ID: "a", RedirectURIs: []string{"https://a.example/cb#frag"}}}},
		// BCL-01
		"BackchannelLogout": {Issuer: "https://idp.example",
			Clients: []idpmock.Client{{ID: "a", BackchannelLogoutURI: "/relative"}}},
		"AccessTokenType": {Issuer: "https://idp.example",
			Clients: []idpmock.Client{{ID: "a", AccessTokenType: "opaque"}}},
	} {
		if idp, err := idpmock.New(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
			if idp != nil {
				idp.Close()
			}
		}
	}
}

// A whole issuer under a path.
func TestIssuerWithPath(t *testing.T) {
	inBubble(t, func(c *idpmock.Config) { c.Issuer += "/realms/test" }, func(t *testing.T, w *world) {
		b := w.Browser("ada")
		tok := w.login(b, "notes")
		if _, c := peek(t, tok.text("id_token")); c["iss"] != "https://idp.example/realms/test" {
			t.Error(c["iss"])
		}
		if to, err := b.Logout(t.Context(), w.URL+idpmock.PathEndSession); err != nil || to != "" ||
			len(w.Sessions()) != 0 {
			t.Errorf("%q %v", to, err)
		}
	})
}
