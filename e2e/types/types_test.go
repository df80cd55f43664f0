// Package types tests session.d.ts with the TypeScript compiler.
package types

import (
	"os"
	"os/exec"
	"testing"

	"github.com/tandem-sso/tandem/e2e/driver/npm"
)

// tsc compiles a project of testdata.
func tsc(t *testing.T, args ...string) (string, error) {
	t.Helper()
	compiler, err := npm.Path("typescript/bin/tsc")
	if err != nil {
		t.Fatal(err)
	}
	node, err := exec.LookPath("node")
	if err != nil {
		t.Fatal("node is not installed; on Debian: apt-get install nodejs npm")
	}
	cmd := exec.CommandContext(t.Context(), node, append([]string{compiler, "--pretty", "false"}, args...)...)
	cmd.Dir = "testdata"
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// An app in TypeScript, as strict as the compiler can be, may use everything that
// session.js offers; what it must not do is refused.
func TestUser(t *testing.T) { compile(t, "tsconfig.json") }

// What session.js exports is what session.d.ts declares, and the other way round.
func TestTypesAgreeWithTheCode(t *testing.T) { compile(t, "tsconfig.agree.json") }

func compile(t *testing.T, project string) {
	t.Parallel()
	// So that go test sees when they change.
	for _, file := range []string{"../../rp/internal/asset/session.js", "../../rp/internal/asset/session.d.ts",
		"testdata/user.ts", "testdata/agree.ts", "testdata/tsconfig.json", "testdata/tsconfig.agree.json"} {
		if _, err := os.Stat(file); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := tsc(t, "--project", project); err != nil {
		t.Errorf("tsc: %v\n%s", err, out)
	}
}
