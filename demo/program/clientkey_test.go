package program_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/demo/program"
	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/idp-mock/idptest"
)

// The API shows a key instead of a secret, as the apps do.
func TestAPIByKey(t *testing.T) {
	file, jwks := keyFile(t)
	s := idptest.Start(t, idptest.WithClients(idpmock.Client{ID: "api", JWKS: jwks},
		idpmock.Client{ID: "notes", Secret: "x"}))
	args := "-app api -client-id api -listen 127.0.0.1:0 -issuer " + s.URL
	err := program.Run(t.Context(), strings.Fields(args), env(), io.Discard, io.Discard)
	if err == nil || !strings.Contains(err.Error(),
		"-client-secret is missing, and so are -client-key and -client-cert") {
		t.Errorf("%v", err)
	}
	both := args + " -client-secret x -client-key " + file
	if err := program.Run(t.Context(), strings.Fields(both), env(), io.Discard, io.Discard); err == nil ||
		!strings.Contains(err.Error(), "-client-secret: is set beside a key or a certificate") {
		t.Errorf("%v", err)
	}
	base, end := running(t, args+" -client-key "+file+" -client-key-id k1")
	defer end()
	tokens, err := s.Mint(idpmock.Mint{Client: "notes", User: "ada"})
	if err != nil {
		t.Fatal(err)
	}
	whoami(t, base, tokens.AccessToken)
}

// certificate makes one of the key in a file, in a file beside it.
func certificate(t *testing.T, keyFile string) string {
	t.Helper()
	raw, err := os.ReadFile(keyFile)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(raw)
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	key := parsed.(*ecdsa.PrivateKey)
	who := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "notes"},
		NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, who, who, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(filepath.Dir(keyFile), "cert.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// -client-cert is mTLS (RFC 8705 §2), for an app and for the API.
func TestByCertificate(t *testing.T) {
	key, jwks := keyFile(t)
	cert := certificate(t, key)
	var idp *idpmock.IDP
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		idp.Handler().ServeHTTP(w, r)
	}))
	server.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	server.StartTLS()
	defer server.Close()
	clients := []idpmock.Client{{ID: "api", AuthMethod: "tls_client_auth", TLSSubjectDN: "CN=notes"},
		{ID: "web", Secret: "x"},
		{ID: "notes", AuthMethod: "self_signed_tls_client_auth", JWKS: jwks,
			RedirectURIs: []string{"http://127.0.0.1:9101/auth/callback"}}}
	var err error
	if idp, err = idpmock.New(idpmock.Config{Issuer: server.URL, Clients: clients}); err != nil {
		t.Fatal(err)
	}
	defer idp.Close()
	trusted := http.DefaultTransport.(*http.Transport) // the program's transport begins as this one
	was := trusted.TLSClientConfig
	trusted.TLSClientConfig = server.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	defer func() { trusted.TLSClientConfig = was }()

	shows := " -client-key " + key + " -client-cert " + cert
	base, end := running(t, "-app api -client-id api -listen 127.0.0.1:0 -issuer "+server.URL+shows)
	tokens, err := idp.Mint(idpmock.Mint{Client: "web", User: "ada"})
	if err != nil {
		t.Fatal(err)
	}
	whoami(t, base, tokens.AccessToken)
	end()

	app := "-app refreshtoken -client-id notes -base-url http://127.0.0.1:9101 -client-auth " +
		"self_signed_tls_client_auth -diagnose -issuer " + server.URL
	var out bytes.Buffer
	if err := program.Run(t.Context(), strings.Fields(app+shows), env(), &out, io.Discard); err != nil ||
		strings.Contains(out.String(), "client_refused") {
		t.Errorf("%v\n%s", err, &out)
	}
	other, _ := keyFile(t)
	for flags, want := range map[string]string{
		" -client-cert " + cert: "-client-cert needs its private key; give " +
			"it with -client-key",
		" -client-cert " + key + " -client-key " + key: "-client-cert has no certificate in PEM",
		" -client-cert " + cert + " -client-key " + other: "-client-cert is for another key than " +
			"-client-key",
		" -client-cert /no/such/file.pem -client-key " + key:             "-client-cert cannot be read",
		" -client-secret x -client-cert " + cert + " -client-key " + key: "-client-secret: is set",
	} {
		err := program.Run(t.Context(), strings.Fields(app+flags), env(), io.Discard, io.Discard)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", flags, err)
		}
	}
}
