package languages

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// needsInterop leaves the test out of every run that is not make interop.
func needsInterop(t *testing.T) {
	t.Helper()
	if os.Getenv("TANDEM_INTEROP") == "" {
		t.Skip("it fetches packages of other languages: make interop")
	}
}

// idpMock builds the program.
func idpMock(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "idp-mock")
	cmd := exec.Command("go", "build", "-trimpath", "-o", program, "./idp-mock")
	cmd.Dir = "../.."
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

// serve runs cmd, which is an idp-mock, until the test ends, and returns its issuer.
func serve(t *testing.T, cmd *exec.Cmd) (issuer string) {
	t.Helper()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended, which Wait tells
		if err := cmd.Wait(); err != nil {
			t.Errorf("idp-mock ended: %v", err)
		}
	})
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		if v, ok := strings.CutPrefix(lines.Text(), "issuer "); ok {
			return v
		}
	}
	t.Fatal("idp-mock did not start")
	return ""
}

// command runs a program in a folder, at most for ten minutes, and fails the test with what
// it says.
func command(t *testing.T, dir string, env []string, name string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	t.Logf("%s", out)
}

// packages is a folder with what the file pins, installed once for each state of the file.
// It lies outside the module, in which go and the tests of the pages look at every file.
func packages(t *testing.T, pins string, install func(dir string)) string {
	t.Helper()
	text, err := os.ReadFile(pins)
	if err != nil {
		t.Fatal(err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(text)
	dir := filepath.Join(cache, "tandem-interop", filepath.Base(filepath.Dir(pins))+"-"+hex.EncodeToString(sum[:6]))
	done := filepath.Join(dir, ".installed")
	if _, err := os.Stat(done); err == nil {
		return dir
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	install(dir)
	if err := os.WriteFile(done, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// copyTo copies a folder's files into a fresh one below parent.
func copyTo(t *testing.T, parent, from string) string {
	t.Helper()
	dir, err := os.MkdirTemp(parent, "run-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) }) // at the worst a few files stay in a cache
	if err := os.CopyFS(dir, os.DirFS(from)); err == nil {
		return dir
	}
	t.Fatalf("%s cannot be copied: %v", from, err)
	return ""
}

func TestPython(t *testing.T) {
	needsInterop(t)
	dir := packages(t, "python/requirements.txt", func(dir string) {
		command(t, "python", nil, "python3", "-m", "venv", dir)
		command(t, "python", nil, filepath.Join(dir, "bin", "pip"), "install", "-q", "-r", "requirements.txt")
	})
	issuer := serve(t, exec.Command(idpMock(t), "-listen", "localhost:0", "-client",
		"python,s3cret,http://localhost:8000,/callback"))
	command(t, "python", []string{"ISSUER=" + issuer, "PYTHONDONTWRITEBYTECODE=1"}, filepath.Join(dir, "bin", "python"),
		"-m", "unittest", "-v", "test_app")
}

func TestNode(t *testing.T) {
	needsInterop(t)
	dir := packages(t, "node/package-lock.json", func(dir string) {
		for _, name := range []string{"package.json", "package-lock.json"} {
			command(t, "node", nil, "cp", name, dir)
		}
		command(t, dir, nil, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	})
	issuer := serve(t, exec.Command(idpMock(t), "-listen", "localhost:0", "-client",
		"node,s3cret,http://localhost:3000,/callback"))
	run := copyTo(t, dir, "node")
	// One file after another: each empties the IdP.
	command(t, run, []string{"ISSUER=" + issuer}, "node", "--test", "--test-concurrency=1")
}

func TestJava(t *testing.T) {
	needsInterop(t)
	issuer := serve(t, exec.Command(idpMock(t), "-listen", "localhost:0", "-pkce-optional", "-access-token-typ", "JWT",
		"-client", "spring,s3cret,http://localhost:8080,/login/oauth2/code/mock"))
	command(t, copyTo(t, t.TempDir(), "java"), []string{"ISSUER=" + issuer}, "mvn", "-q", "-B", "test")
}
