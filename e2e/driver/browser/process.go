// Package browser drives a real chromium for tests: one process per test binary,
// a fresh profile for every test, waits on conditions with a deadline, and a
// failure that shows what was on the page.
package browser

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// Process is one chromium. Its zero value is ready: the first New starts it. A
// test binary keeps one and closes it in TestMain.
type Process struct {
	mu   sync.Mutex
	done bool
	ctx  context.Context
	stop func()
	err  error
}

const startTimeout = 60 * time.Second

// The names under which Debian and others install it.
var names = [...]string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"}

// ErrMissing says: there is no chromium on this machine.
var ErrMissing = errors.New("browser: none of " + strings.Join(names[:], ", ") +
	" is in PATH; on Debian: apt-get install chromium")

func find() (string, error) {
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", ErrMissing
}

func options(path string) []chromedp.ExecAllocatorOption {
	flags := map[string]any{
		"headless": true, "no-sandbox": true, "disable-gpu": true, "disable-quic": true, "no-first-run": true,
		"no-default-browser-check": true, "disable-background-networking": true, "disable-component-update": true,
		"disable-sync": true, "disable-default-apps": true, "disable-breakpad": true, "metrics-recording-only": true,
		// /dev/shm is small in containers.
		"disable-dev-shm-usage": true,
		// Pages that nobody looks at keep their timers: tests watch several tabs.
		"disable-background-timer-throttling": true, "disable-renderer-backgrounding": true,
		"disable-backgrounding-occluded-windows": true,
		"password-store":                         "basic", "use-mock-keychain": true,
		// A name that is no localhost, for what a page on plain http is.
		"host-resolver-rules": "MAP *.test 127.0.0.1",
	}
	opts := []chromedp.ExecAllocatorOption{chromedp.ExecPath(path), chromedp.WindowSize(1280, 900)}
	for name, value := range flags {
		opts = append(opts, chromedp.Flag(name, value))
	}
	return opts
}

// start starts chromium once; later calls get the same answer.
func (p *Process) start() (context.Context, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.done {
		return p.ctx, p.err
	}
	p.done = true
	path, err := find()
	if err != nil {
		p.err = err
		return nil, err
	}
	allocator, stopAllocator := chromedp.NewExecAllocator(context.Background(), options(path)...)
	// unknown events of a newer chromium
	ctx, cancel := chromedp.NewContext(allocator, chromedp.WithErrorf(func(string, ...any) {}))
	p.stop = func() { cancel(); stopAllocator() }
	// The context of the first Run bounds the life of the process, so it cannot
	// carry the deadline.
	late := time.AfterFunc(startTimeout, cancel)
	err = chromedp.Do(ctx)
	if !late.Stop() && err == nil {
		err = context.DeadlineExceeded
	}
	if err != nil {
		p.stop()
		p.err = fmt.Errorf("browser: %s did not start within %v: %w", path, startTimeout, err)
		return nil, p.err
	}
	p.ctx = ctx
	return ctx, nil
}

// Close ends chromium and removes its profile. A Process that was never started
// has nothing to close.
func (p *Process) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ctx == nil {
		return
	}
	ctx, cancel := context.WithTimeout(p.ctx, 10*time.Second)
	defer cancel()
	_ = chromedp.Cancel(ctx)
	p.stop()
	p.ctx, p.err = nil, errors.New("browser: the process is closed")
}

// New returns a browser with a profile of its own: no cookie, no cache, nothing
// of other tests. It is gone when the test ends.
//
// Where chromium is missing the test fails if TANDEM_GATE is 1, else it is
// skipped.
func (p *Process) New(t testing.TB) *Browser {
	t.Helper()
	root, err := p.start()
	switch {
	case errors.Is(err, ErrMissing) && os.Getenv("TANDEM_GATE") != "1":
		t.Skipf("%v", err)
	case err != nil:
		t.Fatalf("%v", err)
	}
	ctx, cancel := chromedp.NewContext(root, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	if err := bounded(ctx, startTimeout, func(ctx context.Context) error { return chromedp.Do(ctx) }); err != nil {
		t.Fatalf("browser: no new profile: %v", err)
	}
	return &Browser{t: t, ctx: ctx}
}

// bounded runs f, whose context must not carry a deadline because what it opens
// lives on, and gives up waiting for it after d.
func bounded(ctx context.Context, d time.Duration, f func(context.Context) error) error {
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	select {
	case err := <-done:
		return err
	case <-time.After(d):
		return context.DeadlineExceeded
	}
}
