package program_test

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/idp-mock/idptest"
)

// -jar signs the request, -request-uri lets the IdP fetch it, and both do both.
func TestRequestObjectsByFlags(t *testing.T) {
	file, jwks := keyFile(t)
	l, err := net.Listen("tcp", "127.0.0.1:0") // for an address that can be registered
	if err != nil {
		t.Fatal(err)
	}
	at := l.Addr().String()
	l.Close()
	s := idptest.Start(t, idptest.WithConfig(func(c *idpmock.Config) { c.RequestURI = true }),
		idptest.WithClients(idpmock.Client{ID: "notes", Secret: "s3cret", JWKS: jwks,
			RedirectURIs: []string{"http://" + at + "/auth/callback"}}))
	key := " -client-auth client_secret_basic -client-key-id k1 -client-key " + file
	for flags, want := range map[string]string{
		"":                         "in the address",
		" -jar" + key:              "request, ES256",
		" -request-uri":            "request_uri, none",
		" -request-uri -jar" + key: "request_uri, ES256",
	} {
		base, end := running(t, notes+at+flags+" -issuer "+s.URL)
		to, _ := asks(t, base)
		got := "in the address"
		for _, name := range []string{"request", "request_uri"} {
			object := to.Query().Get(name)
			if object == "" {
				continue
			}
			if to.Query().Has("redirect_uri") {
				t.Errorf("%q: the address has the parameters, too: %s", flags, to)
			}
			if name == "request_uri" {
				object = fetched(t, object)
			}
			got = name + ", " + algorithm(t, object)
		}
		if got != want {
			t.Errorf("%q: %s, want %s", flags, got, want)
		}
		if back, err := s.Browser("ada").Authorize(t.Context(), to.String()); err != nil ||
			!strings.Contains(back, "code=") {
			t.Errorf("%q: %s %v", flags, back, err)
		}
		end()
	}
}

func fetched(t *testing.T, from string) string {
	t.Helper()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Get(from)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s %s %v", resp.Status, text, err)
	}
	return string(text)
}

// algorithm is that of a JWT's signature.
func algorithm(t *testing.T, token string) string {
	t.Helper()
	head, _, _ := strings.Cut(token, ".")
	text, err := base64.RawURLEncoding.DecodeString(head)
	var is struct{ Alg string }
	if err == nil {
		err = json.Unmarshal(text, &is)
	}
	if err != nil {
		t.Fatalf("%s: %v", token, err)
	}
	return is.Alg
}
