package readme

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var snippet = regexp.MustCompile("(?s)```go\n(.*?)```")

// Parts of programs are not made up either: an Example is one that runs, and
// statements compile inside a function.
func TestSnippetsCompile(t *testing.T) {
	examples := examples(t)
	for _, page := range pages(t) {
		if filepath.Base(page) == "middleware.md" {
			continue // other people's routers: TestDocument of e2e/middleware
		}
		for _, m := range snippet.FindAllStringSubmatch(read(t, page), -1) {
			text := m[1]
			switch {
			case strings.HasPrefix(text, "package main\n"): // TestProgramsCompile
			case strings.HasPrefix(text, "package notes_test\n"): // TestReadmeShowsTheFirstUse
			case strings.HasPrefix(text, "func Example"):
				if !strings.Contains(examples, text) {
					t.Errorf("%s shows an example that no test file has:\n%s", page, text)
				}
			default:
				around := ofIDP
				if strings.HasPrefix(page, filepath.Join(root, "docs")) {
					around = ofApp
				}
				compiles(t, page, around+first[filepath.Base(page)]+strings.ReplaceAll(text, "token, _ :=",
					"_, _ =")+last[filepath.Base(page)]+"}\n")
			}
		}
	}
}

// first and last are around the statements of a page: what they need, and what uses the
// names that they make.
var first = map[string]string{"signals.md": "var auth *rp.RelyingParty\n"}

var last = map[string]string{
	"registration.md": "_, _ = saved, err\n",
	"signals.md":      "_ = err\n",
}

// What stands around the statements of a page: of idp-mock's, and of the others, which
// speak of an app and its tests.
const (
	ofIDP = `package main

import (
	"net/url"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/idp-mock/idptest"
)

var (
	_ time.Duration
	_ idptest.Option
)

func main() {}

func _(t *testing.T, idp *idptest.Server, session idpmock.Session, notes idpmock.Client, form url.Values) {
`
	ofApp = `package main

import (
	"context"
	"crypto"
	"errors"
	"html/template"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/tandem-sso/tandem/nethttpadapter"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/audit"
	"github.com/tandem-sso/tandem/rp/pages"
	"github.com/tandem-sso/tandem/rp/registration"
	"github.com/tandem-sso/tandem/rp/resourceserver"
	"github.com/tandem-sso/tandem/rp/rptest"
	"github.com/tandem-sso/tandem/rp/ssf"
)

var (
	_ io.Writer
	_ registration.Config
	_ resourceserver.Config
	_ ssf.Config
	_ = httptest.NewRequest
	_ rptest.Session
	_ strings.Builder
	_ = errors.New
	_ = log.Fatal
	_ = slog.New
	_ = os.Stdout
	_ = audit.Record
	_ pages.Config
)

type table interface {
	Upsert(ctx context.Context, issuer, subject, email string) error
}

func main() {}

func _(t *testing.T, config rp.Config, web *nethttpadapter.Adapter, mux *http.ServeMux, w *httptest.ResponseRecorder, home, edit http.HandlerFunc,
	newApp func(*rp.RelyingParty) http.Handler, people table, ctx, stop context.Context, store io.Closer, frame *template.Template, germanTexts, frenchTexts map[string]string, key crypto.Signer, initial, pushToken rp.Secret,
	token func(context.Context) (rp.Secret, error)) {
`
)

// examples is the text of all example files.
func examples(t *testing.T) string {
	var all strings.Builder
	for _, dir := range []string{"idp-mock/idpmock", "rp", "rp/otelrp", "nethttpadapter", "echoadapter"} {
		files, err := filepath.Glob(filepath.Join(root, dir, "example*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			all.WriteString(read(t, file))
		}
	}
	return all.String()
}

func compiles(t *testing.T, page, text string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "main.go")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "vet", file)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s: %v\n%s%s", page, err, out, text)
	}
}
