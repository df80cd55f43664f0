// Package oidcprovider starts npm's oidc-provider for tests, a certified OpenID Provider that
// shares no code with ours. It needs node 20 and npm.
package oidcprovider

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Config of one provider. Every name and password signs in, and the subject is
// the name.
type Config struct {
	// Clients in the words of OpenID Connect Dynamic Client Registration.
	Clients []any `json:"clients"`
	// Wide lets the authorization and end_session endpoints take POST, and sends
	// the session cookie across sites for that. Without it the provider is as it
	// comes.
	Wide bool `json:"wide"`
	// TTL in seconds, by the provider's own names, such as "Session". Default: as it comes.
	TTL map[string]int `json:"ttl,omitempty"`
	// AccessTokens is the life of access tokens in seconds, by client. Default: as TTL has it.
	AccessTokens map[string]int `json:"access_tokens,omitempty"`
	// Keys are the private keys, as JWKs. Default: those that it comes with.
	Keys []any `json:"keys,omitempty"`
	// Port to listen on. Default: a free one.
	Port int `json:"port,omitempty"`
}

// Start starts a provider on a free port and returns its issuer; the provider
// ends with the test. dir is where this package lies.
func Start(t testing.TB, dir string, c Config) (issuer string) {
	t.Helper()
	issuer, _ = StartProcess(t, dir, c)
	return issuer
}

// StartProcess is Start that returns the process, too: to stop it for a while, say.
func StartProcess(t testing.TB, dir string, c Config) (issuer string, process *os.Process) {
	t.Helper()
	node, err := nodeJS()
	if err != nil {
		t.Fatal(err)
	}
	if err := install(dir); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"server.mjs", "package-lock.json"} { // so that go test sees when they change
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	config, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(node, "server.mjs")
	cmd.Dir = dir
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
		stdin.Close() // it ends with its input
		timer := time.AfterFunc(5*time.Second, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait() // killed or not, it is gone
		timer.Stop()
		if t.Failed() {
			t.Logf("oidc-provider said:\n%s", stderr.String())
		}
	})
	if _, err := stdin.Write(append(config, '\n')); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("oidc-provider did not start: %v", err)
	}
	return strings.TrimSpace(line), cmd.Process
}

// nodeJS returns the program that oidc-provider runs on: the installed one, or,
// where that is too old, as Debian 12's is, a pinned one that npm brings.
var nodeJS = sync.OnceValues(func() (string, error) {
	const oldest, pinned = 20, "node@22.12.0"
	node, err := exec.LookPath("node")
	if err != nil {
		return "", errors.New("node is not installed, which npm's oidc-provider needs; on Debian: apt-get install " +
			"nodejs npm")
	}
	version, err := exec.Command(node, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("node --version: %w", err)
	}
	major, _, _ := strings.Cut(strings.TrimPrefix(string(version), "v"), ".")
	if n, err := strconv.Atoi(major); err == nil && n >= oldest {
		return node, nil
	}
	path, err := exec.Command("npx", "--yes", pinned, "-p", "process.execPath").Output()
	if err != nil {
		return "", fmt.Errorf("the installed Node.js %s is too old for oidc-provider, and npx cannot fetch %s: %w",
			strings.TrimSpace(string(version)), pinned, err)
	}
	return strings.TrimSpace(string(path)), nil
})

// install fetches what package-lock.json pins, once. Test binaries that do it at
// the same moment do not meet: each fetches elsewhere, and one result moves in.
func install(dir string) error {
	done := filepath.Join(dir, "node_modules")
	if _, err := os.Stat(filepath.Join(done, "oidc-provider")); err == nil {
		return nil
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		return errors.New("npm is not installed, which fetches oidc-provider; on Debian: apt-get install nodejs npm")
	}
	tmp, err := os.MkdirTemp(dir, ".install-") // beside node_modules, so that it can be renamed
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	for _, name := range []string{"package.json", "package-lock.json"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(tmp, name), text, 0o644); err != nil {
			return err
		}
	}
	cmd := exec.Command(npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	cmd.Dir = tmp
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("npm ci in %s: %w\n%s", dir, err, out)
	}
	err = os.Rename(filepath.Join(tmp, "node_modules"), done)
	if errors.Is(err, fs.ErrExist) {
		return nil // another was faster
	}
	return err
}
