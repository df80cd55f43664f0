package doctest

import (
	"go/scanner"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// columns is how long a line of Go or Markdown is at most. A tab counts for four.
const columns = 120

// sources calls f for each Go and Markdown file that a person has written.
func sources(t *testing.T, f func(path, text string)) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		name := d.Name()
		if err != nil {
			return err
		}
		if d.IsDir() {
			if path != root && (name[0] == '.' || slices.Contains([]string{"node_modules", "dist", "testdata"}, name)) {
				return filepath.SkipDir
			}
			return nil
		}
		ext := filepath.Ext(name)
		if ext != ".md" && ext != ".go" || strings.HasSuffix(name, "_templ.go") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		f(filepath.ToSlash(rel), string(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Lines have 120 columns at most, but for what cannot be broken: a table, a heading, an
// image, a block of code and HTML in Markdown; a raw string, an example's output and a URL.
func TestLinesAreShort(t *testing.T) {
	count := 0
	sources(t, func(path, text string) {
		count++
		fixed := ofMarkdown(text)
		if strings.HasSuffix(path, ".go") {
			fixed = rawStrings(text)
		}
		for i, line := range strings.Split(text, "\n") {
			if n := utf8.RuneCountInString(strings.ReplaceAll(line, "\t", "    ")); n > columns && !fixed[i+1] &&
				!strings.Contains(line, "://") {
				t.Errorf("%s:%d has %d columns, at most %d are good to read", path, i+1, n, columns)
			}
		}
	})
	if count < 300 {
		t.Errorf("only %d files were read", count)
	}
}

// rawStrings are the lines of a Go file that a raw string, or an example's output, stands on.
func rawStrings(text string) map[int]bool {
	lines := map[int]bool{}
	each(text, func(first int, tok token.Token, literal string) {
		if tok == token.STRING && literal[0] == '`' {
			for i := range strings.Count(literal, "\n") + 1 {
				lines[first+i] = true
			}
		}
	})
	output := false // of an example
	for i, line := range strings.Split(text, "\n") {
		comment := strings.TrimSpace(line)
		output = strings.HasPrefix(comment, "// Output:") || output && strings.HasPrefix(comment, "//")
		lines[i+1] = lines[i+1] || output
	}
	return lines
}

func each(text string, f func(line int, tok token.Token, literal string)) {
	set := token.NewFileSet()
	file := set.AddFile("", -1, len(text))
	var s scanner.Scanner
	s.Init(file, []byte(text), nil, 0)
	for {
		pos, tok, literal := s.Scan()
		if tok == token.EOF {
			return
		}
		f(file.Line(pos), tok, literal)
	}
}

// ofMarkdown are the lines of a document that cannot be broken.
func ofMarkdown(text string) map[int]bool {
	lines := map[int]bool{}
	code := false
	for i, line := range strings.Split(text, "\n") {
		start := strings.TrimLeft(line, " ")
		if strings.HasPrefix(start, "```") {
			code = !code
		}
		for _, mark := range []string{"|", "#", "<", "!["} {
			lines[i+1] = lines[i+1] || code || strings.HasPrefix(start, mark)
		}
	}
	return lines
}

var contract = regexp.MustCompile(`\bC[1-9]\b`)

// The contract's numbers are for who reads the code: whoever reads an error, a finding, a
// page or a line of the log has no list of them. The demo teaches the contract, and shows
// each with its text.
func TestTextsHaveNoContractNumbers(t *testing.T) {
	count := 0
	sources(t, func(path, text string) {
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.HasPrefix(path, "demo/") ||
			strings.HasPrefix(path, "e2e/") {
			return
		}
		each(text, func(line int, tok token.Token, literal string) {
			if tok != token.STRING {
				return
			}
			count++
			if said, err := strconv.Unquote(literal); err != nil || contract.MatchString(said) {
				t.Errorf("%s:%d: %s: say what it demands (%v)", path, line, literal, err)
			}
		})
	})
	if count < 5000 {
		t.Errorf("only %d texts were read", count)
	}
}
