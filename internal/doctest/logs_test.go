package doctest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var (
	lineRow = regexp.MustCompile("(?m)^\\| (debug|info|warn|error|by outcome) " +
		"\\| `([^`]+)` \\| [^|]+ \\| [^|]+ \\|$")
	findingRow = regexp.MustCompile("(?m)^\\| (finding) `([a-z_0-9]+)` \\| [^|]+ \\|$")
)

// docs/logs.md has a row for each line that the library can log, and no other; and the
// same for findings. The level is in the row, too.
func TestLogs(t *testing.T) {
	page, err := os.ReadFile(root + "/docs/logs.md")
	if err != nil {
		t.Fatal(err)
	}
	lines, findings := logged(t)
	if len(lines) < 60 || len(findings) < 40 {
		t.Fatalf("%d lines and %d findings: is the scan right?", len(lines), len(findings))
	}
	compare(t, "line", lines,
		lineRow.FindAllStringSubmatch(string(page), -1))
	compare(t, "finding", findings,
		findingRow.FindAllStringSubmatch(string(page), -1))
}

func compare(t *testing.T, what string, code map[string]string, rows [][]string) {
	t.Helper()
	page := map[string]string{}
	for _, m := range rows {
		if page[m[2]] != "" {
			t.Errorf("docs/logs.md has two rows for the %s %q", what, m[2])
		}
		page[m[2]] = m[1]
	}
	for text, level := range code {
		if page[text] != level {
			t.Errorf("docs/logs.md has no row for the %s\n| %s | `%s` | … |", what, level, text)
		}
	}
	for text := range page {
		if code[text] == "" {
			t.Errorf("docs/logs.md has a row for the %s %q, which nothing logs", what, text)
		}
	}
}

// logged are the lines of the log by their level, and the codes of findings.
func logged(t *testing.T) (lines, findings map[string]string) {
	t.Helper()
	lines, findings = map[string]string{}, map[string]string{}
	for _, dir := range []string{"rp", "nethttpadapter", "echoadapter"} {
		byDir := map[string][]*ast.File{}
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			if at := filepath.ToSlash(path); strings.Contains(at, "/rptest/") || strings.Contains(at,
				"/faulttest/") || strings.Contains(at, "/storetest/") ||
				strings.Contains(at, "/audit/") { // records: docs/audit.md
				return nil // tests
			}
			f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			byDir[filepath.Dir(path)] = append(byDir[filepath.Dir(path)], f)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		for at, files := range byDir {
			s := scan{t: t, at: at, files: files, lines: lines, findings: findings}
			for _, f := range files {
				for _, d := range f.Decls {
					if fn, ok := d.(*ast.FuncDecl); ok && fn.Body != nil {
						s.function(fn)
					}
				}
			}
		}
	}
	return lines, findings
}

type scan struct {
	t               *testing.T
	at              string
	files           []*ast.File
	lines, findings map[string]string
}

// forwarders log what they are given: their callers are looked at.
var forwarders = []string{"Spend", "spend", "refused", "noteAgain"}

func (s *scan) function(fn *ast.FuncDecl) {
	ast.Inspect(fn.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			s.call(fn, n)
		case *ast.KeyValueExpr:
			if k, ok := n.Key.(*ast.Ident); ok && k.Name == "Code" {
				switch code, ok := literal(n.Value); {
				case !s.isFinding(fn, n):
				case ok:
					s.findings[code] = "finding"
				default:
					if _, ok := n.Value.(*ast.SelectorExpr); ok { // a field of the rows of a table
						s.table(fn)
					}
				}
			}
		}
		return true
	})
}

// table takes the first column of the rows that a function has.
func (s *scan) table(fn *ast.FuncDecl) {
	ast.Inspect(fn.Body, func(n ast.Node) bool {
		if c, ok := n.(*ast.CompositeLit); ok && c.Type == nil && len(c.Elts) > 2 {
			if code, ok := literal(c.Elts[0]); ok {
				s.findings[code] = "finding"
			}
		}
		return true
	})
}

func (s *scan) call(fn *ast.FuncDecl, c *ast.CallExpr) {
	if id, ok := c.Fun.(*ast.Ident); ok && id.Name == "say" && len(c.Args) > 2 { // serious, code, text, …
		if code, ok := literal(c.Args[1]); ok {
			s.findings[code] = "finding"
		}
		return
	}
	sel, ok := c.Fun.(*ast.SelectorExpr)
	if !ok {
		return
	}
	for i, a := range c.Args { // "finding", "code"
		if key, _ := literal(a); key == "finding" && i+1 < len(c.Args) {
			if code, ok := literal(c.Args[i+1]); ok {
				s.findings[code] = "finding"
				return
			}
		}
	}
	level, message := "", -1
	switch name := sel.Sel.Name; name {
	case "Debug", "Info", "Warn", "Error":
		if isLogger(sel.X) {
			level, message = strings.ToLower(name), 0
		}
	case "Log", "LogAttrs":
		if isLogger(sel.X) {
			level, message = "by outcome", 2
		}
	case "Spend":
		level, message = "warn", 2
	case "spend":
		level, message = "warn", 0
	case "refused":
		if len(c.Args) == 2 {
			level, message = "warn", 0
		}
	case "noteAgain":
		if code, ok := literal(c.Args[0]); ok {
			s.findings[code] = "finding"
		}
	}
	if level == "" || slices.Contains(forwarders, fn.Name.Name) {
		return
	}
	texts := s.texts(fn, c.Args[message])
	if len(texts) == 0 {
		s.t.Errorf("%s: %s: the scan does not understand what %s logs", s.at, fn.Name.Name, sel.Sel.Name)
	}
	for _, text := range texts {
		s.lines[text] = level
	}
}

// texts are what a message may be.
func (s *scan) texts(fn *ast.FuncDecl, e ast.Expr) []string {
	if text, ok := literal(e); ok {
		return []string{text}
	}
	switch e := e.(type) {
	case *ast.SelectorExpr:
		if id, ok := e.X.(*ast.Ident); ok && id.Name == "event" { // package event
			f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, "rp/event/event.go"), nil, 0)
			if err != nil {
				s.t.Fatal(err)
			}
			return (&scan{files: []*ast.File{f}}).values(e.Sel)
		}
		if e.Sel.Name == "Text" && fn.Name.Name == "Report" {
			return []string{"(the text of a finding)"}
		}
	case *ast.Ident:
		var out []string
		ast.Inspect(fn.Body, func(n ast.Node) bool { // what is assigned to it
			if a, ok := n.(*ast.AssignStmt); ok {
				for i, to := range a.Lhs {
					if id, ok := to.(*ast.Ident); ok && id.Name == e.Name && i < len(a.Rhs) {
						if text, ok := literal(a.Rhs[i]); ok {
							out = append(out, text)
						} else if of, ok := a.Rhs[i].(*ast.IndexExpr); ok {
							out = append(out, s.values(of.X)...)
						}
					}
				}
			}
			return true
		})
		if len(out) == 0 {
			out = s.values(e)
		}
		return out
	}
	return nil
}

// values are the literals in the declaration of a name of the package.
func (s *scan) values(e ast.Expr) (out []string) {
	id, ok := e.(*ast.Ident)
	if !ok {
		return nil
	}
	for _, f := range s.files {
		for _, d := range f.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, spec := range g.Specs {
				v, ok := spec.(*ast.ValueSpec)
				if !ok {
					continue
				}
				for i, name := range v.Names {
					if name.Name != id.Name || i >= len(v.Values) {
						continue
					}
					ast.Inspect(v.Values[i], func(n ast.Node) bool {
						e, ok := n.(ast.Expr)
						if !ok {
							return true
						}
						text, ok := literal(e)
						if ok {
							out = append(out, text)
						}
						return !ok // the parts of a text are none of their own
					})
				}
			}
		}
	}
	return out
}

// isFinding: the literal around the field has a Text beside it.
func (s *scan) isFinding(fn *ast.FuncDecl, field *ast.KeyValueExpr) (is bool) {
	ast.Inspect(fn.Body, func(n ast.Node) bool {
		if c, ok := n.(*ast.CompositeLit); ok && slices.Contains(c.Elts, ast.Expr(field)) {
			is = slices.ContainsFunc(c.Elts, func(e ast.Expr) bool {
				kv, ok := e.(*ast.KeyValueExpr)
				if !ok {
					return false
				}
				k, ok := kv.Key.(*ast.Ident)
				return ok && k.Name == "Text"
			})
		}
		return true
	})
	return is
}

// isLogger: x.log, x.Logger, x.log(), log.
func isLogger(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name == "log" || e.Name == "logger"
	case *ast.SelectorExpr:
		return e.Sel.Name == "log" || e.Sel.Name == "Logger"
	case *ast.CallExpr:
		return isLogger(e.Fun)
	}
	return false
}

// literal is a text, or several that are added.
func literal(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind == token.STRING {
			text, err := strconv.Unquote(e.Value)
			return text, err == nil
		}
	case *ast.BinaryExpr:
		a, ok := literal(e.X)
		b, also := literal(e.Y)
		return a + b, ok && also && e.Op == token.ADD
	}
	return "", false
}
