package browser

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/storage"
	"github.com/chromedp/chromedp"
)

// Browser is one person's browser: its tabs share cookies.
type Browser struct {
	t   testing.TB
	ctx context.Context
}

// Tab is one page. It is for one goroutine.
type Tab struct {
	*Page
}

// Tab opens an empty tab. The name is for failures. An exception that nothing
// caught, or a breach of the page's content security policy, fails the test.
func (b *Browser) Tab(name string) *Tab {
	b.t.Helper()
	ctx, cancel := chromedp.NewContext(b.ctx)
	tab := &Tab{NewPage(ctx, b.t, name, func(ctx context.Context, script string) ([]byte, error) {
		return chromedp.Run(ctx, chromedp.Evaluate[[]byte](script, chromedp.EvalAwaitPromise))
	})}
	if err := bounded(ctx, startTimeout, func(ctx context.Context) error { return chromedp.Do(ctx) }); err != nil {
		cancel()
		b.t.Fatalf("browser: no new tab: %v", err)
	}
	messages := chromedp.Console(ctx) // subscribed from here on
	read := make(chan struct{})
	go func() {
		defer close(read)
		for m, err := range messages {
			if err != nil {
				return
			}
			tab.wrote(m)
		}
	}()
	b.t.Cleanup(func() { cancel(); <-read })
	return tab
}

// Open opens a tab at a URL.
func (b *Browser) Open(name, url string) *Tab {
	b.t.Helper()
	tab := b.Tab(name)
	tab.Go(url)
	return tab
}

func (tab *Tab) wrote(m chromedp.ConsoleMessage) {
	line := m.String()
	if m.URL != "" {
		line += fmt.Sprintf(" (%s:%d)", m.URL, m.Line+1)
	}
	tab.Wrote(line, m.IsException())
}

// run runs one action, which must succeed within Patience.
func run[T any](tab *Tab, what string, action chromedp.Action[T]) T {
	tab.t.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, Patience)
	defer cancel()
	for {
		v, err := chromedp.Run(ctx, action)
		switch {
		case err == nil:
			return v
		case !replaced(err):
			tab.Fail("%s: %v", what, err)
		}
	}
}

// replaced: the page has replaced the element between finding and using it, so it
// is to be found again. The protocol has no code for it.
func replaced(err error) bool {
	var e *cdproto.Error
	return errors.As(err, &e) && (strings.Contains(e.Message, "No node with given id") ||
		strings.Contains(e.Message, "not find node"))
}

// Go navigates and waits until the page that it leads to, redirects included, has
// loaded. An error page of the application is a page, too.
func (tab *Tab) Go(url string) {
	tab.t.Helper()
	run(tab, "open "+url, chromedp.Navigate(url))
}

// Reload loads the page again.
func (tab *Tab) Reload() {
	tab.t.Helper()
	run(tab, "reload", chromedp.Reload())
}

// Back goes back in the history. It does not wait for the page: one that comes
// from the back/forward cache does not load.
func (tab *Tab) Back() {
	tab.t.Helper()
	run(tab, "go back", chromedp.Evaluate[chromedp.Void]("setTimeout(() => history.back())"))
}

// Click clicks the element with the mouse once it is enabled and visible. It does not
// wait for what the click starts.
func (tab *Tab) Click(css string) {
	tab.t.Helper()
	run(tab, "wait until one can click "+css, chromedp.WaitEnabled(chromedp.CSS(css)))
	run(tab, "click "+css, chromedp.Click(chromedp.CSS(css), chromedp.NodeVisible))
}

// Type types into the element, key by key.
func (tab *Tab) Type(css, text string) {
	tab.t.Helper()
	run(tab, "type into "+css, chromedp.SendKeys(chromedp.CSS(css), text, chromedp.NodeVisible))
}

// Cookies returns all cookies of this browser, those that scripts cannot see
// included.
func (tab *Tab) Cookies() []*network.Cookie {
	tab.t.Helper()
	id := chromedp.FromContext(tab.ctx).BrowserContextID
	ctx, cancel := context.WithTimeout(tab.ctx, Patience)
	defer cancel()
	got, err := chromedp.CallBrowser(ctx, storage.GetCookies, storage.GetCookiesParams{BrowserContextID: id})
	if err != nil {
		tab.Fail("read the cookies: %v", err)
	}
	return got.Cookies
}
