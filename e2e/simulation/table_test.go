package simulation

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	quoted  = regexp.MustCompile("`([^`]+)`")
	aTest   = regexp.MustCompile("`([^`]+): (Test\\w+)`")
	tableAt = "README.md"
)

// TestTheTableOfMistakes: each mistake is in the table once, each name there is a mistake, and
// each other test that it names exists.
func TestTheTableOfMistakes(t *testing.T) {
	text, err := os.ReadFile(tableAt)
	if err != nil {
		t.Fatal(err)
	}
	missing := map[string]bool{}
	for _, m := range allMutations() {
		missing[m.name] = true
	}
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if !strings.HasPrefix(line, "| ") || len(cells) != 3 || strings.HasPrefix(line, "| What holds") {
			continue
		}
		names, tests := quoted.FindAllStringSubmatch(cells[1], -1), aTest.FindAllStringSubmatch(cells[2], -1)
		if len(names)+len(tests) == 0 {
			t.Errorf("%s names nothing that shows: %s", tableAt, cells[0])
		}
		for _, n := range names {
			if !missing[n[1]] {
				t.Errorf("%s has %q, which is no mistake or is there twice", tableAt, n[1])
			}
			delete(missing, n[1])
		}
		for _, n := range tests {
			if !hasTest(t, n[1], n[2]) {
				t.Errorf("%s names %s of %s, which does not exist", tableAt, n[2], n[1])
			}
		}
	}
	for name := range missing {
		t.Errorf("%s does not say what %q shows", tableAt, name)
	}
}

// hasTest reports whether a folder of the repository has a test of this name.
func hasTest(t *testing.T, folder, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("../..", filepath.FromSlash(folder), "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "func "+name+"(") {
			return true
		}
	}
	return false
}
