package archtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const module = "github.com/tandem-sso/tandem"

// TestArrowsPointDown holds the module as it is now against rooms.
func TestArrowsPointDown(t *testing.T) {
	root := filepath.Join("..", "..")
	watchSources(t, root)
	packages := goList(t, root)
	if len(packages) == 0 {
		t.Fatal("go list found no package: nothing was proved")
	}
	for _, breach := range check(module, rooms(), packages) {
		t.Error(breach)
	}
}

// goList asks for the module's packages without tests and everything they need.
func goList(t *testing.T, root string) []listed {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps",
		"-json=ImportPath,Standard,Imports,TestImports,XTestImports", "./...")
	cmd.Dir = root
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, &stderr)
	}
	var packages []listed
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatalf("go list answered what is not JSON: %v", err)
		}
		packages = append(packages, p)
	}
}

// watchSources looks at every Go file and go.mod, so that go test knows what the
// result depends on: it does not see what the go list it starts reads, and would
// serve an old result from its cache.
func watchSources(t *testing.T, root string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (entry.Name() == ".git" || entry.Name() == "node_modules") {
			return fs.SkipDir
		}
		if strings.HasSuffix(path, ".go") || entry.Name() == "go.mod" {
			_, err = os.Stat(path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
