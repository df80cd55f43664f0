package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/chromedp/chromedp"
)

// look is how often a condition is looked at. Looking from outside, instead of
// waiting inside the page, survives navigations.
const look = 25 * time.Millisecond

// Wait waits until the JavaScript condition is true.
func (tab *Tab) Wait(condition string) { tab.t.Helper(); tab.WaitFor(Patience, condition) }

// WaitFor is Wait with a deadline of its own, for what takes longer by design.
func (tab *Tab) WaitFor(d time.Duration, condition string) {
	tab.t.Helper()
	if err := tab.until(d, "!!("+condition+")"); err != nil {
		tab.Fail("waited %v for: %s (%v)", d, condition, err)
	}
}

// until evaluates the condition again and again; errors are those of a page that
// is just going away, and the last one is told if time runs out.
func (tab *Tab) until(d time.Duration, condition string) error {
	ctx, cancel := context.WithTimeout(tab.ctx, d)
	defer cancel()
	tick := time.NewTicker(look)
	defer tick.Stop()
	last := fmt.Errorf("it stayed false")
	for {
		ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool](condition))
		switch {
		case err == nil && ok:
			return nil
		case err == nil:
			last = fmt.Errorf("it stayed false")
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
func (tab *Tab) WaitURL(prefix string) {
	tab.t.Helper()
	tab.Wait(fmt.Sprintf("location.href.startsWith(%s) && document.readyState === 'complete'", quote(prefix)))
}

// WaitText waits until the element's visible text contains text.
func (tab *Tab) WaitText(css, text string) {
	tab.t.Helper()
	tab.Wait(fmt.Sprintf("document.querySelector(%s)?.innerText.includes(%s)", quote(css), quote(text)))
}

// WaitGone waits until there is no such element.
func (tab *Tab) WaitGone(css string) {
	tab.t.Helper()
	tab.Wait(fmt.Sprintf("!document.querySelector(%s)", quote(css)))
}

// Text returns the visible text of an element, which must come to exist.
func (tab *Tab) Text(css string) string {
	tab.t.Helper()
	tab.Wait(fmt.Sprintf("document.querySelector(%s)", quote(css)))
	return strings.TrimSpace(Eval[string](tab, fmt.Sprintf("document.querySelector(%s)?.innerText ?? ''", quote(css))))
}

// URL returns where the tab is.
func (tab *Tab) URL() string {
	tab.t.Helper()
	return run(tab, "read the URL", chromedp.Location())
}

// Answer is what a page's fetch got.
type Answer struct {
	Status int    `json:"status"`
	Type   string `json:"type"` // "basic", "opaqueredirect", …
	Body   string `json:"body"`
}

// JSON decodes the body or fails the test.
func (tab *Tab) JSON(a Answer, v any) {
	tab.t.Helper()
	if err := json.Unmarshal([]byte(a.Body), v); err != nil {
		tab.Fail("not the JSON we expect: %v: %.300s", err, a.Body)
	}
}

// Fetch calls fetch in the page, as the page's own script would; redirects are not
// followed.
func (tab *Tab) Fetch(method, url string) Answer {
	tab.t.Helper()
	return Eval[Answer](tab, fmt.Sprintf(
		`fetch(%s, {method: %s, redirect: "manual"}).then(async r => ({status: r.status, type: r.type, body: await r.text()}))`,
		quote(url), quote(method)))
}

func quote(s string) string {
	b, _ := json.Marshal(s) // strings always encode
	return string(b)
}

// Fail fails the test and shows where the tab is and what is on it.
func (tab *Tab) Fail(format string, args ...any) {
	tab.t.Helper()
	tab.t.Fatalf("%s: %s\n%s", tab.name, fmt.Sprintf(format, args...), tab.Describe())
}

// Describe tells where the tab is: URL, title, visible text and console.
func (tab *Tab) Describe() string {
	ctx, cancel := context.WithTimeout(tab.ctx, 5*time.Second)
	defer cancel()
	type view struct{ URL, Title, Text string }
	v, err := chromedp.Run(ctx, chromedp.Evaluate[view](
		`({URL: location.href, Title: document.title, Text: (document.body?.innerText ?? "").slice(0, 2000)})`))
	if err != nil {
		return fmt.Sprintf("  (the page cannot be read: %v)\n  console: %s", err, strings.Join(tab.Console(), "\n    "))
	}
	return fmt.Sprintf("  URL: %s\n  title: %s\n  text:\n    %s\n  console:\n    %s", v.URL, v.Title,
		strings.ReplaceAll(v.Text, "\n", "\n    "), strings.Join(tab.Console(), "\n    "))
}
