package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// start runs the program as main does and returns what it prints first.
func start(t *testing.T, args ...string) (issuer, address string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := run(ctx, append([]string{"-listen", "localhost:0"}, args...), os.Getenv, w, io.Discard)
		w.CloseWithError(io.EOF)
		done <- err
	}()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(10 * time.Second):
			t.Error("it does not end")
		}
	})
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if v, ok := strings.CutPrefix(lines.Text(), "issuer "); ok {
			issuer = v
		}
		if v, ok := strings.CutPrefix(lines.Text(), "listening on "); ok {
			go io.Copy(io.Discard, r)
			return issuer, v
		}
	}
	cancel()
	t.Fatal("it did not start")
	return
}

func fetch(t *testing.T, address, host, path string) (int, map[string]any) {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, "http://"+address+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = host
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var fields map[string]any
	body, _ := io.ReadAll(resp.Body)
	_ = json.Unmarshal(body, &fields)
	return resp.StatusCode, fields
}

func TestRun(t *testing.T) {
	file := filepath.Join(t.TempDir(), "idp.json")
	if err := os.WriteFile(file, []byte(`{"idle_window":"2m","signing_alg":"ES256","users":[{"username":"ada"}],
		"clients":[{"id":"notes","secret":"s","redirect_uris":["http://notes.localhost:9101/auth/callback"]}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	issuer, address := start(t, "-config", file, "-client", "mail,,http://mail.localhost:9102", "-absolute", "1h")
	host := strings.TrimPrefix(issuer, "http://")
	if !strings.HasPrefix(issuer, "http://localhost:") {
		t.Errorf("issuer %q", issuer)
	}
	status, meta := fetch(t, address, host, "/.well-known/openid-configuration")
	if status != http.StatusOK || meta["issuer"] != issuer || meta["token_endpoint"] != issuer+"/token" {
		t.Errorf("%d %v", status, meta)
	}
	status, cfg := fetch(t, address, host, "/_mock/config")
	clients, _ := cfg["clients"].([]any)
	if status != http.StatusOK || cfg["idle_window"] != "2m0s" || cfg["absolute_lifetime"] != "1h0m0s" ||
		cfg["coordinate_client_lifetimes"] != true || len(clients) != 2 {
		t.Errorf("%d %v", status, cfg)
	}
	if status, _ := fetch(t, address, host, "/healthz"); status != http.StatusOK {
		t.Errorf("healthz %d", status)
	}
}

// -like by flag and by file; the client is told by the channel that there is.
func TestLike(t *testing.T) {
	file := filepath.Join(t.TempDir(), "idp.json")
	if err := os.WriteFile(file, []byte(`{"temperament":{"name":"keycloak","rotation":"strict"}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args                         []string
		name, rotation, channel, not string
	}{
		{[]string{"-config", file}, "keycloak", "strict", "backchannel_logout_uri", "frontchannel_logout_uri"},
		{[]string{"-config", file, "-like", "entra"}, "entra", "lenient", "frontchannel_logout_uri", ""},
	} {
		issuer, address := start(t, append(tt.args, "-alg", "ES256", "-client",
			"notes,s,http://notes.localhost:9101")...)
		host := strings.TrimPrefix(issuer, "http://")
		_, cfg := fetch(t, address, host, "/_mock/config")
		temper, _ := cfg["temperament"].(map[string]any)
		if temper["name"] != tt.name || temper["rotation"] != tt.rotation {
			t.Errorf("%v: %v", tt.args, temper)
		}
		clients, _ := cfg["clients"].([]any)
		client, _ := clients[0].(map[string]any)
		if client[tt.channel] == nil || client[tt.not] != nil {
			t.Errorf("%v: %v", tt.args, client)
		}
		_, meta := fetch(t, address, host, "/.well-known/openid-configuration")
		if (meta["revocation_endpoint"] == nil) != (tt.name == "entra") {
			t.Errorf("%v: %v", tt.args, meta)
		}
	}
}

func TestSharedSignals(t *testing.T) {
	issuer, address := start(t, "-alg", "ES256", "-ssf", "s3cret,https://notes.example")
	host := strings.TrimPrefix(issuer, "http://")
	status, meta := fetch(t, address, host, "/.well-known/ssf-configuration")
	if status != http.StatusOK || meta["issuer"] != issuer || meta["configuration_endpoint"] != issuer+"/ssf/stream" {
		t.Errorf("%d %v", status, meta)
	}
	if status, _ := fetch(t, address, host, "/ssf/stream"); status != http.StatusUnauthorized {
		t.Errorf("without the token: %d", status)
	}
	if status, _ := fetch(t, address, host, "/.well-known/openid-configuration"); status != http.StatusOK {
		t.Errorf("the provider beside it: %d", status)
	}
}

// control_api is the program's own part of the file.
func TestTheFileTurnsTheControlAPIOff(t *testing.T) {
	file := filepath.Join(t.TempDir(), "idp.json")
	for text, want := range map[string]int{`{"control_api":false}`: http.StatusNotFound,
		`{"control_api":true}`: http.StatusOK} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		issuer, address := start(t, "-config", file, "-alg", "ES256")
		if status, _ := fetch(t, address, strings.TrimPrefix(issuer, "http://"), "/_mock/config"); status != want {
			t.Errorf("%s: %d, want %d", text, status, want)
		}
	}
}

func TestFlagsBeatTheFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "idp.json")
	if err := os.WriteFile(file, []byte(`{"issuer":"http://127.0.0.1:1","signing_alg":"RS256","control_api":true}`),
		0o600); err != nil {
		t.Fatal(err)
	}
	issuer, address := start(t, "-config", file, "-issuer", "http://idp.localhost/realm", "-alg", "ES256",
		"-control=false")
	if issuer != "http://idp.localhost/realm" {
		t.Errorf("issuer %q", issuer)
	}
	status, meta := fetch(t, address, "localhost", "/realm/.well-known/openid-configuration")
	if algs, _ := meta["id_token_signing_alg_values_supported"].([]any); status != http.StatusOK || len(algs) != 1 ||
		algs[0] != "ES256" {
		t.Errorf("%d %v", status, meta)
	}
	if status, _ := fetch(t, address, "localhost", "/realm/_mock/config"); status != http.StatusNotFound {
		t.Errorf("the control API is on: %d", status)
	}
}

func TestMistakesAreNamed(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad.json")
	if err := os.WriteFile(bad, []byte(`{"idle_windo":"2m"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, args := range map[string][]string{
		"idle_windo":           {"-config", bad},
		"no-such-file":         {"-config", "no-such-file"},
		"SigningAlg":           {"-alg", "none"},
		"-client":              {"-client", "only-an-id"},
		"cognito, dex, duende": {"-like", "keykloak"},
		"unexpected argument":  {"serve"},
		"Config.Issuer":        {"-issuer", "ftp://x"},
		"IdleWindow":           {"-idle", "-5m"},
	} {
		var stderr bytes.Buffer
		err := run(t.Context(), append([]string{"-listen", "localhost:0"}, args...), os.Getenv, io.Discard, &stderr)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v", args, err)
		}
	}
}

// The program carries no test code: what helps tests lies in idptest.
func TestNoTestCodeInTheProgram(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, dep := range strings.Fields(string(out)) {
		if dep == "testing" || dep == "net/http/httptest" || strings.Contains(dep, "/tandem/rp") {
			t.Errorf("it imports %s", dep)
		}
	}
}
