package doctest

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

var goFile = regexp.MustCompile("`([a-z0-9/-]+\\.go)`")

// The files that docs/architecture.md leads to exist.
func TestArchitectureNamesFiles(t *testing.T) {
	page, err := os.ReadFile(root + "/docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	found := goFile.FindAllSubmatch(page, -1)
	for _, m := range found {
		if _, err := os.Stat(filepath.Join(root, string(m[1]))); err != nil {
			t.Error(err)
		}
	}
	if len(found) < 20 {
		t.Errorf("only %d files: is the pattern right?", len(found))
	}
}
