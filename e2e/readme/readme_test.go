// Package readme holds the documentation to what is there: programs compile, links
// lead somewhere.
package readme

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	// What the programs use, so that go test sees when it changes.
	_ "github.com/tandem-sso/tandem/echoadapter"
	_ "github.com/tandem-sso/tandem/nethttpadapter"
	_ "github.com/tandem-sso/tandem/rp/store/boltstore"
	_ "github.com/tandem-sso/tandem/rp/store/memstore"
)

const root = "../.."

func pages(t *testing.T) []string {
	var out []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == ".git" || entry.Name() == "node_modules"):
			return fs.SkipDir
		case strings.HasSuffix(path, ".md"):
			out = append(out, path)
		}
		return nil
	})
	if err != nil || len(out) == 0 {
		t.Fatal(out, err)
	}
	return out
}

func read(t *testing.T, path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var program = regexp.MustCompile("(?s)```go\n(package main\n.*?)```")

// Whole programs compile against the module as it is.
func TestProgramsCompile(t *testing.T) {
	found := 0
	for _, page := range pages(t) {
		if strings.HasPrefix(page, filepath.Join(root, "docs", "idp")) {
			continue // each shows a Config: TestGuidesPrograms of internal/doctest
		}
		for _, m := range program.FindAllStringSubmatch(read(t, page), -1) {
			found++
			file := filepath.Join(t.TempDir(), "main.go")
			if err := os.WriteFile(file, []byte(m[1]), 0o644); err != nil {
				t.Fatal(err)
			}
			for _, tool := range [][]string{{"vet"}, {"build", "-buildvcs=false", "-o", os.DevNull}} {
				cmd := exec.Command("go", append(tool, file)...)
				cmd.Dir = root
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Errorf("%s: go %s: %v\n%s", page, tool[0], err, out)
				}
			}
		}
	}
	if found == 0 {
		t.Error("no program in any page")
	}
}

var (
	link  = regexp.MustCompile(`\]\(([^)\s]+)\)|<img[^>]* src="([^"]+)"`)
	fence = regexp.MustCompile("(?s)```.*?```")
)

// Links to files of this repository lead to files that are there.
func TestLinksLead(t *testing.T) {
	for _, page := range pages(t) {
		for _, m := range link.FindAllStringSubmatch(fence.ReplaceAllString(read(t, page), ""), -1) {
			to, _, _ := strings.Cut(m[1]+m[2], "#")
			if to == "" || strings.Contains(to, ":") {
				continue // within the page, or on the web
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(page), to)); err != nil {
				t.Errorf("%s links to %s: %v", page, to, err)
			}
		}
	}
}

// The README's commands are there: CI calls the one, people the other.
func TestCommandsExist(t *testing.T) {
	text := read(t, filepath.Join(root, "README.md"))
	for _, command := range []string{"go run ./demo", "make test"} {
		if !strings.Contains(text, "\n"+command) {
			t.Errorf("README.md does not tell %q", command)
		}
	}
	if !strings.Contains(read(t, filepath.Join(root, ".ci/run")), "make test") {
		t.Error(".ci/run does not call the README's test command")
	}
	makefile := read(t, filepath.Join(root, "Makefile"))
	for _, target := range []string{"test", "demo", "lint", "bench", "fuzz", "simulate", "chaos", "generate"} {
		if !strings.Contains(makefile, "\n"+target+":") {
			t.Errorf("the Makefile has no target %s", target)
		}
	}
}
