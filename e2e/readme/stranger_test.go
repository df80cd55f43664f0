package readme

import (
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long a command of a stranger may take, which builds first.
const patience = 10 * time.Minute

var roomAt = regexp.MustCompile(`http://room\.localhost:\d+`)

// A stranger clones and follows the pages to the letter: the demo, the dashboard of
// docs/metrics.md with data, an example, the README's program on its own ports, and with
// TANDEM_NEWCOMER=gate also make test. It is a lane of its own (make newcomer) because it takes
// what is committed, and the ports that the pages name.
func TestStranger(t *testing.T) {
	how := os.Getenv("TANDEM_NEWCOMER")
	if how == "" {
		t.Skip("make newcomer runs it: it takes fixed ports and what is committed")
	}
	if _, err := exec.LookPath("prometheus"); err != nil {
		t.Fatal("make newcomer needs prometheus (Debian: apt-get install --no-install-recommends prometheus)")
	}
	from, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	config := "[safe]\n\tdirectory = *\n" // whoever owns what is cloned
	if err := os.WriteFile(filepath.Join(home, ".gitconfig"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	s := stranger{t, filepath.Join(home, "tandem"), append(os.Environ(), "HOME="+home, "TANDEM_GATE=",
		"TANDEM_NEWCOMER=")}
	// not those of the new home
	for _, name := range []string{"GOCACHE", "GOMODCACHE", "GOPATH", "GOPROXY", "GOSUMDB"} {
		value, err := exec.CommandContext(t.Context(), "go", "env", name).Output()
		if err != nil {
			t.Fatal(err)
		}
		s.env = append(s.env, name+"="+strings.TrimSpace(string(value)))
	}
	s.run(home, "git clone --quiet --no-hardlinks "+from+" tandem")

	demo := s.start(s.clone, "go run ./demo")
	room := demo.says(roomAt)
	demo.answers(room)
	demo.stop()

	watch(t, s)
	example(t, s)
	walk(t, s, strings.NewReplacer(), appURL, idpURL)
	if how == "gate" {
		s.run(s.clone, "make test")
	}
}

// A stranger has a clone and types commands.
type stranger struct {
	t     *testing.T
	clone string
	env   []string
}

func (s stranger) command(ctx context.Context, dir, line string) *exec.Cmd {
	words := strings.Fields(line)
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.Dir, cmd.Env = dir, append(s.env, "PWD="+dir, "GOFLAGS=-buildvcs=false", "GOWORK=off")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // go run starts another
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	return cmd
}

// run waits until the command has ended, well.
func (s stranger) run(dir, line string) {
	s.t.Helper()
	limit := patience
	if line == "make test" {
		limit = 2 * time.Hour
	}
	ctx, cancel := context.WithTimeout(s.t.Context(), limit)
	defer cancel()
	if out, err := s.command(ctx, dir, line).CombinedOutput(); err != nil {
		s.t.Fatalf("%s: %v\n%s", line, err, out)
	}
}

// running is a command that goes on until the test ends.
type running struct {
	t    *testing.T
	line string
	cmd  *exec.Cmd
	once sync.Once
	done chan struct{}

	mu  sync.Mutex
	out strings.Builder
}

func (s stranger) start(dir, line string) *running {
	s.t.Helper()
	r := &running{t: s.t, line: line, cmd: s.command(context.Background(), dir, line), done: make(chan struct{})}
	r.cmd.Stdout, r.cmd.Stderr = r, r
	if err := r.cmd.Start(); err != nil {
		s.t.Fatalf("%s: %v", line, err)
	}
	go func() { defer close(r.done); _ = r.cmd.Wait() }()
	s.t.Cleanup(func() {
		r.stop()
		if s.t.Failed() {
			s.t.Logf("%s said:\n%s", line, r.said())
		}
	})
	return r
}

func (r *running) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.out.Write(b)
}

func (r *running) said() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.out.String()
}

// stop is Ctrl-C, which reaches go run and what it has started.
func (r *running) stop() {
	r.once.Do(func() {
		_ = syscall.Kill(-r.cmd.Process.Pid, syscall.SIGINT) // it may be gone already
		select {
		case <-r.done:
		case <-time.After(20 * time.Second):
			_ = syscall.Kill(-r.cmd.Process.Pid, syscall.SIGKILL)
			<-r.done
			r.t.Errorf("%s does not end by Ctrl-C", r.line)
		}
	})
}

// until looks again and again, for as long as the command runs.
func (r *running) until(what string, is func() bool) {
	r.t.Helper()
	deadline, tick := time.After(patience), time.NewTicker(20*time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-r.done:
			r.t.Fatalf("%s ended before %s", r.line, what)
		case <-deadline:
			r.t.Fatalf("%s: no %s within %v", r.line, what, patience)
		}
	}
}

// says waits for a text, and returns it.
func (r *running) says(text *regexp.Regexp) (found string) {
	r.t.Helper()
	r.until(text.String(), func() bool { found = text.FindString(r.said()); return found != "" })
	return found
}

// answers waits until a GET of the URL is answered with 200. Browsers know *.localhost,
// resolvers need not.
func (r *running) answers(url string) {
	r.t.Helper()
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			if host, port, err := net.SplitHostPort(addr); err == nil && strings.HasSuffix(host, ".localhost") {
				addr = net.JoinHostPort("127.0.0.1", port)
			}
			return (&net.Dialer{}).DialContext(ctx, network, addr)
		}}}
	r.until("an answer at "+url, func() bool {
		resp, err := client.Get(url)
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}
