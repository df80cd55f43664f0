// Package foreign starts identity providers that are not ours, set up as docs/idp says:
// Keycloak, Ory Hydra, Dex, npm's oidc-provider and Spring Authorization Server. What they run on
// (Java, Maven, a C compiler, Node.js) has to be there; what is missing is said in words.
package foreign

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// People are those whom every provider knows: each has the name that Name gives.
const (
	People   = 70
	password = "correct-horse-1"
	secret   = "a-secret-of-more-than-32-characters-for-the-client"
)

// Name is that of the n-th person.
func Name(n int) string { return fmt.Sprintf("ada-%d", n) }

// Client is a registration of an app.
type Client struct {
	ID, Base string
	Refresh  bool
	// AccessToken is the life of its access tokens. 0: as the guide has it.
	AccessToken time.Duration
	// Watches: it gets no logout tokens. Its pages ask the IdP's check_session_iframe, where the
	// IdP has one (Keycloak); elsewhere it is like the others.
	Watches bool
}

// Secret is the client's own: Spring refuses two clients with the same.
func (c Client) Secret() string { return secret + "-" + c.ID }

// Options of a provider.
type Options struct {
	Window  time.Duration // W, in whole seconds
	Clients []Client
}

// Provider is a kind of IdP.
type Provider struct {
	Name, Guide string
	Java        bool // it wants half a gigabyte
	Start       func(testing.TB, Options) *Server
}

// Providers are all that can be started.
var Providers = []Provider{
	{"oidc-provider", "oidc-provider", false, OIDCProvider},
	{"Hydra", "hydra", false, Hydra},
	{"Dex", "dex", false, Dex},
	{"Keycloak", "keycloak", true, Keycloak},
	{"Spring Authorization Server", "spring-authorization-server", true, Spring},
}

// Server is a provider that runs.
type Server struct {
	Issuer  string
	Version string
	// Field is the name of the log-in page's field for the username.
	Field string
	// LogOut is the page where a person logs out there, without an app.
	LogOut string
	// Restart ends it and starts it again.
	Restart func()
	// InMemory: its sessions do not survive that.
	InMemory bool
	// RotateKeys makes it sign by another key, by a restart if it is InMemory.
	RotateKeys func() error
	// LongWindow gives the sessions that begin from now on a W of half an hour. Nil: its
	// restart takes less than any W.
	LongWindow func() error

	process *os.Process
}

// Fill are the fields of the log-in page, for the n-th person.
func (s *Server) Fill(n int) url.Values {
	return url.Values{s.Field: {Name(n)}, "password": {password}}
}

// Freeze lets the provider hold its connections and say nothing, until Thaw.
func (s *Server) Freeze() { _ = s.process.Signal(syscall.SIGSTOP) }

// Thaw lets it go on.
func (s *Server) Thaw() { _ = s.process.Signal(syscall.SIGCONT) }

// command is a program that is started, stopped with the test and, on the way, again.
type command struct {
	t    testing.TB
	path string
	args []string
	env  []string
	dir  string

	cmd  *exec.Cmd
	done chan struct{}
	out  output
}

const (
	slowStart = 4 * time.Minute // Java on a machine that has other things to do
	stopTime  = 20 * time.Second
)

// start starts it and waits until url answers 200.
func (c *command) start(s *Server, url string) {
	c.t.Helper()
	c.cmd = exec.Command(c.path, c.args...)
	c.cmd.Env, c.cmd.Dir = append(os.Environ(), c.env...), c.dir
	c.cmd.Stdout, c.cmd.Stderr = &c.out, &c.out
	if err := c.cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	s.process, c.done = c.cmd.Process, make(chan struct{})
	go func(cmd *exec.Cmd, done chan struct{}) { defer close(done); _ = cmd.Wait() }(c.cmd, c.done)
	ctx, cancel := context.WithTimeout(context.Background(), slowStart)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		if status, _, err := call(ctx, http.MethodGet, url, "", nil, nil); err == nil && status == http.StatusOK {
			return
		}
		select {
		case <-tick.C:
		case <-c.done:
			c.t.Fatalf("%s ended before it was ready:\n%s", c.path, c.out.tail())
		case <-ctx.Done():
			c.t.Fatalf("%s is not ready after %v:\n%s", c.path, slowStart, c.out.tail())
		}
	}
}

// stop asks it to end, and insists.
func (c *command) stop() {
	_ = c.cmd.Process.Signal(syscall.SIGCONT)
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-c.done:
	case <-time.After(stopTime):
		_ = c.cmd.Process.Kill()
		<-c.done
	}
}

// run starts a command for the length of the test.
func run(t testing.TB, s *Server, url string, c *command) *command {
	t.Helper()
	c.t = t
	t.Cleanup(func() {
		if c.cmd == nil || c.cmd.Process == nil {
			return
		}
		c.stop()
		if t.Failed() {
			t.Logf("%s said:\n%s", filepath.Base(c.path), c.out.tail())
		}
	})
	c.start(s, url)
	return c
}

// output keeps what a program writes.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(b)
}

func (o *output) tail() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	text := o.buf.String()
	return text[max(0, len(text)-6000):]
}

// call makes one request and returns what came.
func call(ctx context.Context, method, to, kind string, body io.Reader, header http.Header) (int, []byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, to, body)
	if err != nil {
		return 0, nil, err
	}
	for name := range header {
		r.Header[name] = header[name]
	}
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	r.Close = true // a connection may not outlive a restart or a stop
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	return resp.StatusCode, text, err
}

// folder is where this package lies, and path something in it.
func folder(t testing.TB, path ...string) string {
	t.Helper()
	_, source, _, ok := runtime.Caller(0)
	if !ok {
		t.Fatal("the folder of this package is not known")
	}
	return filepath.Join(append([]string{filepath.Dir(source)}, path...)...)
}

// cache is a folder for what is fetched and built once.
func cache(t testing.TB, name string) string {
	t.Helper()
	base, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(base, "tandem-interop", name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// need fails with what is missing and how to get it.
func need(t testing.TB, program, what string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Fatalf("%s is not installed: %s", program, what)
	}
	return path
}

// do runs a program to its end.
func do(t testing.TB, dir string, env []string, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out[max(0, len(out)-4000):])
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, os.ErrNotExist)
}

// seconds writes a window as providers want it.
func seconds(d time.Duration) string { return fmt.Sprint(int(d.Seconds())) }
