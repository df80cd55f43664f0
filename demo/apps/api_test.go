package apps_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/demo/apps"
	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/idp-mock/idptest"
)

func TestWrongConfiguration(t *testing.T) {
	for text, c := range map[string]apps.APIConfig{
		"-issuer is missing":              {ClientID: "api", ClientSecret: "x"},
		"-client-id is missing":           {Issuer: "http://127.0.0.1:1", ClientSecret: "x"},
		"-client-secret is missing":       {Issuer: "http://127.0.0.1:1", ClientID: "api"},
		"Config.Issuer: is \"ftp://x\"":   {Issuer: "ftp://x", ClientID: "api", ClientSecret: "x", Wait: time.Hour},
		"discovery of http://127.0.0.1:1": {Issuer: "http://127.0.0.1:1", ClientID: "api", ClientSecret: "x"},
		"-listen 127.0.0.1:x": {Issuer: "http://127.0.0.1:1", ClientID: "api", ClientSecret: "x",
			Listen: "127.0.0.1:x"},
	} {
		if c.Listen == "" {
			c.Listen = "127.0.0.1:0"
		}
		c.Logger = slog.New(slog.DiscardHandler)
		if _, err := apps.StartAPI(t.Context(), c); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// accessToken signs ada in to the client notes.
func accessToken(t *testing.T, idp *idptest.Server) string {
	t.Helper()
	callback, err := idp.Browser("ada").Authorize(t.Context(), idp.URL+"/authorize?"+url.Values{
		"client_id": {"notes"}, "redirect_uri": {"http://notes.localhost/cb"}, "response_type": {"code"},
		"scope": {"openid profile"}}.Encode())
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(callback)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.PostForm(idp.URL+"/token", url.Values{"grant_type": {"authorization_code"},
		"code":         {u.Query().Get("code")},
		"redirect_uri": {"http://notes.localhost/cb"}, "client_id": {"notes"}, "client_secret": {"s3cret"}})
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var tokens struct {
		Access string `json:"access_token"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&tokens); err != nil || tokens.Access == "" {
		t.Fatal(resp.Status, err)
	}
	return tokens.Access
}

func TestWhoami(t *testing.T) {
	idp := idptest.Start(t, idptest.WithClients(
		idpmock.Client{ID: "notes", Secret: "s3cret", RedirectURIs: []string{"http://notes.localhost/cb"},
			AccessTokenType: idpmock.Reference, PKCEOptional: true},
		idpmock.Client{ID: "api", Secret: "api-s3cret"}))
	token := accessToken(t, idp)
	run := func(cache time.Duration) (a *apps.API, whoami func(token string) (int, string, string)) {
		a, err := apps.StartAPI(t.Context(), apps.APIConfig{Issuer: idp.URL, ClientID: "api",
			ClientSecret: "api-s3cret", Listen: "127.0.0.1:0",
			Cache: cache, Logger: slog.New(slog.DiscardHandler), Now: idp.Now})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := a.Close(); err != nil {
				t.Error(err)
			}
		})
		return a, func(token string) (int, string, string) {
			r, _ := http.NewRequest("GET", a.URL()+"/whoami", nil)
			if token != "" {
				r.Header.Set("Authorization", "Bearer "+token)
			}
			resp, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			text, _ := io.ReadAll(resp.Body)
			return resp.StatusCode, resp.Header.Get("WWW-Authenticate"), string(text)
		}
	}
	a, whoami := run(0)
	if resp, err := http.Get(a.URL() + "/healthz"); err != nil || resp.StatusCode != 200 {
		t.Fatal(resp, err)
	}
	for range 2 {
		status, _, text := whoami(token)
		var id apps.Identity
		if err := json.Unmarshal([]byte(text), &id); status != 200 || err != nil || id.Subject != "ada" ||
			id.Client != "notes" {
			t.Fatal(status, text, err)
		}
	}
	idp.Expect(idpmock.EndpointIntrospect, "api", 2)
	if status, challenge, _ := whoami("junk"); status != 401 || challenge != `Bearer error="invalid_token"` {
		t.Error(status, challenge)
	}
	if status, challenge, _ := whoami(""); status != 401 || challenge != "Bearer" {
		t.Error(status, challenge)
	}

	_, cached := run(time.Hour)
	before := idp.Count(idpmock.EndpointIntrospect, "api")
	for range 3 {
		if status, _, _ := cached(token); status != 200 {
			t.Fatal(status)
		}
	}
	if n := idp.Count(idpmock.EndpointIntrospect, "api") - before; n != 1 {
		t.Errorf("with a cache the IdP was asked %d times", n)
	}
	if err := idp.EndSession(idp.Sessions()[0].SID); err != nil {
		t.Fatal(err)
	}
	if status, challenge, _ := whoami(token); status != 401 || challenge != `Bearer error="invalid_token"` {
		t.Error("after the end:", status, challenge)
	}
	if status, _, _ := cached(token); status != 200 {
		t.Error("a cache hides the end for a while; that is its price:", status)
	}

	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := a.Run(ctx); err != nil {
		t.Error(err)
	}
}
