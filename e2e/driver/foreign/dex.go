package foreign

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/e2e/driver/process"
)

// dexVersion is the commit of dex/go.mod.
const dexVersion = "6 August 2026"

// dexKeys is after how long it signs by another key, and dexLooks how often it looks whether
// it is time for that.
const (
	dexKeys  = 25 * time.Second // well within W, with dexLooks
	dexLooks = 30 * time.Second
)

var fencedYAML = regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$")

// Dex builds Dex once, as a library with a main package of ours, and starts it with the
// configuration of the guide. Its sessions are in a file.
func Dex(t testing.TB, o Options) *Server {
	t.Helper()
	bin := dexProgram(t)
	text, err := os.ReadFile(folder(t, "../../../docs/idp/dex.md"))
	if err != nil {
		t.Fatal(err)
	}
	config := fencedYAML.FindSubmatch(text)
	if config == nil {
		t.Fatal("docs/idp/dex.md has no block of YAML")
	}
	addr, dir := process.FreeAddr(t), t.TempDir()
	s := &Server{Issuer: "http://" + addr, Version: dexVersion, Field: "login"}
	s.LogOut = s.Issuer + "/logout"
	var clients []any
	var people []string
	brief := map[string]string{}
	for _, c := range o.Clients {
		clients = append(clients, map[string]string{"ID": c.ID, "Base": c.Base, "Secret": c.Secret()})
		if c.AccessToken > 0 {
			brief[c.ID] = c.AccessToken.String()
		}
	}
	for n := range People {
		people = append(people, Name(n))
	}
	order, err := json.Marshal(map[string]any{"Config": string(config[1]), "Issuer": s.Issuer, "Listen": addr,
		"Window":      o.Window.String(),
		"SigningKeys": dexKeys.String(), "File": filepath.Join(dir, "dex.db"), "Clients": clients, "Brief": brief,
		"People": people, "Password": password})
	if err != nil {
		t.Fatal(err)
	}
	ready := s.Issuer + "/.well-known/openid-configuration"
	d := run(t, s, ready, &command{path: bin, dir: dir, env: []string{"ORDER=" + string(order)}})
	s.Restart = func() {
		d.stop()
		d.start(s, ready)
	}
	s.RotateKeys = func() error { return dexRotates(t.Context(), s.Issuer+"/keys") }
	return s
}

// dexProgram is the binary of what is in the folder dex.
func dexProgram(t testing.TB) string {
	t.Helper()
	sum := sha256.New()
	for _, name := range []string{"main.go", "go.mod"} {
		text, err := os.ReadFile(folder(t, "dex", name))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = sum.Write(text) // never fails
	}
	bin := filepath.Join(cache(t, fmt.Sprintf("dex-%x", sum.Sum(nil)[:6])), "dex")
	if exists(bin) {
		return bin
	}
	dir := t.TempDir() // beside the sources nothing is built; what go.mod lacks is not kept
	if err := os.CopyFS(dir, os.DirFS(folder(t, "dex"))); err != nil {
		t.Fatal(err)
	}
	need(t, "cc", "Dex's SQLite needs a C compiler; on Debian: apt-get install gcc libc6-dev")
	do(t, dir, []string{"CGO_ENABLED=1"}, "go", "build", "-mod=mod", "-o", bin, ".")
	return bin
}

// dexRotates waits until it signs by another key, as it does by itself.
func dexRotates(ctx context.Context, keys string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*(dexKeys+dexLooks))
	defer cancel()
	signs := func() (string, error) {
		var set struct{ Keys []struct{ Kid string } }
		status, text, err := call(ctx, http.MethodGet, keys, "", nil, nil)
		if err == nil {
			err = json.Unmarshal(text, &set)
		}
		if err == nil && len(set.Keys) == 0 {
			err = fmt.Errorf("%s: %s, no keys", keys, strconv.Itoa(status))
		}
		if err != nil {
			return "", err
		}
		return set.Keys[0].Kid, nil // its own first, then those that have signed
	}
	was, err := signs()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for err == nil {
		var now string
		if now, err = signs(); err == nil && now != was {
			return nil
		}
		<-tick.C
	}
	return fmt.Errorf("Dex does not change its key: %w", err)
}
