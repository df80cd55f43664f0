package browser

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"
)

// Patience is how long a tab waits for a condition before it fails the test. It
// is far longer than anything takes, even with the race detector on a busy
// machine.
const Patience = 20 * time.Second

// Page is what can be asked of a page in any browser: a tab has one, and says how
// a script is evaluated in it. It is for one goroutine.
type Page struct {
	t        testing.TB
	ctx      context.Context
	name     string
	evaluate Evaluator

	mu      sync.Mutex
	console []string
}

// Evaluator evaluates JavaScript in a page, awaits a promise, and returns the value
// as JSON; nothing for undefined.
type Evaluator func(ctx context.Context, script string) ([]byte, error)

// NewPage returns the page of a tab that lives as long as ctx. The name is for
// failures.
func NewPage(ctx context.Context, t testing.TB, name string, evaluate Evaluator) *Page {
	return &Page{t: t, ctx: ctx, name: name, evaluate: evaluate}
}

// Viewer is a tab of any browser.
type Viewer interface{ page() *Page }

func (p *Page) page() *Page { return p }

const maxConsole = 200 // lines that are kept

// Wrote notes what the page has written to its console. Broken says that it is an
// exception that nothing caught; that, or a breach of the page's content security
// policy, fails the test.
func (p *Page) Wrote(line string, broken bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.console) < maxConsole {
		p.console = append(p.console, line)
	}
	if strings.Contains(line, "/favicon.ico") {
		return // the browser's own doing, which a service worker may not expect
	}
	if broken || strings.Contains(line, "Content Security Policy") ||
		strings.Contains(line, "Content-Security-Policy") {
		p.t.Errorf("%s: the page broke: %s", p.name, line)
	}
}

// Console returns what the pages of this tab have written so far.
func (p *Page) Console() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.console...)
}

// Do does something with the tab, which must succeed within Patience.
func (p *Page) Do(what string, f func(context.Context) error) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, Patience)
	defer cancel()
	if err := f(ctx); err != nil {
		p.Fail("%s: %v", what, err)
	}
}

// Eval evaluates JavaScript in the page; a promise is awaited.
func Eval[T any](tab Viewer, script string) T {
	p := tab.page()
	p.t.Helper()
	var v T
	p.Do("evaluate "+shortened(script), func(ctx context.Context) error {
		text, err := p.evaluate(ctx, script)
		if err != nil {
			return err
		}
		return decode(text, &v)
	})
	return v
}

// decode demands a value for a type that cannot be without one.
func decode[T any](text []byte, v *T) error {
	text = bytes.TrimSpace(text)
	if len(text) > 0 && string(text) != "null" {
		return json.Unmarshal(text, v)
	}
	switch reflect.TypeFor[T]().Kind() {
	case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Interface:
		return nil
	}
	return errors.New("the value is null or undefined")
}

func shortened(script string) string {
	const most = 2000
	if len(script) > most {
		return script[:most] + "…"
	}
	return script
}

// look is how often a condition is looked at. Looking from outside, instead of
// waiting inside the page, survives navigations.
const look = 25 * time.Millisecond

// Wait waits until the JavaScript condition is true.
func (p *Page) Wait(condition string) { p.t.Helper(); p.WaitFor(Patience, condition) }

// WaitFor is Wait with a deadline of its own, for what takes longer by design.
func (p *Page) WaitFor(d time.Duration, condition string) {
	p.t.Helper()
	if err := p.until(d, "!!("+condition+")"); err != nil {
		p.Fail("waited %v for: %s (%v)", d, condition, err)
	}
}

// until evaluates the condition again and again; errors are those of a page that
// is just going away, and the last one is told if time runs out.
func (p *Page) until(d time.Duration, condition string) error {
	ctx, cancel := context.WithTimeout(p.ctx, d)
	defer cancel()
	tick := time.NewTicker(look)
	defer tick.Stop()
	last := errors.New("it stayed false")
	for {
		text, err := p.evaluate(ctx, condition)
		switch {
		case err == nil && string(text) == "true":
			return nil
		case err == nil:
			last = errors.New("it stayed false")
		case ctx.Err() == nil:
			last = err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return last
		}
	}
}

// WaitURL waits until the tab has arrived at a URL with this prefix, and the page
// has loaded.
func (p *Page) WaitURL(prefix string) {
	p.t.Helper()
	p.Wait(fmt.Sprintf("location.href.startsWith(%s) && document.readyState === 'complete'", Quote(prefix)))
}

// WaitText waits until the element's visible text contains text.
func (p *Page) WaitText(css, text string) {
	p.t.Helper()
	p.Wait(fmt.Sprintf("document.querySelector(%s)?.innerText.includes(%s)", Quote(css), Quote(text)))
}

// WaitGone waits until there is no such element.
func (p *Page) WaitGone(css string) {
	p.t.Helper()
	p.Wait(fmt.Sprintf("!document.querySelector(%s)", Quote(css)))
}

// Text returns the visible text of an element, which must come to exist.
func (p *Page) Text(css string) string {
	p.t.Helper()
	p.Wait(fmt.Sprintf("document.querySelector(%s)", Quote(css)))
	return strings.TrimSpace(Eval[string](p, fmt.Sprintf("document.querySelector(%s)?.innerText ?? ''", Quote(css))))
}

// URL returns where the tab is.
func (p *Page) URL() string { p.t.Helper(); return Eval[string](p, "location.href") }

// Answer is what a page's fetch got.
type Answer struct {
	Status int    `json:"status"`
	Type   string `json:"type"` // "basic", "opaqueredirect", …
	Body   string `json:"body"`
}

// JSON decodes the body or fails the test.
func (p *Page) JSON(a Answer, v any) {
	p.t.Helper()
	if err := json.Unmarshal([]byte(a.Body), v); err != nil {
		p.Fail("not the JSON we expect: %v: %.300s", err, a.Body)
	}
}

// Fetch calls fetch in the page, as the page's own script would; redirects are not
// followed.
func (p *Page) Fetch(method, url string) Answer {
	p.t.Helper()
	return Eval[Answer](p, fmt.Sprintf(
		`fetch(%s, {method: %s, redirect: "manual"}).then(async r => ({status: r.status, type: r.type, body: await r.text()}))`,
		Quote(url), Quote(method)))
}

// Quote makes a JavaScript literal of s.
func Quote(s string) string {
	b, _ := json.Marshal(s) // strings always encode
	return string(b)
}

// Fail fails the test and shows where the tab is and what is on it.
func (p *Page) Fail(format string, args ...any) {
	p.t.Helper()
	p.t.Fatalf("%s: %s\n%s", p.name, fmt.Sprintf(format, args...), p.Describe())
}

// Describe tells where the tab is: URL, title, visible text and console.
func (p *Page) Describe() string {
	ctx, cancel := context.WithTimeout(p.ctx, 5*time.Second)
	defer cancel()
	var v struct{ URL, Title, Text string }
	text, err := p.evaluate(ctx, `({URL: location.href, Title: document.title, Text: (document.body?.innerText ?? "").slice(0, 2000)})`)
	if err == nil {
		err = decode(text, &v)
	}
	console := strings.Join(p.Console(), "\n    ")
	if err != nil {
		return fmt.Sprintf("  (the page cannot be read: %v)\n  console: %s", err, console)
	}
	return fmt.Sprintf("  URL: %s\n  title: %s\n  text:\n    %s\n  console:\n    %s", v.URL, v.Title,
		strings.ReplaceAll(v.Text, "\n", "\n    "), console)
}
