// Package firefox drives a real Firefox for tests, as package browser drives
// chromium: over WebDriver BiDi, which Firefox speaks itself, with as little of it
// as the tests need.
package firefox

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// Process is one Firefox. Its zero value is ready: the first New starts it. A test
// binary keeps one and closes it in TestMain.
type Process struct {
	Preferences string // beside those that every test has, as user_pref lines

	mu      sync.Mutex
	started bool
	err     error

	dir    string // profile and home
	cmd    *exec.Cmd
	exited chan struct{}
	conn   *conn

	tabsMu sync.Mutex
	tabs   map[string]*Tab // by browsing context
}

const (
	startTimeout = 60 * time.Second
	stopTimeout  = 10 * time.Second
)

// The names under which Debian and others install it.
var names = [...]string{"firefox-esr", "firefox"}

// ErrMissing says: there is no Firefox on this machine.
var ErrMissing = errors.New("firefox: none of " + strings.Join(names[:], ", ") +
	" is in PATH; on Debian: apt-get install firefox-esr")

func find() (string, error) {
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", ErrMissing
}

// preferences keep a test's Firefox from the network and from asking people. The
// remote agent sets many more by itself (remote.prefs.recommended), but for those that
// are set here: popups are blocked as everywhere.
const preferences = `
user_pref("remote.active-protocols", 1);
user_pref("services.settings.server", "data:,#remote-settings-dummy/v1");
user_pref("app.normandy.enabled", false);
user_pref("app.update.disabledForTesting", true);
user_pref("browser.safebrowsing.malware.enabled", false);
user_pref("browser.safebrowsing.phishing.enabled", false);
user_pref("browser.startup.homepage", "about:blank");
user_pref("browser.startup.page", 0);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("dom.disable_open_during_load", true);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("datareporting.healthreport.uploadEnabled", false);
user_pref("extensions.getAddons.cache.enabled", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("network.dns.native-is-localhost", true);
user_pref("toolkit.telemetry.server", "");
`

// start starts Firefox once; later calls get the same answer.
func (p *Process) start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.started {
		return p.err
	}
	p.started = true
	path, err := find()
	if err != nil {
		p.err = err
		return err
	}
	if err := p.launch(path); err != nil {
		p.stop()
		p.err = fmt.Errorf("firefox: %s did not start: %w", path, err)
	}
	return p.err
}

func (p *Process) launch(path string) error {
	var err error
	if p.dir, err = os.MkdirTemp("", "tandem-firefox-"); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(p.dir, "user.js"), []byte(preferences+p.Preferences), 0o600); err != nil {
		return err
	}
	// System access is for what a person does outside the page (window.go).
	cmd := exec.Command(path, "--headless", "--no-remote", "--profile", p.dir, "--remote-debugging-port", "0",
		"--remote-allow-system-access", "about:blank")
	cmd.Env = append(os.Environ(), "HOME="+p.dir, "MOZ_CRASHREPORTER_DISABLE=1", "MOZ_DISABLE_AUTO_SAFE_MODE=1")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	p.cmd, p.exited = cmd, make(chan struct{})
	address := make(chan string, 1)
	go func() { // reads to the end, else Firefox blocks
		defer close(p.exited)
		announced(stderr, address)
		_ = cmd.Wait()
	}()
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	var url string
	select {
	case url = <-address:
	case <-p.exited:
		return errors.New("it ended at once")
	case <-ctx.Done():
		return ctx.Err()
	}
	p.tabs = map[string]*Tab{}
	if p.conn, err = dial(ctx, url+"/session", p.event); err != nil {
		return err
	}
	if err := p.conn.call(ctx, "session.new", obj{"capabilities": obj{}}, nil); err != nil {
		return err
	}
	return p.conn.call(ctx, "session.subscribe", obj{"events": []string{"log.entryAdded"}}, nil)
}

type obj = map[string]any

// announced reads what Firefox says, and sends the address that it listens at.
func announced(stderr io.Reader, address chan<- string) {
	const prefix = "WebDriver BiDi listening on "
	lines := bufio.NewReader(stderr)
	for {
		line, err := lines.ReadString('\n')
		if url, ok := strings.CutPrefix(strings.TrimSpace(line), prefix); ok {
			select {
			case address <- url:
			default:
			}
		}
		if err != nil {
			return
		}
	}
}

func (p *Process) event(method string, params json.RawMessage) {
	if method != "log.entryAdded" {
		return
	}
	var e struct {
		Type, Level, Text string
		Source            struct{ Context string }
		StackTrace        struct {
			CallFrames []struct {
				URL        string
				LineNumber int
			}
		}
	}
	if err := json.Unmarshal(params, &e); err != nil {
		return
	}
	p.tabsMu.Lock()
	tab := p.tabs[e.Source.Context]
	p.tabsMu.Unlock()
	if tab == nil {
		return
	}
	line := e.Level + ": " + e.Text
	if f := e.StackTrace.CallFrames; len(f) > 0 {
		line += fmt.Sprintf(" (%s:%d)", f[0].URL, f[0].LineNumber+1)
	}
	// That a stream was refused or broke off is no exception of the page's.
	refused := strings.HasPrefix(e.Text, "Firefox can’t establish a connection") ||
		strings.Contains(e.Text, "was interrupted while the page was loading")
	tab.Wrote(line, e.Type == "javascript" && e.Level == "error" && !refused)
}

// Close ends Firefox and removes its profile. A Process that was never started has
// nothing to close.
func (p *Process) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.started && p.err == nil {
		p.stop()
		p.err = errors.New("firefox: the process is closed")
	}
}

func (p *Process) stop() {
	if p.conn != nil {
		ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
		_ = p.conn.call(ctx, "browser.close", obj{}, nil)
		cancel()
	}
	if p.cmd != nil {
		select {
		case <-p.exited:
		case <-time.After(stopTimeout):
			_ = p.cmd.Process.Kill()
			<-p.exited
		}
	}
	if p.conn != nil {
		p.conn.close()
	}
	if p.dir != "" {
		_ = os.RemoveAll(p.dir)
	}
}

// Browser is one person's browser, a user context: its tabs share cookies and
// storage, with nobody else's.
type Browser struct {
	t       testing.TB
	p       *Process
	context string
}

// New returns a browser with nothing of other tests in it. It is gone when the test
// ends.
//
// Where Firefox is missing the test fails if TANDEM_GATE is 1, else it is skipped.
func (p *Process) New(t testing.TB) *Browser {
	t.Helper()
	err := p.start()
	switch {
	case errors.Is(err, ErrMissing) && os.Getenv("TANDEM_GATE") != "1":
		t.Skipf("%v", err)
	case err != nil:
		t.Fatalf("%v", err)
	}
	var made struct{ UserContext string }
	if err := p.call("browser.createUserContext", obj{}, &made); err != nil {
		t.Fatalf("firefox: no new profile: %v", err)
	}
	t.Cleanup(func() {
		if err := p.call("browser.removeUserContext", obj{"userContext": made.UserContext}, nil); err != nil {
			t.Errorf("firefox: %v", err)
		}
	})
	return &Browser{t, p, made.UserContext}
}

func (p *Process) call(method string, params, result any) error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	return p.conn.call(ctx, method, params, result)
}
