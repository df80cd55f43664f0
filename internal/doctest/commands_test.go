package doctest

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	target = regexp.MustCompile(`(?m)^([a-z-]+):`)
	titled = regexp.MustCompile(`(?m)^## (.+)$`)
)

// makeTargets are the names of the Makefile's targets.
func makeTargets(t *testing.T) map[string]bool {
	t.Helper()
	targets := map[string]bool{}
	for _, m := range target.FindAllStringSubmatch(read(t, root+"/Makefile"), -1) {
		targets[m[1]] = true
	}
	return targets
}

// ranBy are the commands that a test runs as they stand, or but for the ports.
var ranBy = map[string]string{
	"go get github.com/tandem-sso/tandem": "internal/archtest.TestGoSumOfUsers",
	"go run ./demo":                       "e2e/readme.TestStranger",
	"go run ./demo -metrics":              "demo/program.TestMetrics",

	// As root, by tools/newcomer-debian.sh.
	"apt-get install --no-install-recommends prometheus": "e2e/readme.TestStranger",
	"prometheus --config.file=docs/metrics/prometheus.yml --storage.tsdb.path=dist/prometheus " +
		"--web.listen-address=127.0.0.1:9095": "e2e/readme.TestStranger",

	"go run ./idp-mock -issuer http://127.0.0.1:9000 -client notes,s3cret,http://localhost:8080": "e2e/readme.TestProgramRuns",
	"go run ./idp-mock -issuer http://127.0.0.1:9000 -client notes,s3cret,http://127.0.0.1:9101": "idp-mock.TestClients",
	"go run ./idp-mock -client notes,s3cret,http://localhost:9101":                               "idp-mock.TestClients",
	"go run ./idp-mock -like keycloak -client notes,s3cret,http://notes.localhost:9101":          "idp-mock.TestLike",

	"cd examples/chi/after && ISSUER=http://127.0.0.1:9000 CLIENT_ID=notes CLIENT_SECRET=s3cret " +
		"KEY=$(openssl rand -hex 32) LISTEN=127.0.0.1:9101 BASE_URL=http://127.0.0.1:9101 go run .": "e2e/readme.TestStranger",

	"go test ./idp-mock/...": "idp-mock.TestRun",

	// The programs beside these commands run against the same clients.
	"go run ./idp-mock -client python,s3cret,http://localhost:8000,/callback":                                                    "e2e/languages.TestPython",
	"go run ./idp-mock -client node,s3cret,http://localhost:3000,/callback":                                                      "e2e/languages.TestNode",
	"go run ./idp-mock -pkce-optional -access-token-typ JWT -client spring,s3cret,http://localhost:8080,/login/oauth2/code/mock": "e2e/languages.TestJava",
	"go run ./idp-mock -client notes,s3cret,http://localhost:9101,/callback -ready-file /tmp/idp":                                "idp-mock.TestTLSReadyFileAndHealth",
}

// Every command that a page shows is run by a test or a target of the Makefile, or is
// marked with what it needs that this repository cannot bring along: "# needs: …" behind
// it, or above it for the rest of the block.
func TestCommandsAreRunOrMarked(t *testing.T) {
	tests, targets := definedTests(t), makeTargets(t)
	pages, count := allPages(t), 0
	for _, page := range pages {
		text := read(t, page)
		for _, m := range fenced.FindAllStringSubmatch(text, -1) {
			if m[1] == "" {
				t.Errorf("%s: a block without a language: sh for commands, text for what is none:\n%s", page, m[2])
			}
		}
		for _, block := range blocks(text, "sh") {
			marked := false
			for line := range strings.Lines(strings.ReplaceAll(block, "\\\n", "")) {
				command, mark, _ := strings.Cut(strings.TrimSpace(line), "#")
				needs := strings.HasPrefix(strings.TrimSpace(mark), "needs: ")
				command = strings.Join(strings.Fields(command), " ")
				if command == "" {
					marked = marked || needs
					continue
				}
				count++
				if !marked && !needs {
					ran(t, page, command, tests, targets)
				}
			}
		}
	}
	if count < 40 {
		t.Errorf("only %d commands: is the pattern right?", count)
	}
}

func ran(t *testing.T, page, command string, tests map[string][]string, targets map[string]bool) {
	t.Helper()
	words := strings.Fields(command)
	switch {
	case ranBy[command] != "":
		if dir, name, _ := strings.Cut(ranBy[command], "."); !slices.Contains(tests[name], dir) {
			t.Errorf("%s: %s: there is no test %s", page, command, ranBy[command])
		}
	case len(words) >= 2 && words[0] == "make":
		for _, word := range words[1:] {
			if !strings.Contains(word, "=") && !targets[word] {
				t.Errorf("%s: the Makefile has no target %s", page, word)
			}
		}
	case strings.HasPrefix(command, "cd bench && go run . -"):
		if flag := "\"" + strings.TrimPrefix(words[6], "-") + "\""; !strings.Contains(read(t, root+"/bench/main.go"),
			flag) {
			t.Errorf("%s: bench has no flag %s", page, flag)
		}
	case len(words) >= 3 && words[0] == "go" && words[1] == "test": // TestNamedTestsExist
		if _, err := os.Stat(filepath.Join(root, words[len(words)-1])); err != nil {
			t.Errorf("%s: %v", page, err)
		}
	default:
		t.Errorf("%s: %q is run by nothing: name its test in ranBy, or mark what it needs: # needs: …", page, command)
	}
}

// allPages are the pages of the documentation, wherever they are.
func allPages(t *testing.T) (pages []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "node_modules" || d.Name() == "dist" || d.Name() == ".git"):
			return filepath.SkipDir
		case strings.HasSuffix(path, ".md"):
			pages = append(pages, path)
		}
		return nil
	})
	if err != nil || len(pages) < 30 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	return pages
}

// The README's contents name its sections, in order.
func TestContents(t *testing.T) {
	text := read(t, root+"/README.md")
	contents, rest, ok := strings.Cut(text, "\n## ")
	if !ok {
		t.Fatal("the README has no sections")
	}
	at := 0
	for _, m := range titled.FindAllStringSubmatch("\n## "+rest, -1) {
		link := "[" + m[1] + "](#" + strings.ReplaceAll(strings.ToLower(m[1]), " ", "-") + ")"
		i := strings.Index(contents[at:], link)
		if i < 0 {
			t.Errorf("the contents lack %s, or have it elsewhere", link)
			continue
		}
		at += i
	}
}

// Whoever looks for a page finds it: docs/README.md names each.
func TestIndexIsWhole(t *testing.T) {
	index := read(t, root+"/docs/README.md")
	documents, err := filepath.Glob(root + "/docs/*.md")
	if err != nil || len(documents) < 20 {
		t.Fatalf("%d pages, %v", len(documents), err)
	}
	for _, path := range documents {
		if name := filepath.Base(path); name != "README.md" && !strings.Contains(index, "("+name+")") {
			t.Errorf("docs/README.md does not name %s", name)
		}
	}
}
