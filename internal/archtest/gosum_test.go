package archtest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What the library costs in the go.sum of whoever imports it: one module stays one module
// as long as stores, tests, the demo and its browsers cost its users nothing. go mod tidy
// counts what the tests of an imported package import, too. The numbers fall where they
// can, and rise only in the commit that says why.
func TestGoSumOfUsers(t *testing.T) {
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	watchSources(t, root)
	for _, user := range []struct {
		imports []string
		lines   int
	}{
		{[]string{"rp", "nethttpadapter"}, 16},
		{[]string{"rp", "nethttpadapter", "echoadapter"}, 44}, // echo's own
	} {
		t.Run(strings.Join(user.imports, " "), func(t *testing.T) {
			sums := goSum(t, root, user.imports)
			if n := strings.Count(sums, "\n"); n != user.lines {
				t.Errorf("the go.sum has %d lines, this test says %d:\n%s", n, user.lines, sums)
			}
		})
	}
}

// goSum is the go.sum of a program that imports packages of this module.
func goSum(t *testing.T, root string, packages []string) string {
	t.Helper()
	dir := t.TempDir()
	program := "package main\n\nfunc main() {}\n"
	for _, p := range packages {
		program = strings.Replace(program, "\n\n", fmt.Sprintf("\n\nimport _ %q\n", module+"/"+p), 1)
	}
	own, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"main.go": program,
		"go.mod": fmt.Sprintf("module user.example\n\ngo 1.26\n\nrequire %[1]s v0.0.0\n\nreplace %[1]s => %[2]s\n",
			module, root),
		"go.sum": string(own), // what is known need not be asked for; tidy drops the rest
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tidy := exec.CommandContext(t.Context(), "go", "mod", "tidy")
	tidy.Dir, tidy.Env = dir, append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off", "GOSUMDB=off")
	if out, err := tidy.CombinedOutput(); err != nil {
		t.Fatalf("go mod tidy: %v\n%s", err, out)
	}
	sums, err := os.ReadFile(filepath.Join(dir, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	return string(sums)
}
