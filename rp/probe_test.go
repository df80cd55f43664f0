package rp_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/idp-mock/idptest"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/store/memstore"
)

// What is not registered at the IdP is found before the first person logs in.
func TestDiagnoseAsksTheIdP(t *testing.T) {
	s := idptest.Start(t, idptest.WithClients(
		idpmock.Client{ID: "notes", Secret: "s3cret", RedirectURIs: []string{"https://notes.example/auth/callback"}}))
	for name, c := range map[string]struct {
		change func(*rp.Config)
		want   []string
	}{
		"all is registered": {func(*rp.Config) {}, nil},
		"a wrong secret":    {func(c *rp.Config) { c.ClientSecret = "n0t-the-0ne" }, []string{"client_refused"}},
		"no secret":         {func(c *rp.Config) { c.ClientSecret = "" }, []string{"client_refused"}},
		"an unknown client": {func(c *rp.Config) { c.ClientID = "motes" }, []string{"client_refused",
			"redirect_uri_refused"}},
		"another prefix": {func(c *rp.Config) { c.Prefix = "/sso" }, []string{"redirect_uri_refused"}},
		"another host": {func(c *rp.Config) { c.BaseURL = "https://www.notes.example" },
			[]string{"redirect_uri_refused"}},
		// it is left out there
		"a scope not allowed":         {func(c *rp.Config) { c.Scopes = []string{"openid", "no-such-scope"} }, nil},
		"a wrong secret, at Keycloak": {refusedWith(http.StatusUnauthorized), []string{"client_refused"}},
		"no such grant":               {refusedWith(http.StatusBadRequest), []string{"grant_refused"}},
		"an error page at 302": {func(c *rp.Config) { c.HTTPClient = &http.Client{Transport: at302{}} },
			[]string{"redirect_uri_refused"}},
	} {
		t.Run(name, func(t *testing.T) {
			can := like("duende")
			config := rp.Config{Issuer: s.URL, ClientID: "notes", ClientSecret: "s3cret",
				BaseURL: "https://notes.example",
				Keys:    rp.Keys{rp.NewKey()}, Store: memstore.New(memstore.Options{}), Capabilities: &can,
				SkipSelfCheck: true,
				Logger:        slog.New(slog.NewTextHandler(io.Discard, nil))}
			c.change(&config)
			found, err := rp.Diagnose(t.Context(), config)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range found {
				if f.Serious {
					got = append(got, f.Code)
				}
				if strings.Contains(f.Text, "s3cret") || strings.Contains(f.Text, "n0t-the-0ne") {
					t.Errorf("the secret is in %s", f)
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("serious findings %q, want %q", got, c.want)
			}
		})
	}
	if n := len(s.Sessions()); n != 0 {
		t.Errorf("%d sessions at the IdP: nobody has logged in", n)
	}
}

// refusedWith answers every token request with unauthorized_client.
func refusedWith(status int) func(*rp.Config) {
	return func(c *rp.Config) {
		c.HTTPClient = &http.Client{Transport: noToken(status)}
	}
}

type noToken int

func (status noToken) RoundTrip(r *http.Request) (*http.Response, error) {
	if !strings.HasSuffix(r.URL.Path, "/token") {
		return http.DefaultTransport.RoundTrip(r)
	}
	w := httptest.NewRecorder()
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(int(status))
	_, _ = io.WriteString(w, `{"error":"unauthorized_client","error_description":"Invalid client or so"}`)
	return w.Result(), nil
}

// at302 leads what it refuses to a page of the IdP's own, as Ory Hydra does.
type at302 struct{}

func (at302) RoundTrip(r *http.Request) (*http.Response, error) {
	if !strings.HasSuffix(r.URL.Path, "/authorize") {
		return http.DefaultTransport.RoundTrip(r)
	}
	w := httptest.NewRecorder()
	w.Header().Set("Location", "/oauth2/fallbacks/error?error=invalid_request")
	w.WriteHeader(http.StatusSeeOther)
	return w.Result(), nil
}
