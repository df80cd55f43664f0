package simulation

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"
)

// apart plays so many histories in a process of its own: histories of one process cannot be
// played side by side, because they share the source of random numbers. focus: of what part of
// the world, "": of all of it.
func apart(t *testing.T, focus string, histories int) {
	t.Parallel()
	run := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestContract$", "-test.v", "-test.timeout=0",
		fmt.Sprintf("-rapid.seed=%d", rand.Uint64()|1)) // which its output names if a history fails
	run.Env = append(os.Environ(), "TANDEM_SIMULATE=", fmt.Sprintf("TANDEM_HISTORIES=%d", histories),
		"TANDEM_FOCUS="+focus)
	out, err := run.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Error(err)
	}
}
