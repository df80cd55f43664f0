package readme

import (
	"encoding/json"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/tandem-sso/tandem/e2e/driver/process"
	"github.com/tandem-sso/tandem/idp-mock/idptest"
)

const (
	appURL = "http://localhost:8080"
	idpURL = "http://127.0.0.1:9000"
)

// The README's program does what the README says, in a module of its own, against its
// idp-mock. Only the ports are others, because somebody may use those.
func TestProgramRuns(t *testing.T) {
	port := func() string {
		_, port, err := net.SplitHostPort(process.FreeAddr(t))
		if err != nil {
			t.Fatal(err)
		}
		return port
	}
	clone, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	app, idp := "http://localhost:"+port(), "http://127.0.0.1:"+port()
	with := strings.NewReplacer(appURL, app, strings.TrimPrefix(appURL, "http://"), strings.TrimPrefix(app, "http://"),
		idpURL, idp)
	walk(t, stranger{t, clone, os.Environ()}, with, app, idp)
}

var onIDPMock = regexp.MustCompile("(?s)```sh\n(go run ./idp-mock [^\n]*)\n```")

// walk is what the README's "A whole program" tells to do, and what it says will happen.
func walk(t *testing.T, s stranger, with *strings.Replacer, app, idp string) {
	text := read(t, filepath.Join(s.clone, "README.md"))
	source, command := program.FindStringSubmatch(text), onIDPMock.FindStringSubmatch(text)
	if source == nil || command == nil {
		t.Fatal("README.md has no program, or no command for the IdP")
	}
	listen := " -listen " + strings.TrimPrefix(idp, "http://")
	if idp == idpURL {
		listen = "" // as it stands
	}
	s.start(s.clone, with.Replace(command[1])+listen).answers(idp + "/healthz")

	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(with.Replace(source[1])), 0o644); err != nil {
		t.Fatal(err)
	}
	s.run(dir, "go mod init notes")
	s.run(dir, "go mod edit -replace github.com/tandem-sso/tandem="+s.clone) // what is read here is what runs
	s.run(dir, "go mod tidy")
	running := s.start(dir, "go run .")
	running.answers(app + "/auth/session")

	p := idptest.NewBrowser(t, nil)
	p.Fill = url.Values{"username": {"ada"}}
	page := p.Open(app + "/").Submit()
	for _, want := range []string{"<h1>Hello ada</h1>", `src="/auth/session.js"`, "<tandem-session>",
		`action="/auth/logout"`} {
		if !strings.Contains(page.Body, want) {
			t.Errorf("after the log-in there is no %q: %s", want, page)
		}
	}
	if page := p.Fetch(http.MethodGet, app+"/auth/session"); !strings.Contains(page.Body, `"state":"live"`) {
		t.Errorf("after the log-in: %s", page)
	}

	// What the button "End" of the status page does.
	var sessions []struct{ SID string }
	ask(t, http.MethodGet, idp+"/_mock/sessions", &sessions)
	if len(sessions) != 1 {
		t.Fatalf("%d sessions at the IdP", len(sessions))
	}
	ask(t, http.MethodDelete, idp+"/_mock/sessions/"+sessions[0].SID, nil)
	ask(t, http.MethodPost, idp+"/_mock/outbox/settle", nil)
	page = p.Fetch(http.MethodGet, app+"/auth/session")
	for _, want := range []string{`"state":"ended"`, `"reason":"backchannel_logout"`} {
		if !strings.Contains(page.Body, want) {
			t.Errorf("after the end at the IdP there is no %s: %s", want, page)
		}
	}
	if said := running.said(); strings.Contains(said, "WARN") || strings.Contains(said, "ERROR") {
		t.Errorf("a newcomer's program warns:\n%s", said)
	}
}

// ask calls idp-mock's control API.
func ask(t *testing.T, method, url string, answer any) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode >= http.StatusBadRequest {
		t.Fatalf("%s %s: %s", method, url, resp.Status)
	}
	if answer != nil {
		if err := json.NewDecoder(resp.Body).Decode(answer); err != nil {
			t.Fatal(err)
		}
	}
}
