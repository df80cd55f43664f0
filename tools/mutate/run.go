package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// outcome is what the tests said of a mutant.
type outcome string

const (
	killed   outcome = "killed"   // a test failed, or did not end
	survived outcome = "survived" // every test passed
	unbuilt  outcome = "unbuilt"  // the compiler refused it: it says nothing about the tests
)

// try runs the tests of a room with one mutant in place of the file. The file itself is
// not touched (go help build, -overlay).
func try(root string, r room, m mutant, src []byte, limit time.Duration) (outcome, error) {
	dir, err := os.MkdirTemp("", "mutant")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	changed, list := filepath.Join(dir, "mutant.go"), filepath.Join(dir, "overlay.json")
	overlay, err := json.Marshal(map[string]map[string]string{
		"Replace": {filepath.Join(root, filepath.FromSlash(m.file)): changed},
	})
	if err != nil {
		return "", err
	}
	if err := errors.Join(os.WriteFile(changed, m.apply(src), 0o600), os.WriteFile(list, overlay, 0o600)); err != nil {
		return "", err
	}
	for _, pkg := range r.testedBy() {
		if o, err := goTest(root, list, pkg, limit); o != survived || err != nil {
			return o, err
		}
	}
	return survived, nil
}

func goTest(root, overlay, pkg string, limit time.Duration) (outcome, error) {
	// The second limit is for a process that does not heed the first.
	ctx, cancel := context.WithTimeout(context.Background(), limit+time.Minute)
	defer cancel()
	args := []string{"test", "-vet=off", "-failfast", "-count=1", "-timeout", limit.String()}
	if overlay != "" {
		args = append(args, "-overlay", overlay)
	}
	cmd := exec.CommandContext(ctx, "go", append(args, "./"+pkg)...)
	cmd.Dir = root
	// go test does not pass its own end on to the test that it runs: the group ends.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return survived, nil
	case strings.Contains(string(out), "[build failed]"):
		return unbuilt, nil
	case errors.As(err, &exit) || ctx.Err() != nil:
		return killed, nil
	}
	return "", err
}

func (r room) testedBy() []string {
	if len(r.tests) == 0 {
		return []string{r.dir}
	}
	return r.tests
}
