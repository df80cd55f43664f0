package browser

import (
	"context"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/chromedp"
)

// Act runs any action in the tab, for what Tab has no word for.
func Act[T any](tab *Tab, what string, action chromedp.Action[T]) T {
	tab.t.Helper()
	return run(tab, what, action)
}

// Call sends a command of the DevTools protocol to the tab.
func Call[P, R any](tab *Tab, command cdp.Command[P, R], params P) R {
	tab.t.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, Patience)
	defer cancel()
	r, err := chromedp.Call(ctx, command, params)
	if err != nil {
		tab.Fail("%s: %v", command.Method, err)
	}
	return r
}
