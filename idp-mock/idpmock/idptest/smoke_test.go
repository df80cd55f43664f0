package idptest_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/idp-mock/idpmock/idptest"
)

const (
	verifier  = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
)

func notes(srv string) idpmock.Client {
	return idpmock.Client{ID: "notes", Secret: "s3cret", RedirectURIs: []string{srv + "/cb"}, PostLogoutRedirectURIs: []string{srv + "/bye"},
		BackchannelLogoutURI: srv + "/logout", RefreshTokens: true}
}

func authURL(issuer, client, redirect string) string {
	return issuer + "/authorize?" + url.Values{"client_id": {client}, "redirect_uri": {redirect}, "response_type": {"code"}, "scope": {"openid profile"},
		"state": {"st"}, "nonce": {"n"}, "code_challenge": {challenge}, "code_challenge_method": {"S256"}}.Encode()
}

func tokens(t *testing.T, c *http.Client, issuer string, form url.Values) (int, map[string]any) {
	t.Helper()
	req, _ := http.NewRequest("POST", issuer+"/token", nil)
	req.Body = io.NopCloser(strings.NewReader(form.Encode()))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth("notes", "s3cret")
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var out map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, out
}

// A whole life in virtual time: sign in, refresh, idle out, and the client is
// told (BCLO-01, BCLO-02).
func TestLifeInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		told := make(chan string, 10)
		s := idptest.StartMem(t, idptest.WithClients(notes("https://notes.example")), idptest.WithConfig(func(c *idpmock.Config) { c.SigningAlg = "ES256" }))
		stop, err := s.Net.Serve("notes.example", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { told <- r.FormValue("logout_token") }))
		if err != nil {
			t.Fatal(err)
		}
		defer stop()
		client := s.Net.Client()

		cb, err := s.Browser("ada").Authorize(context.Background(), authURL(s.URL, "notes", "https://notes.example/cb"))
		if err != nil {
			t.Fatal(err)
		}
		u, _ := url.Parse(cb)
		if u.Query().Get("state") != "st" || u.Query().Get("iss") != s.URL {
			t.Fatalf("callback %s", cb)
		}
		status, tok := tokens(t, client, s.URL, url.Values{"grant_type": {"authorization_code"}, "code": {u.Query().Get("code")}, "redirect_uri": {"https://notes.example/cb"}, "code_verifier": {verifier}})
		if status != 200 {
			t.Fatal(tok)
		}
		for range 4 {
			time.Sleep(14 * time.Minute)
			if status, tok = tokens(t, client, s.URL, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tok["refresh_token"].(string)}}); status != 200 {
				t.Fatal(tok)
			}
		}
		if len(told) != 0 {
			t.Fatal("told too early")
		}
		time.Sleep(15*time.Minute + 2*time.Second)
		if len(told) != 1 {
			t.Fatalf("%d logout tokens, want 1", len(told))
		}
		if status, tok = tokens(t, client, s.URL, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tok["refresh_token"].(string)}}); status != 400 || tok["error"] != "invalid_grant" {
			t.Fatal(status, tok)
		}
		s.Expect(idpmock.EndpointRefresh, "notes", 5)
	})
}
