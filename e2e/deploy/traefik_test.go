package deploy

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// traefikVersion is built from its module: Debian has no Traefik.
const traefikVersion = "v3.7.13"

// traefikWithout is what the build has instead of some parts that nothing here uses: the DNS
// providers of ACME, and what is not to be had as a module (an empty package of Traefik's own
// repository, a fork for passwords).
var traefikWithout = map[string]string{
	"lego/providers/dns/none.go": `// Package dns stands for the DNS providers.
package dns

import (
	"errors"

	"github.com/go-acme/lego/v5/challenge"
)

// NewDNSChallengeProviderByName knows no provider.
func NewDNSChallengeProviderByName(name string) (challenge.Provider, error) {
	return nil, errors.New("no DNS provider " + name)
}
`,
	"ext/go.mod": "module github.com/traefik/traefik/dynamic/ext\n\ngo 1.26\n",
	"ext/ext.go": `// Package ext adds nothing.
package ext

// HTTP is empty.
type HTTP struct{}

// Router is empty.
type Router struct{}
`,
	"auth/go.mod": "module github.com/abbot/go-http-auth\n\ngo 1.26\n",
	"auth/auth.go": `// Package auth stands for passwords at the proxy: nobody has one.
package auth

import "net/http"

// CheckSecret knows no password.
func CheckSecret(password, secret string) bool { return false }

// BasicAuth lets nobody in.
type BasicAuth struct {
	Realm   string
	Secrets func(user, realm string) string
}

// RequireAuth answers 401.
func (*BasicAuth) RequireAuth(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusUnauthorized) }

// DigestAuth lets nobody in.
type DigestAuth struct{ BasicAuth }

// NewDigestAuthenticator has no use for its arguments.
func NewDigestAuthenticator(string, func(user, realm string) string) *DigestAuth { return &DigestAuth{} }

// DigestAuthParams finds none.
func DigestAuthParams(string) map[string]string { return nil }

// CheckAuth knows nobody.
func (*DigestAuth) CheckAuth(*http.Request) (string, *string) { return "", nil }

// RequireAuthStale answers 401.
func (*DigestAuth) RequireAuthStale(w http.ResponseWriter, r *http.Request) {
	w.WriteHeader(http.StatusUnauthorized)
}
`,
}

// traefik is the program, which the first call builds in a module of its own: Traefik's
// go.mod, with what stands for the parts above. It takes ten minutes once, then Go's cache
// has it. TestMain removes it.
func traefik(t *testing.T) string {
	t.Helper()
	if traefikIn != "" {
		return filepath.Join(traefikIn, "traefik")
	}
	dir, err := os.MkdirTemp("", "tandem-traefik-")
	if err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) []byte {
		cmd := exec.Command("go", args...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
		out, err := cmd.Output()
		if err != nil {
			said := ""
			if failed, ok := err.(*exec.ExitError); ok {
				said = string(failed.Stderr)
			}
			t.Fatalf("traefik: go %s: %v\n%s", strings.Join(args, " "), err, said)
		}
		return out
	}
	module := func(path string) string {
		var is struct{ Dir string }
		if err := json.Unmarshal(run("mod", "download", "-json", path), &is); err != nil {
			t.Fatal(err)
		}
		return is.Dir
	}
	write(t, filepath.Join(dir, "go.mod"), "module traefik.example\n")
	from := module("github.com/traefik/traefik/v3@" + traefikVersion)
	text, err := os.ReadFile(filepath.Join(from, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "go.mod"), strings.Replace(string(text), "module github.com/traefik/traefik/v3",
		"module traefik.example", 1))
	sums, err := os.ReadFile(filepath.Join(from, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "go.sum"), string(sums))
	lego := strings.TrimSpace(string(run("list", "-m", "-f", "{{.Version}}", "github.com/go-acme/lego/v5")))
	copySources(t, module("github.com/go-acme/lego/v5@"+lego), filepath.Join(dir, "lego"))
	if err := os.Remove(filepath.Join(dir, "lego/providers/dns/zz_gen_dns_providers.go")); err != nil {
		t.Fatal(err)
	}
	for name, text := range traefikWithout {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, name), text)
	}
	run("mod", "edit", "-require=github.com/traefik/traefik/v3@"+traefikVersion,
		"-replace=github.com/go-acme/lego/v5=./lego", "-replace=github.com/traefik/traefik/dynamic/ext=./ext",
		"-replace=github.com/abbot/go-http-auth=./auth")
	run("build", "-o", filepath.Join(dir, "traefik"), "github.com/traefik/traefik/v3/cmd/traefik")
	traefikIn = dir
	return filepath.Join(dir, "traefik")
}

var traefikIn string
