package firefox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/tandem-sso/tandem/e2e/driver/browser"
)

// What a person does outside the page: in the window of Firefox itself, which is a
// document whose scripts may do anything.

// keys presses a key there as the keyboard does: what the page does not take is a
// shortcut of the browser.
const keys = `(key, modifier) => {
	const keyboard = Cc["@mozilla.org/text-input-processor;1"].createInstance(Ci.nsITextInputProcessor)
	if (!keyboard.beginInputTransactionForTests(window)) throw new Error("the keyboard is taken")
	const number = {F5: 116, Enter: 13, ArrowLeft: 37}
	const event = key => new KeyboardEvent("", key.length === 1 ? {key} : {key, code: key, keyCode: number[key]})
	const held = modifier && new KeyboardEvent("", {key: modifier, code: modifier + "Left"})
	if (held) keyboard.keydown(held)
	keyboard.keydown(event(key))
	keyboard.keyup(event(key))
	if (held) keyboard.keyup(held)
}`

// outside evaluates JavaScript in the window.
func (p *Process) outside(ctx context.Context, script string) ([]byte, error) {
	var tree struct{ Contexts []struct{ Context string } }
	if err := p.conn.call(ctx, "browsingContext.getTree", obj{"moz:scope": "chrome", "maxDepth": 0},
		&tree); err != nil {
		return nil, err
	}
	if len(tree.Contexts) != 1 {
		return nil, fmt.Errorf("%d windows, want one", len(tree.Contexts))
	}
	var got evaluated
	err := p.conn.call(ctx, "script.evaluate", obj{"expression": script, "awaitPromise": true,
		"target": obj{"context": tree.Contexts[0].Context}}, &got)
	if err == nil && got.Type != "success" {
		err = errors.New(got.ExceptionDetails.Text)
	}
	if err != nil {
		return nil, err
	}
	return got.Result.plain()
}

// Version is what the browser calls itself.
func (b *Browser) Version() string {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), browser.Patience)
	defer cancel()
	var version string
	text, err := b.p.outside(ctx, `Services.appinfo.name + "/" + Services.appinfo.version`)
	if err == nil {
		err = json.Unmarshal(text, &version)
	}
	if err != nil {
		b.t.Fatalf("firefox: %v", err)
	}
	return version
}

func (tab *Tab) outside(what, script string) {
	tab.Activate()
	tab.Do(what, func(ctx context.Context) error {
		_, err := tab.p.outside(ctx, script)
		return err
	})
}

// PressOutside presses a key, perhaps with a modifier, that is the browser's and not the
// page's: F5, or ArrowLeft with Alt.
func (tab *Tab) PressOutside(key string, modifier ...string) {
	held := ""
	if len(modifier) > 0 {
		held = modifier[0]
	}
	tab.outside("press "+key, fmt.Sprintf("(%s)(%s, %s)", keys, browser.Quote(key), browser.Quote(held)))
}

// TypeAddress types a URL into the address bar.
func (tab *Tab) TypeAddress(url string) {
	tab.outside("type an address", fmt.Sprintf(
		`(press => { gURLBar.focus(); gURLBar.select(); for (const c of %s) press(c); press("Enter") })(%s)`,
		browser.Quote(url), keys))
}

// OpenBookmark opens a URL as a click on its bookmark does.
func (tab *Tab) OpenBookmark(url string) {
	tab.outside("open a bookmark", fmt.Sprintf(
		`PlacesUIUtils.openNodeIn({uri: %s, type: 0, itemId: 1, parent: null}, "current", {ownerWindow: window})`,
		browser.Quote(url)))
}

// Reopen closes the tab and opens it again. The tab that comes back is another one.
func (tab *Tab) Reopen() {
	tab.outside("close and open the tab", `(async () => {
		const before = SessionStore.getClosedTabCount(window)
		gBrowser.removeTab(gBrowser.selectedTab)
		while (SessionStore.getClosedTabCount(window) === before) await new Promise(setTimeout)
		SessionStore.undoCloseTab(window, 0)
	})()`)
}
