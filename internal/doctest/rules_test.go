package doctest

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	cited = regexp.MustCompile(`\b(?:BCL|BCLO|FCL|RIL|SM|CORE|PAR|PKJWT|DPOP|RFC9700|RT|UI|API|INTR|REV|ACT|BFF|SEC|SSF|DBSC)-[0-9]{2}[a-z]?\b|\bC[1-9]\b`)
	ruled = regexp.MustCompile(`(?m)^\| ([A-Z][A-Z0-9]*(?:-[0-9]{2}[a-z]?)?) \|`)
)

// docs/rules.md is the key to the IDs in the code: it explains each, and no others.
func TestRules(t *testing.T) {
	page, err := os.ReadFile(root + "/docs/rules.md")
	if err != nil {
		t.Fatal(err)
	}
	lines := map[string]bool{}
	for _, m := range ruled.FindAllSubmatch(page, -1) {
		if id := string(m[1]); lines[id] {
			t.Errorf("%s has two lines", id)
		} else if id != "ID" {
			lines[id] = true
		}
	}
	cites := map[string]string{} // and a file that does
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); name == "testdata" || name == "node_modules" || len(name) > 2 && name[0] == '.' {
				return filepath.SkipDir
			}
			return nil
		}
		if !slices.Contains([]string{".go", ".js", ".templ", ".md"}, filepath.Ext(path)) ||
			strings.HasSuffix(path, "docs/rules.md") || strings.HasSuffix(path, "doctest/rules_test.go") ||
			strings.HasSuffix(path, "_templ.go") {
			return nil
		}
		text, err := os.ReadFile(path)
		for _, id := range cited.FindAll(text, -1) {
			cites[string(id)] = path
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for id, path := range cites {
		if !lines[id] {
			t.Errorf("%s, in %s, is not explained in docs/rules.md", id, path)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(lines)) {
		if cites[id] == "" {
			t.Errorf("docs/rules.md explains %s, which nothing cites", id)
		}
	}
	if len(cites) < 80 {
		t.Errorf("only %d rules are cited: is the pattern right?", len(cites))
	}
}
