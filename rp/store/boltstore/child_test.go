package boltstore_test

import (
	"fmt"
	"os"
	"os/exec"
	"testing"

	"go.uber.org/goleak"
)

// Some tests need a process that can be killed or starved: the test binary
// itself, started once more with these set.
const (
	envChild = "BOLTSTORE_TEST_CHILD"
	envFile  = "BOLTSTORE_TEST_FILE"
)

func TestMain(m *testing.M) {
	child := map[string]func(path string) error{"crash": crashChild, "full": fullChild}[os.Getenv(envChild)]
	if child == nil {
		goleak.VerifyTestMain(m)
		return
	}
	if err := child(os.Getenv(envFile)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func startChild(t *testing.T, kind, path string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe)
	cmd.Env = append(os.Environ(), envChild+"="+kind, envFile+"="+path)
	cmd.Stderr = os.Stderr
	return cmd
}
