package rp_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/pages"
	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/memstore"
)

// discoveryOnly is an IdP of which only the discovery document counts.
type discoveryOnly map[string]any

func (d discoveryOnly) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host == "notes.example" { // the app does not run
		return nil, errRefused
	}
	w := httptest.NewRecorder()
	w.Header().Set("Content-Type", "application/json")
	doc := map[string]any{
		"issuer": "https://idp.example", "authorization_endpoint": "https://idp.example/authorize",
		"token_endpoint": "https://idp.example/token",
		"jwks_uri":       "https://idp.example/jwks", "userinfo_endpoint": "https://idp.example/userinfo",
		"end_session_endpoint": "https://idp.example/logout",
		"revocation_endpoint":  "https://idp.example/revoke", "authorization_response_iss_parameter_supported": true,
		"backchannel_logout_supported": true, "backchannel_logout_session_supported": true,
	}
	for name, v := range d {
		if v == nil {
			delete(doc, name)
		} else {
			doc[name] = v
		}
	}
	if err := json.NewEncoder(w).Encode(doc); err != nil {
		return nil, err
	}
	return w.Result(), nil
}

func TestDiagnose(t *testing.T) {
	auth0, keycloak, duende, entra, generic := like("auth0"), like("keycloak"), like("duende"), like("entra"),
		like("generic")
	for _, row := range []struct {
		name    string
		doc     discoveryOnly
		config  rp.Config
		serious []string // all of them
		told    []string // among the others
	}{
		{name: "all is well", config: rp.Config{Capabilities: &duende},
			told: []string{"capabilities", "self_unreachable"}},
		{name: "an IdP that nobody knows", serious: []string{"idp_unverified"}, told: []string{"capabilities"}},
		{name: "idp-mock, which says so", doc: discoveryOnly{"idp_mock": true}, told: []string{"capabilities"}},
		{name: "tokens do not follow the session", config: rp.Config{Capabilities: &auth0},
			serious: []string{"no_signal", "no_logout_on_expiry"}},
		{name: "silent check helps", config: rp.Config{Capabilities: &auth0, SilentCheck: true}},
		{name: "a local limit helps", config: rp.Config{Kind: rp.NoToken, Capabilities: &keycloak, Idle: time.Hour},
			told: []string{"told_nothing"}},
		{name: "nobody can know", doc: discoveryOnly{"backchannel_logout_supported": false},
			config: rp.Config{Kind: rp.NoToken, Capabilities: &generic}, serious: []string{"blind"}},
		{name: "no back channel", doc: discoveryOnly{"backchannel_logout_supported": nil},
			config: rp.Config{Capabilities: &generic}, told: []string{"no_backchannel"}},
		{name: "logout by person", doc: discoveryOnly{"backchannel_logout_session_supported": false},
			config: rp.Config{Capabilities: &generic}, told: []string{"backchannel_without_sid"}},
		{name: "no userinfo", doc: discoveryOnly{"userinfo_endpoint": nil},
			config:  rp.Config{Kind: rp.ReferenceToken, Capabilities: &duende},
			serious: []string{"no_signal", "no_userinfo"}},
		{name: "no revocation, no logout", doc: discoveryOnly{"revocation_endpoint": nil, "end_session_endpoint": nil},
			config: rp.Config{Capabilities: &generic}, told: []string{"no_revocation", "no_end_session"}},
		{name: "no iss", doc: discoveryOnly{"authorization_response_iss_parameter_supported": nil},
			config: rp.Config{Capabilities: &generic}, told: []string{"no_iss"}},
		{name: "APIs that do not count", config: rp.Config{Kind: rp.ReferenceToken, Capabilities: &duende,
			APIs: []rp.API{{Origin: "https://api.example"}}}, told: []string{"api_is_no_signal"}},
		{name: "a resource at Entra ID", config: rp.Config{Capabilities: &entra, SilentCheck: true,
			APIs: []rp.API{{Origin: "https://api.example", Resource: "api://notes"}}},
			serious: []string{"api_parameter"}},
		{name: "a scope at Entra ID", config: rp.Config{Capabilities: &entra, SilentCheck: true,
			APIs: []rp.API{{Origin: "https://api.example", Scopes: []string{"api://notes/read"}}}}},
		{name: "a resource at Auth0", config: rp.Config{Capabilities: &auth0, SilentCheck: true,
			APIs: []rp.API{{Origin: "https://api.example", Resource: "https://api.example"}}},
			serious: []string{"api_parameter"}},
		{name: "an audience at Auth0", config: rp.Config{Capabilities: &auth0, SilentCheck: true,
			APIs: []rp.API{{Origin: "https://api.example", Audience: "https://api.example"},
				{Origin: "https://b.example"}}}},
		{name: "pages that lack words", config: rp.Config{Capabilities: &duende,
			Pages: pages.Config{Texts: map[string]map[string]string{"de": {}}}}, told: []string{"page_texts"}},
		{name: "introspection that does not count", config: rp.Config{Kind: rp.RefreshToken, Capabilities: &keycloak,
			APIIntrospects: true}, told: []string{"introspection_extends_not"}},
		{name: "limits at odds", config: rp.Config{Capabilities: &duende, IdPWindow: 3 * time.Minute,
			Idle: time.Minute}, told: []string{"trust_capped", "idle_below_window"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := row.config
			c.Issuer, c.ClientID, c.BaseURL, c.Keys = "https://idp.example", "notes", "https://notes.example",
				rp.Keys{rp.NewKey()}
			c.Store, c.HTTPClient = memstore.New(memstore.Options{}), &http.Client{Transport: row.doc}
			c.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
			found, err := rp.Diagnose(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			var serious, told []string
			for _, f := range found {
				if !strings.HasSuffix(f.Text, ".") || strings.Contains(f.Text, "%!") {
					t.Errorf("%s is no plain sentence: %q", f.Code, f.Text)
				}
				if f.Serious {
					serious = append(serious, f.Code)
				} else {
					told = append(told, f.Code)
				}
			}
			if !slices.Equal(serious, row.serious) {
				t.Errorf("serious: %v, not %v", serious, row.serious)
			}
			for _, code := range row.told {
				if !slices.Contains(told, code) {
					t.Errorf("%s is not told: %v", code, told)
				}
			}
		})
	}
	if _, err := rp.Diagnose(t.Context(), rp.Config{}); err == nil {
		t.Error("an empty configuration was diagnosed")
	}
}

// What only a token response shows is found at the first log-in, once.
func TestFindingsOfTheFirstLogin(t *testing.T) {
	for _, row := range []struct {
		name   string
		idp    func(*idpmock.Config)
		client func(*idpmock.Client)
		want   string
	}{
		{"access token outlives W", func(c *idpmock.Config) {
			c.RefreshExpiresIn = true
			c.IdleWindow = 15 * time.Minute
		},
			func(c *idpmock.Client) { c.AccessTokenLifetime = time.Hour }, "token_outlives_window"},
		{"W is not told", func(c *idpmock.Config) { c.RefreshExpiresIn = false }, nil, "window_unknown"},
		{"no refresh token", nil, func(c *idpmock.Client) { c.RefreshTokens = false }, "no_refresh_token"},
	} {
		t.Run(row.name, func(t *testing.T) {
			inBubble(t, setup{idp: row.idp, client: row.client}, func(t *testing.T, w *world) {
				w.visitor("ada").login()
				w.visitor("grace").login()
				n := 0
				for _, f := range w.auth[0].Findings() {
					if f.Code == row.want {
						n++
					}
				}
				if n != 1 {
					t.Errorf("%s is told %d times: %v", row.want, n, w.auth[0].Findings())
				}
			})
		})
	}
}

// talking is a store that says what is wrong with it.
type talking struct{ store.Store }

func (talking) Findings(context.Context) []store.Finding {
	return []store.Finding{{Code: "store_trouble", Serious: true, Text: "The store throws sessions away."}}
}

// What a store says of itself is a finding at the start, and in Diagnose.
func TestFindingsOfTheStore(t *testing.T) {
	inBubble(t, setup{config: func(c *rp.Config) { c.Store = talking{c.Store} }}, func(t *testing.T, w *world) {
		has := func(list []store.Finding) bool {
			return slices.ContainsFunc(list, func(f store.Finding) bool { return f.Code == "store_trouble" })
		}
		if !has(w.auth[0].Findings()) || !w.log.has("throws sessions away") {
			t.Error("the operator does not hear of it")
		}
		c := w.config(setup{})
		c.Store = talking{w.store}
		found, err := rp.Diagnose(t.Context(), c)
		if err != nil || !has(found) {
			t.Errorf("Diagnose: %v, %v", found, err)
		}
	})
}
