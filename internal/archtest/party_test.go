package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// RelyingParty is what an app's author calls, and little else: what it does is done by parts
// that know only what they need. The numbers fall where they can.
func TestRelyingPartyIsThin(t *testing.T) {
	const mostMethods, mostFields = 19, 8
	files, err := filepath.Glob(filepath.Join("..", "..", "rp", "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	methods, fields := 0, 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if n.Recv != nil && receiver(n).Name == "RelyingParty" {
					methods++
				}
			case *ast.TypeSpec:
				if s, ok := n.Type.(*ast.StructType); ok && n.Name.Name == "RelyingParty" {
					for _, field := range s.Fields.List {
						fields += max(len(field.Names), 1) // one without a name is embedded
					}
				}
			}
			return true
		})
	}
	if methods != mostMethods || fields != mostFields {
		t.Errorf("RelyingParty has %d methods and %d fields; this test says %d and %d", methods, fields, mostMethods,
			mostFields)
	}
}
