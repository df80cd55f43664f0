package kit

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// most is how many lines a move may add.
const most = 25

// CountLines fails if a move from before to after adds too many lines, or if docs/migrate.md
// has another number of lines that it adds and takes away.
func CountLines(t *testing.T, name string) {
	t.Helper()
	added, removed := changed(code(t, "before"), code(t, "after"))
	if added > most {
		t.Errorf("the move adds %d lines, more than %d", added, most)
	}
	text, err := os.ReadFile("../../docs/migrate.md")
	if err != nil {
		t.Fatal(err)
	}
	if row := fmt.Sprintf("(../examples/%s) | %d | %d |", name, added, removed); !strings.Contains(string(text), row) {
		t.Errorf("docs/migrate.md has no row with %s", row)
	}
}

// changed counts as diff does.
func changed(before, after []string) (added, removed int) {
	kept := common(before, after)
	return len(after) - kept, len(before) - kept
}

// code is the Go of a program as diff -w compares it, without blank lines, comments and what
// a generator has written.
func code(t *testing.T, dir string) (lines []string) {
	t.Helper()
	files, err := filepath.Glob(dir + "/*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("no Go files in %s (%v)", dir, err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_templ.go") || strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if before, _, found := strings.Cut(line, " // "); found {
				line = before
			}
			line = strings.Join(strings.Fields(line), " ")
			if line != "" && !strings.HasPrefix(line, "//") {
				lines = append(lines, line)
			}
		}
	}
	return lines
}

// common is the length of the longest common subsequence.
func common(a, b []string) int {
	row := make([]int, len(b)+1)
	for _, x := range a {
		last := slices.Clone(row)
		for j, y := range b {
			if row[j+1] = max(row[j], last[j+1]); x == y {
				row[j+1] = last[j] + 1
			}
		}
	}
	return row[len(b)]
}
