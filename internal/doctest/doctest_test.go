// Package doctest holds the documentation against the code.
package doctest

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const root = "../.."

var (
	named   = regexp.MustCompile("`(Test[A-Za-z0-9]+)`")
	defined = regexp.MustCompile(`(?m)^func ((?:Test|Example)[A-Za-z0-9_]+)\(`)
)

// definedTests are the directories of all tests and Examples of the repository, by name.
func definedTests(t *testing.T) map[string][]string {
	t.Helper()
	tests := map[string][]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range defined.FindAllSubmatch(text, -1) {
			name := string(m[1])
			tests[name] = append(tests[name], strings.TrimPrefix(filepath.ToSlash(filepath.Dir(path)), root+"/"))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return tests
}

// Every test that a document names exists.
func TestDocumentsNameTests(t *testing.T) {
	tests := definedTests(t)
	documents, err := filepath.Glob(root + "/docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	guides, err := filepath.Glob(root + "/docs/idp/*.md")
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, document := range append(append(documents, guides...), root+"/README.md", root+"/SECURITY.md",
		root+"/CONTRIBUTING.md") {
		text, err := os.ReadFile(document)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range named.FindAllSubmatch(text, -1) {
			count++
			if tests[string(m[1])] == nil {
				t.Errorf("%s names %s, which does not exist", filepath.Base(document), m[1])
			}
		}
	}
	if count < 60 {
		t.Errorf("only %d tests are named: is the pattern right?", count)
	}
}
