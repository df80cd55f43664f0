package readme

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/e2e/driver/process"
	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/idp-mock/idptest"
)

// The README's program does what the README says: with nothing but its addresses
// changed it logs a person in, calls the API as that person, and lets go when the
// IdP says so.
func TestProgramRuns(t *testing.T) {
	m := program.FindStringSubmatch(read(t, filepath.Join(root, "README.md")))
	if m == nil {
		t.Fatal("README.md has no program")
	}
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.Header.Get("Authorization"), "Bearer ") {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	defer api.Close()
	addr := process.FreeAddr(t)
	base := "http://" + addr
	idp := idptest.Start(t, idptest.WithClients(idpmock.Client{ID: "notes", Secret: "s3cret", RefreshTokens: true, RedirectURIs: []string{base + "/auth/callback"},
		PostLogoutRedirectURIs: []string{base + "/auth/logged-out"}, BackchannelLogoutURI: base + "/auth/backchannel-logout"}))
	text := strings.NewReplacer("https://login.example.com", idp.URL, "https://notes.example.com", base, "https://api.example.com", api.URL,
		"127.0.0.1:8080", addr).Replace(m[1])
	run(t, text, "SEAL_KEYS="+strings.Repeat("0a", 32), "CLIENT_SECRET=s3cret")
	awaitServer(t, base)

	p := idptest.NewBrowser(t, nil)
	p.Fill = url.Values{"username": {"ada"}}
	if page := p.Open(base + "/").Submit(); page.Body != "Hello ada, the API says 200 OK" {
		t.Errorf("after the log-in: %s", page)
	}
	if err := idp.EndSession(idp.Sessions()[0].SID); err != nil {
		t.Fatal(err)
	}
	idp.Settle()
	if page := p.Fetch(http.MethodGet, base+"/auth/session"); !strings.Contains(page.Body, `"reason":"backchannel_logout"`) {
		t.Errorf("after the logout: %s", page)
	}
}

// run builds a program inside the module and runs it until the test ends.
func run(t *testing.T, text string, env ...string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	build := exec.Command("go", "build", "-buildvcs=false", "-o", filepath.Join(dir, "program"), filepath.Join(dir, "main.go"))
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	cmd := exec.Command(filepath.Join(dir, "program"))
	cmd.Env = append(os.Environ(), env...)
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("the program said:\n%s", said.String())
		}
	})
}

func awaitServer(t *testing.T, base string) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		resp, err := http.Get(base + "/auth/session")
		if err == nil {
			_, _ = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		<-time.After(20 * time.Millisecond)
	}
}
