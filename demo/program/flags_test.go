package program_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/tandem-sso/tandem/demo/program"
	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/idp-mock/idptest"
)

// keyFile is a client's key as -client-key takes it, and what the IdP knows of it.
func keyFile(t *testing.T) (file string, jwks []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "client.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	jwks, err = json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k1"}}})
	if err != nil {
		t.Fatal(err)
	}
	return file, jwks
}

// running starts the program and returns where it serves, and what ends it.
func running(t *testing.T, args string) (base string, end func()) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
	out, in := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- program.Run(ctx, strings.Fields(args), env(), in, io.Discard)
		in.Close()
	}()
	line := make([]byte, 2000)
	n, err := out.Read(line)
	if err != nil {
		stop()
		t.Fatal(err, <-done)
	}
	go func() { _, _ = io.Copy(io.Discard, out) }() // ends with the program
	m := regexp.MustCompile(`serves on (http://127\.0\.0\.1:\d+)`).FindSubmatch(line[:n])
	if m == nil {
		stop()
		t.Fatalf("%s", line[:n])
	}
	return string(m[1]), func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// -profile with a key is the whole of FAPI 2.0, and -diagnose says what of it is in use, in
// flags.
func TestFAPIByFlags(t *testing.T) {
	file, jwks := keyFile(t)
	s := idptest.Start(t, idptest.WithConfig(func(c *idpmock.Config) { c.SigningAlg = "ES256" }),
		idptest.WithClients(idpmock.Client{ID: "notes", JWKS: jwks,
			RedirectURIs: []string{"http://127.0.0.1:9101/auth/callback"}}))
	args := "-app refreshtoken -client-id notes -listen 127.0.0.1:0 -base-url http://127.0.0.1:9101 -id-token-alg " +
		"ES256 -profile fapi2 " +
		"-client-key " + file + " -client-key-id k1 -issuer " + s.URL
	var out bytes.Buffer
	if err := program.Run(t.Context(), strings.Fields(args+" -diagnose"), env(), &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"-profile is fapi2", "(-client-key)", "(-par)", "(-dpop)"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, &out)
		}
	}
	if strings.Contains(out.String(), "client_refused") {
		t.Errorf("the IdP refuses the key:\n%s", &out)
	}
	// The profile's default is PS256, not the flag's.
	args = strings.Replace(args, " -id-token-alg ES256", "", 1)
	if err := program.Run(t.Context(), strings.Fields(args), env(), &out, io.Discard); err == nil ||
		!strings.Contains(err.Error(), "-id-token-alg: is PS256, but the IdP signs with [ES256]") {
		t.Errorf("%v", err)
	}
	// A file that is no key is not repeated.
	junk := filepath.Join(t.TempDir(), "junk.pem")
	for _, text := range []string{"s3cret", "-----BEGIN PRIVATE KEY-----\nczNjcmV0\n-----END PRIVATE KEY-----\n"} {
		if err := os.WriteFile(junk, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		err := program.Run(t.Context(), strings.Fields(strings.Replace(args, file, junk, 1)), env(), io.Discard,
			io.Discard)
		if err == nil || !strings.Contains(err.Error(), "-client-key") || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%v", err)
		}
	}
}

// asks makes the program begin a log-in, and is the address at the IdP and the cookie of it.
func asks(t *testing.T, base string) (to *url.URL, cookie string) {
	t.Helper()
	resp := get(t, base+"/auth/login", "")
	to, err := resp.Location()
	if err != nil || len(resp.Cookies()) != 1 {
		t.Fatal(resp.Status, err)
	}
	return to, resp.Cookies()[0].Name + "=" + resp.Cookies()[0].Value
}

// get follows no redirect, and sends the cookie also where it is Secure.
func get(t *testing.T, to, cookie string) *http.Response {
	t.Helper()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequest(http.MethodGet, to, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Cookie", cookie)
	resp, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp
}

const notes = "-app notoken -client-id notes -client-secret s3cret -listen "

// What is given by -auth-params and -response-mode reaches the IdP.
func TestMoreOfTheRequest(t *testing.T) {
	s := idptest.Start(t, idptest.WithClients(idpmock.Client{ID: "notes", Secret: "s3cret"}))
	base, end := running(t, notes+"127.0.0.1:0 -response-mode form_post -auth-params "+
		"audience=https://api.example&organization=a%26b -issuer "+s.URL)
	defer end()
	to, _ := asks(t, base)
	for name, want := range map[string]string{"audience": "https://api.example", "organization": "a&b",
		"response_mode": "form_post"} {
		if got := to.Query()[name]; len(got) != 1 || got[0] != want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// An audience beside this client is taken by -trusted-audiences alone.
func TestTrustedAudiences(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // for an address that can be registered
	if err != nil {
		t.Fatal(err)
	}
	at := l.Addr().String()
	l.Close()
	s := idptest.Start(t, idptest.WithClients(idpmock.Client{ID: "notes", Secret: "s3cret",
		RedirectURIs: []string{"http://" + at + "/auth/callback"}}))
	s.Fault(idpmock.Fault{Endpoint: idpmock.EndpointCode, IDToken: idpmock.IDTokenSecondaryAud, Times: idpmock.Always})
	for flags, want := range map[string]int{"": http.StatusBadRequest,
		" -trusted-audiences project-7":     http.StatusBadRequest,
		" -trusted-audiences somebody-else": http.StatusSeeOther} {
		base, end := running(t, notes+at+flags+" -issuer "+s.URL)
		to, cookie := asks(t, base)
		back, err := s.Browser("ada").Authorize(t.Context(), to.String())
		if err != nil {
			t.Fatal(err)
		}
		if resp := get(t, back, cookie); resp.StatusCode != want {
			t.Errorf("%q: %s", flags, resp.Status)
		}
		end()
	}
}

// An API whose IdP does not name its introspection endpoint is told which flag to set, and
// serves with it.
func TestIntrospectionURL(t *testing.T) {
	s := idptest.Start(t, idptest.WithConfig(func(c *idpmock.Config) {
		c.Temperament.Unadvertised = []string{"introspection_endpoint"}
	}),
		idptest.WithClients(idpmock.Client{ID: "api", Secret: "s3cret"}, idpmock.Client{ID: "notes", Secret: "x"}))
	args := "-app api -client-id api -client-secret s3cret -listen 127.0.0.1:0 -issuer " + s.URL
	err := program.Run(t.Context(), strings.Fields(args), env(), io.Discard, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "set -introspection-url") {
		t.Errorf("%v", err)
	}
	base, end := running(t, args+" -introspection-url "+s.URL+idpmock.PathIntrospect)
	defer end()
	tokens, err := s.Mint(idpmock.Mint{Client: "notes", User: "ada"})
	if err != nil {
		t.Fatal(err)
	}
	whoami(t, base, tokens.AccessToken)
}

// whoami asks the API who the token is of, which is ada.
func whoami(t *testing.T, base, token string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, base+"/whoami", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, _ := io.ReadAll(resp.Body); resp.StatusCode != 200 || !strings.Contains(string(body), "ada") {
		t.Errorf("%s %s", resp.Status, body)
	}
}
