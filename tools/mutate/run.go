package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// outcome is what the tests said of a mutant.
type outcome string

const (
	killed   outcome = "killed"    // a test failed
	timedOut outcome = "timed out" // a test did not end: most often a loop that the mutant has made endless
	survived outcome = "survived"  // every test passed
	unbuilt  outcome = "not built" // the compiler refused it: it says nothing about the tests
)

// build compiles the tests of a package with some files replaced, or added; the files
// themselves are not touched (go help build, -overlay). Without an error of its own, it
// says what the compiler has refused.
func build(root, pkg, binary string, replaced map[string][]byte) (refused string, err error) {
	dir, err := os.MkdirTemp("", "mutant")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	paths := map[string]string{}
	for name, text := range replaced {
		to := filepath.Join(dir, filepath.Base(name))
		if err := os.WriteFile(to, text, 0o600); err != nil {
			return "", err
		}
		paths[filepath.Join(root, filepath.FromSlash(name))] = to
	}
	overlay, err := json.Marshal(map[string]any{"Replace": paths})
	if err != nil {
		return "", err
	}
	list := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(list, overlay, 0o600); err != nil {
		return "", err
	}
	cmd := exec.Command("go", "test", "-c", "-vet=off", "-gcflags=-e", "-overlay", list, "-o", binary, "./"+pkg)
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return string(out), nil
	}
	return "", err
}

var failed = regexp.MustCompile(`(?m)^--- FAIL: (\w+)`)

// runTests runs some tests of a binary, in the directory of their package. by is the test that
// has failed, where the output says it.
func runTests(binary, dir string, names []string, limit time.Duration, env string) (o outcome, by string, err error) {
	// The second limit is for a process that does not heed the first.
	ctx, cancel := context.WithTimeout(context.Background(), limit+10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, "-test.failfast", "-test.timeout", limit.String(),
		"-test.run", "^("+strings.Join(names, "|")+")$")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env)
	// What a test has started ends with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	out, err := cmd.CombinedOutput()
	if name := failed.FindSubmatch(out); name != nil {
		by = string(name[1])
	}
	var exit *exec.ExitError
	switch {
	case err == nil:
		return survived, "", nil
	case ctx.Err() != nil || strings.Contains(string(out), "panic: test timed out after"):
		return timedOut, by, nil
	case errors.As(err, &exit):
		return killed, by, nil
	}
	return "", "", err
}
