// Package process runs the real programs as a person at a terminal would: built
// once per test binary, started with flags and environment, stopped by a signal.
package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Program is a command of this module. Its zero value but Package is ready: the
// first Start builds it. A test binary keeps one and closes it in TestMain.
type Program struct {
	Package string // such as ./demo, relative to the module's root
	// Overlay is the file of go build -overlay, for a package that is not on the disk.
	// Default: none.
	Overlay string

	once sync.Once
	dir  string
	err  error
}

const (
	buildTimeout = 5 * time.Minute
	startTimeout = 60 * time.Second
	stopTimeout  = 15 * time.Second
	look         = 20 * time.Millisecond
)

func (p *Program) bin() string { return filepath.Join(p.dir, "program") }

func (p *Program) build() error {
	p.once.Do(func() {
		if p.dir, p.err = os.MkdirTemp("", "tandem-e2e-"); p.err != nil {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), buildTimeout)
		defer cancel()
		args := []string{"build", "-buildvcs=false", "-o", p.bin()}
		if raced {
			args = append(args, "-race")
		}
		if p.Overlay != "" {
			args = append(args, "-overlay", p.Overlay)
		}
		path := "github.com/tandem-sso/tandem/" + strings.TrimPrefix(p.Package, "./")
		cmd := exec.CommandContext(ctx, "go", append(args, path)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			p.err = fmt.Errorf("go build %s: %w\n%s", p.Package, err, out)
		}
	})
	return p.err
}

// Close removes what was built.
func (p *Program) Close() {
	if p.dir != "" {
		_ = os.RemoveAll(p.dir)
	}
}

// Process is a running program.
type Process struct {
	t    testing.TB
	cmd  *exec.Cmd
	out  *output
	done chan struct{}
	err  error // of Wait; valid once done is closed
}

// Env are variables beside those of the test.
type Env map[string]string

// Start starts the program and does not wait for anything. It is stopped with the
// test; whatever it wrote is shown if the test fails, and a data race in it fails
// the test.
func (p *Program) Start(t testing.TB, env Env, args ...string) *Process {
	t.Helper()
	if err := p.build(); err != nil {
		t.Fatal(err)
	}
	q := &Process{t: t, cmd: exec.Command(p.bin(), args...), out: &output{}, done: make(chan struct{})}
	q.cmd.Stdout, q.cmd.Stderr = q.out, q.out
	q.cmd.Env = os.Environ()
	for name, value := range env {
		q.cmd.Env = append(q.cmd.Env, name+"="+value)
	}
	if err := q.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { defer close(q.done); q.err = q.cmd.Wait() }()
	t.Cleanup(func() {
		q.Stop()
		if text := q.Output(); strings.Contains(text, "DATA RACE") {
			t.Errorf("%s: data race:\n%s", p.Package, text)
		} else if t.Failed() {
			t.Logf("%s %s said:\n%s", p.Package, strings.Join(args, " "), text)
		}
	})
	return q
}

// Ready waits until GET url/healthz answers 200.
func (q *Process) Ready(url string) *Process {
	q.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		if healthy(ctx, url) && q.running() { // else somebody else has the address
			return q
		}
		select {
		case <-tick.C:
		case <-q.done:
			q.t.Fatalf("the program ended before it was ready (%v):\n%s", q.err, q.Output())
		case <-ctx.Done():
			q.t.Fatalf("not ready within %v:\n%s", startTimeout, q.Output())
		}
	}
}

func (q *Process) running() bool {
	select {
	case <-q.done:
		return false
	default:
		return true
	}
}

func healthy(ctx context.Context, url string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/healthz", nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// Exit waits until the program ends by itself and returns its exit code.
func (q *Process) Exit() int {
	q.t.Helper()
	select {
	case <-q.done:
	case <-time.After(startTimeout):
		q.t.Fatalf("still running after %v:\n%s", startTimeout, q.Output())
	}
	var exit *exec.ExitError
	if errors.As(q.err, &exit) {
		return exit.ExitCode()
	}
	return 0
}

// Kill is kill -9, and waits until the program is gone.
func (q *Process) Kill() {
	_ = q.cmd.Process.Kill() // it may be gone already
	<-q.done
}

// Freeze is SIGSTOP: the program holds its connections and does nothing until Thaw.
func (q *Process) Freeze() { _ = q.cmd.Process.Signal(syscall.SIGSTOP) }

// Thaw lets a frozen program go on.
func (q *Process) Thaw() { _ = q.cmd.Process.Signal(syscall.SIGCONT) }

// Stop interrupts the program as Ctrl-C does; one that does not end then is
// killed and fails the test.
func (q *Process) Stop() {
	q.t.Helper()
	select {
	case <-q.done:
		return
	default:
	}
	_ = q.cmd.Process.Signal(syscall.SIGTERM)
	q.Thaw() // a frozen program does not hear
	select {
	case <-q.done:
		if q.err != nil {
			q.t.Errorf("the program did not end cleanly: %v", q.err)
		}
	case <-time.After(stopTimeout):
		_ = q.cmd.Process.Kill()
		<-q.done
		q.t.Errorf("the program did not end within %v of SIGTERM", stopTimeout)
	}
}

// Output is what the program has written so far.
func (q *Process) Output() string { return q.out.String() }

// Says waits until the program has written text.
func (q *Process) Says(text string) {
	q.t.Helper()
	deadline := time.After(startTimeout)
	tick := time.NewTicker(look)
	defer tick.Stop()
	for !strings.Contains(q.Output(), text) {
		select {
		case <-tick.C:
		case <-q.done:
			if !strings.Contains(q.Output(), text) {
				q.t.Fatalf("the program ended (%v) without %q:\n%s", q.err, text, q.Output())
			}
		case <-deadline:
			q.t.Fatalf("the program did not say %q within %v:\n%s", text, startTimeout, q.Output())
		}
	}
}

// output keeps the beginning of what a program writes.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

const maxOutput = 1 << 20

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.buf.Write(b[:min(len(b), max(0, maxOutput-o.buf.Len()))])
	return len(b), nil
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// FreeAddr returns a loopback address on which nobody listens. Its port is below
// those that systems give away by themselves, so that no outgoing connection and
// no listener on port 0 can take it before the program does.
func FreeAddr(t testing.TB) string {
	t.Helper()
	for range 1000 {
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(10000+rand.IntN(20000)))
		if l, err := net.Listen("tcp", addr); err == nil {
			_ = l.Close()
			return addr
		}
	}
	t.Fatal("no free port between 10000 and 30000")
	return ""
}
