package kit

import (
	"bytes"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Key is what the examples sign and seal with.
const Key = "6f1d2c3b4a5968778695a4b3c2d1e0f00112233445566778899aabbccddeeff0"

// Address is a free one on loopback.
func Address(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// Run builds the program in dir and runs it until the test ends. It listens at listen, and
// browsers see it at base. env adds to its environment, or replaces what stands there.
func Run(t *testing.T, idp *IDP, dir, listen, base string, env ...string) *Program {
	t.Helper()
	cmd := exec.Command(build(t, dir))
	cmd.Env = append(os.Environ(), "ISSUER="+idp.Issuer(), "CLIENT_ID=notes", "CLIENT_SECRET=s3cret",
		"BASE_URL="+base, "LISTEN="+listen, "KEY="+Key)
	cmd.Env = append(cmd.Env, env...)
	return Start(t, cmd, listen)
}

// Program is one that runs.
type Program struct {
	t    *testing.T
	cmd  *exec.Cmd
	gone chan struct{}
}

// Terminate asks the program to end, as an operator does, and waits until it has.
func (p *Program) Terminate() {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	select {
	case <-p.gone:
	case <-time.After(30 * time.Second):
		p.t.Fatal("the program does not end")
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		p.t.Errorf("the program has ended with %d", code)
	}
}

// Start runs cmd until the test ends, and returns when it listens.
func Start(t *testing.T, cmd *exec.Cmd, listen string) *Program {
	t.Helper()
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		_ = cmd.Wait() // by the kill below, or what the output says
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may be gone
		<-gone
		if t.Failed() {
			t.Logf("%s said:\n%s", cmd.Path, &output)
		}
	})
	open(t, listen, gone)
	return &Program{t, cmd, gone}
}

// build compiles the program. That go test may serve a result from its cache, it has to see
// what the program is made of.
func build(t *testing.T, dir string) string {
	t.Helper()
	for _, root := range []string{dir, "../../rp", "../../nethttpadapter", "../../echoadapter"} {
		err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
			if err == nil && strings.HasSuffix(path, ".go") {
				_, err = os.Stat(path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	program := filepath.Join(t.TempDir(), "program")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program,
		"./"+dir).CombinedOutput(); err != nil {
		t.Fatalf("go build %s: %v\n%s", dir, err, out)
	}
	return program
}

// open waits until something listens at address.
func open(t *testing.T, address string, gone <-chan struct{}) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if conn, err := net.Dial("tcp", address); err == nil {
			conn.Close()
			return
		}
		select {
		case <-tick.C:
		case <-gone:
			t.Fatalf("the program at %s has ended", address)
		case <-deadline:
			t.Fatalf("nothing listens at %s", address)
		}
	}
}
