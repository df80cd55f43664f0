package archtest

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What users of a package have to know: its exported names, and the exported fields of its
// structs. The numbers fall where they can. They rise only in the commit that adds a name,
// which says why it is needed.
func TestFaces(t *testing.T) {
	for dir, want := range map[string]struct{ names, fields int }{
		"rp":             {112, 116},
		"rp/activity":    {6, 0},
		"rp/adapter":     {6, 11},
		"rp/event":       {18, 45},
		"rp/pages":       {3, 7},
		"rp/store":       {38, 27},
		"rp/rptest":      {10, 5},
		"nethttpadapter": {9, 0},
		"echoadapter":    {10, 0},
	} {
		names, fields := face(t, filepath.Join("..", "..", filepath.FromSlash(dir)))
		if names != want.names || fields != want.fields {
			t.Errorf("%s has %d names and %d fields; this test says %d and %d", dir, names, fields, want.names,
				want.fields)
		}
	}
}

// A stranger reads all of it before the first program. It rises as the names do.
func TestDocIsShort(t *testing.T) {
	const most = 862
	doc, err := exec.CommandContext(t.Context(), "go", "doc", "-all", "github.com/tandem-sso/tandem/rp").Output()
	if n := bytes.Count(doc, []byte("\n")); err != nil || n > most {
		t.Errorf("go doc -all ./rp has %d lines, at most %d are wanted: %v", n, most, err)
	}
}

func face(t *testing.T, dir string) (names, fields int) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	count := func(n *int, all ...*ast.Ident) {
		for _, id := range all {
			if id.IsExported() {
				*n++
			}
		}
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil || receiver(d).IsExported() {
					count(&names, d.Name)
				}
			case *ast.GenDecl:
				for _, s := range d.Specs {
					switch s := s.(type) {
					case *ast.ValueSpec:
						count(&names, s.Names...)
					case *ast.TypeSpec:
						count(&names, s.Name)
						if st, ok := s.Type.(*ast.StructType); ok && s.Name.IsExported() {
							for _, field := range st.Fields.List {
								count(&fields, field.Names...)
							}
						}
						if in, ok := s.Type.(*ast.InterfaceType); ok && s.Name.IsExported() {
							for _, m := range in.Methods.List {
								count(&names, m.Names...)
							}
						}
					}
				}
			}
		}
	}
	return names, fields
}

// receiver is the name of the type that a method belongs to.
func receiver(d *ast.FuncDecl) *ast.Ident {
	expr := d.Recv.List[0].Type
	if p, ok := expr.(*ast.StarExpr); ok {
		expr = p.X
	}
	if g, ok := expr.(*ast.IndexExpr); ok { // of a generic type
		expr = g.X
	}
	return expr.(*ast.Ident)
}
