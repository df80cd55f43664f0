package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The issuer is a name that every program resolves, on both loopback addresses.
func TestLocalhostIsServedOnBothAddresses(t *testing.T) {
	issuer, address := start(t, "-alg", "ES256")
	_, port, err := net.SplitHostPort(address)
	if err != nil || issuer != "http://localhost:"+port {
		t.Fatalf("issuer %s at %s: %v", issuer, address, err)
	}
	for _, ip := range []string{"127.0.0.1", "::1"} {
		if l, err := net.Listen("tcp", net.JoinHostPort(ip, "0")); err != nil {
			t.Logf("this machine has no %s", ip)
			continue
		} else {
			l.Close()
		}
		if status, _ := fetch(t, net.JoinHostPort(ip, port), "localhost:"+port, "/healthz"); status != http.StatusOK {
			t.Errorf("%s: %d", ip, status)
		}
	}
}

func TestSeveralIssuersInOneProcess(t *testing.T) {
	file := filepath.Join(t.TempDir(), "idp.json")
	if err := os.WriteFile(file, []byte(`{"signing_alg":"ES256","idle_window":"2m","clients":[{"id":"notes","secret":"s"}],
		"issuers":{"acme":{"idle_window":"5m"},"globex":{"clients":[]}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	issuer, address := start(t, "-config", file, "-issuers", "initech,acme", "-client", "mail,s,http://localhost:1")
	if !strings.HasPrefix(issuer, "http://localhost:") ||
		!strings.Contains("acme globex initech", issuer[strings.LastIndexByte(issuer, '/')+1:]) {
		t.Errorf("%s", issuer)
	}
	host := strings.TrimPrefix(issuer[:strings.LastIndexByte(issuer, '/')], "http://")
	for name, want := range map[string]struct {
		window  string
		clients int
	}{"acme": {"5m0s", 2}, "globex": {"2m0s", 1}, "initech": {"2m0s", 2}} {
		if _, meta := fetch(t, address, host,
			"/"+name+"/.well-known/openid-configuration"); meta["issuer"] != "http://"+host+"/"+name {
			t.Errorf("%s: %v", name, meta)
		}
		_, cfg := fetch(t, address, host, "/"+name+"/_mock/config")
		clients, _ := cfg["clients"].([]any)
		if cfg["idle_window"] != want.window || len(clients) != want.clients {
			t.Errorf("%s: %v", name, cfg)
		}
	}
	if status, _ := fetch(t, address, host, "/.well-known/openid-configuration"); status != http.StatusNotFound {
		t.Errorf("one without a name: %d", status)
	}
}

// A flag goes before its twin, and both before the file. What may be a secret is not
// repeated.
func TestEnvironment(t *testing.T) {
	env := map[string]string{"IDP_MOCK_ACCESS_TOKEN_TYP": "JWT", "IDP_MOCK_IDLE": "7m",
		"IDP_MOCK_PKCE_OPTIONAL": "true",
		"IDP_MOCK_CLIENT":        "a,s,http://localhost:1 b,s,http://localhost:2", "IDP_MOCK_LISTEN": ""}
	o, err := parse([]string{"-idle", "3m"}, func(name string) string { return env[name] }, io.Discard)
	if err != nil || o.typ != "JWT" || o.idle.Minutes() != 3 || !o.pkceOptional || len(o.clients) != 2 ||
		o.listen != "localhost:9000" {
		t.Errorf("%+v %v", o, err)
	}
	env = map[string]string{"IDP_MOCK_IDLE": "s3cret"}
	if _, err := parse(nil, func(name string) string { return env[name] }, io.Discard); err == nil ||
		!strings.Contains(err.Error(), "IDP_MOCK_IDLE") || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("%v", err)
	}
}

// The redirect URIs that other frameworks have, and a second client of the same id.
func TestClients(t *testing.T) {
	o := &options{}
	if err := o.addClients("spring,s,http://localhost:8080,/login/oauth2/code/mock,/other"); err != nil {
		t.Fatal(err)
	}
	configs, err := o.configs(file{}, "http://localhost:9000")
	if err != nil {
		t.Fatal(err)
	}
	c := configs[""].Clients[0]
	if len(c.RedirectURIs) != 2 || c.RedirectURIs[0] != "http://localhost:8080/login/oauth2/code/mock" ||
		c.BackchannelLogoutURI != "" || !c.ClientCredentials {
		t.Errorf("%+v", c)
	}
	for want, args := range map[string][]string{
		`another client "notes"`: {"-client", "notes,s,http://localhost:1", "-client", "notes,t,http://localhost:2"},
		"must begin with /":      {"-client", "notes,s,http://localhost:1,callback"},
		`"a/b" is no name`:       {"-issuers", "a/b"},
		"-ssf":                   {"-issuers", "a", "-ssf", "t,x"},
		"host:port":              {"-listen", "9000"},
		"AccessTokenTyp":         {"-access-token-typ", "jwt"},
		"-ready-file":            {"-ready-file", "/no/such/folder/ready"},
		"-tls":                   {"-tls", "/no/such/folder/ca.pem"},
	} {
		if err := run(t.Context(), append([]string{"-listen", "localhost:0"}, args...), os.Getenv, io.Discard,
			io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v", args, err)
		}
	}
}

// https with the CA that lies beside, the ready file, and the question after its health.
func TestTLSReadyFileAndHealth(t *testing.T) {
	dir := t.TempDir()
	ca, ready := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "ready")
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- run(ctx, []string{"-listen", "localhost:0", "-alg", "ES256", "-tls", ca, "-ready-file", ready},
			os.Getenv, w, io.Discard)
	}()
	hello := make([]byte, 4096)
	n, err := r.Read(hello)
	if err != nil {
		t.Fatal(err)
	}
	issuer, _, _ := strings.Cut(strings.TrimPrefix(string(hello[:n]), "issuer "), "\n")
	u, err := url.Parse(issuer)
	if err != nil || u.Scheme != "https" {
		t.Fatalf("%s: %v", issuer, err)
	}
	text, err := os.ReadFile(ca)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(text)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	for _, host := range []string{"localhost", "127.0.0.1"} {
		resp, err := client.Get("https://" + host + ":" + u.Port() + "/.well-known/openid-configuration")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	client.CloseIdleConnections()
	if text, err := os.ReadFile(ready); err != nil || string(text) != issuer+"\n" {
		t.Errorf("ready: %q %v", text, err)
	}
	ask := []string{"-health", "-listen", "localhost:" + u.Port(), "-tls", ca}
	if err := run(t.Context(), ask, os.Getenv, io.Discard, io.Discard); err != nil {
		t.Errorf("health: %v", err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(ready); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the ready file is left: %v", err)
	}
	if err := run(t.Context(), ask, os.Getenv, io.Discard, io.Discard); err == nil {
		t.Error("healthy although it has ended")
	}
}
