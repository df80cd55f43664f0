package readme

import (
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/tandem-sso/tandem/idp-mock/idptest"
)

var (
	inShell  = regexp.MustCompile("(?s)```sh\n(.*?)```")
	servedAt = regexp.MustCompile(`BASE_URL=(\S+)`)
)

// example is what examples/README.md tells to do: an IdP, and a program against it.
func example(t *testing.T, s stranger) {
	blocks := inShell.FindAllStringSubmatch(read(t, filepath.Join(s.clone, "examples", "README.md")), -1)
	if len(blocks) != 2 || !servedAt.MatchString(blocks[1][1]) {
		t.Fatal("examples/README.md does not have two commands, or not the program's address")
	}
	idp := s.start(s.clone, strings.TrimSpace(blocks[0][1]))
	idp.answers(idpURL + "/healthz")
	script := filepath.Join(t.TempDir(), "example.sh")
	if err := os.WriteFile(script, []byte(blocks[1][1]), 0o600); err != nil {
		t.Fatal(err)
	}
	program, at := s.start(s.clone, "bash -eu "+script), servedAt.FindStringSubmatch(blocks[1][1])[1]
	program.answers(at + "/")
	b := idptest.NewBrowser(t, nil)
	b.Fill = url.Values{"username": {"ada"}}
	if page := b.Visit(at + "/checkout"); !strings.Contains(page.Body, "Hello ada") {
		t.Errorf("after the log-in: %s", page)
	}
	program.stop()
	idp.stop()
}
