package opsuite

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The suite against npm's oidc-provider, an OpenID certified provider that
// shares nothing with ours: it shows that the suite tests the protocol. It needs
// node 20; -short leaves it out.
func TestOIDCProvider(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: needs node and npm")
	}
	node, err := exec.LookPath("node")
	if err != nil {
		t.Fatal("node is not installed: this test runs the suite against npm's oidc-provider. Install node 20, or run with -short")
	}
	install(t)
	Run(t, func(t *testing.T, c Clients) Target { return startNode(t, node, c) })
}

// install fetches what package-lock.json pins, once.
func install(t *testing.T) {
	t.Helper()
	if _, err := os.Stat(filepath.Join("oidcprovider", "node_modules", "oidc-provider")); err == nil {
		return
	}
	npm := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	npm.Dir = "oidcprovider"
	if out, err := npm.CombinedOutput(); err != nil {
		t.Fatalf("npm ci in idp-mock/opsuite/oidcprovider: %v\n%s", err, out)
	}
}

func startNode(t *testing.T, node string, c Clients) Target {
	t.Helper()
	clients, err := json.Marshal([]Client{c.Web, c.Other, c.Public, c.Key, c.API})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(node, "server.mjs")
	cmd.Dir = "oidcprovider"
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		timer := time.AfterFunc(5*time.Second, func() { cmd.Process.Kill() })
		cmd.Wait()
		timer.Stop()
		if t.Failed() {
			t.Logf("oidc-provider said:\n%s", stderr.String())
		}
	})
	if _, err := stdin.Write(append(clients, '\n')); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("oidc-provider did not start: %v", err)
	}
	return Target{Issuer: strings.TrimSpace(line)}
}
