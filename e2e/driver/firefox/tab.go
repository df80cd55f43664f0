package firefox

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/tandem-sso/tandem/e2e/driver/browser"
)

// Tab is one page, in a real tab: only the one that was opened or activated last is
// visible. It is for one goroutine.
type Tab struct {
	*browser.Page
	p  *Process
	id string // of the browsing context
}

// Tab opens an empty tab. The name is for failures. An exception that nothing
// caught, or a breach of the page's content security policy, fails the test.
func (b *Browser) Tab(name string) *Tab {
	b.t.Helper()
	var made struct{ Context string }
	if err := b.p.call("browsingContext.create", obj{"type": "tab", "userContext": b.context}, &made); err != nil {
		b.t.Fatalf("firefox: no new tab: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	tab := &Tab{p: b.p, id: made.Context}
	tab.Page = browser.NewPage(ctx, b.t, name, tab.evaluate)
	b.p.tabsMu.Lock()
	b.p.tabs[tab.id] = tab
	b.p.tabsMu.Unlock()
	b.t.Cleanup(func() {
		cancel()
		_ = b.p.call("browsingContext.close", obj{"context": tab.id}, nil) // the page may have done it
		b.p.tabsMu.Lock()
		defer b.p.tabsMu.Unlock()
		delete(b.p.tabs, tab.id)
	})
	return tab
}

// evaluated is a script.EvaluateResult.
type evaluated struct {
	Type             string
	Result           remote
	ExceptionDetails struct{ Text string }
}

func (tab *Tab) script(ctx context.Context, script string) (remote, error) {
	var got evaluated
	err := tab.p.conn.call(ctx, "script.evaluate", obj{"expression": script, "awaitPromise": true,
		"target": obj{"context": tab.id}}, &got)
	if err == nil && got.Type != "success" {
		err = errors.New(got.ExceptionDetails.Text)
	}
	return got.Result, err
}

func (tab *Tab) evaluate(ctx context.Context, script string) ([]byte, error) {
	v, err := tab.script(ctx, script)
	if err != nil {
		return nil, err
	}
	return v.plain()
}

func (tab *Tab) command(what, method string, params obj, result any) {
	params["context"] = tab.id
	tab.Do(what, func(ctx context.Context) error { return tab.p.conn.call(ctx, method, params, result) })
}

// Go navigates and waits until the page that it leads to, redirects included, has
// loaded.
func (tab *Tab) Go(url string) {
	tab.command("open "+url, "browsingContext.navigate", obj{"url": url, "wait": "complete"}, nil)
}

// Activate brings the tab to the front: it is visible and has the keyboard.
func (tab *Tab) Activate() { tab.command("activate", "browsingContext.activate", obj{}, nil) }

// Click clicks the element with the mouse once it is visible. It does not wait for
// what the click starts.
func (tab *Tab) Click(css string) {
	tab.Wait(fmt.Sprintf("document.querySelector(%s)?.getClientRects().length", browser.Quote(css)))
	tab.click(fmt.Sprintf("document.querySelector(%s)", browser.Quote(css)))
}

// ClickOn is Click on the element that an expression yields, in a shadow tree for
// instance.
func (tab *Tab) ClickOn(expression string) {
	tab.Wait(fmt.Sprintf("(%s)?.getClientRects().length", expression))
	tab.click(expression)
}

// ClickInFrame is Click on an element of the page's first frame, or document in an
// object, which has loaded.
func (tab *Tab) ClickInFrame(css string) {
	var tree struct {
		Contexts []struct{ Children []struct{ Context string } }
	}
	tab.Do("find the frame", func(ctx context.Context) error {
		err := tab.p.conn.call(ctx, "browsingContext.getTree", obj{"root": tab.id}, &tree)
		if err == nil && (len(tree.Contexts) != 1 || len(tree.Contexts[0].Children) == 0) {
			err = errors.New("there is none")
		}
		return err
	})
	frame := &Tab{Page: tab.Page, p: tab.p, id: tree.Contexts[0].Children[0].Context}
	frame.click(fmt.Sprintf("document.querySelector(%s)", browser.Quote(css)))
}

// inView is an element that the mouse can reach: it is scrolled to where it is out of sight, for
// the protocol's pointer does not do that.
const inView = `(e => {
	const r = e.getBoundingClientRect?.();
	if (r && (r.top < 0 || r.bottom > innerHeight)) e.scrollIntoView({ block: "center", behavior: "instant" });
	return e;
})(%s)`

func (tab *Tab) click(expression string) {
	var element remote
	tab.Do("find "+expression, func(ctx context.Context) (err error) {
		element, err = tab.script(ctx, fmt.Sprintf(inView, expression))
		return err
	})
	tab.command("click "+expression, "input.performActions", obj{"actions": []obj{{
		"type": "pointer", "id": "mouse", "actions": []obj{
			{"type": "pointerMove", "x": 0, "y": 0,
				"origin": obj{"type": "element", "element": obj{"sharedId": element.SharedID}}},
			{"type": "pointerDown", "button": 0},
			{"type": "pointerUp", "button": 0},
		}}}}, nil)
}

// Type types into the element, key by key.
func (tab *Tab) Type(css, text string) {
	tab.Wait(fmt.Sprintf("(e => e?.getClientRects().length && (e.focus(), true))(document.querySelector(%s))",
		browser.Quote(css)))
	tab.Press(text)
}

// Keys that are no character, as WebDriver §17.4.2 names them.
const (
	Enter  = "\uE007"
	TabKey = "\uE004"
	Escape = "\uE00C"
	Shift  = "\uE008"
)

// Press presses the keys one after the other, wherever the focus is. A carriage
// return is Enter.
func (tab *Tab) Press(keys string) {
	var actions []obj
	for _, key := range strings.ReplaceAll(keys, "\r", Enter) {
		actions = append(actions, obj{"type": "keyDown", "value": string(key)},
			obj{"type": "keyUp", "value": string(key)})
	}
	tab.keys(actions)
}

// Chord presses the keys together: modifiers first.
func (tab *Tab) Chord(keys ...string) {
	var down, up []obj
	for _, key := range keys {
		down = append(down, obj{"type": "keyDown", "value": key})
		up = append([]obj{{"type": "keyUp", "value": key}}, up...)
	}
	tab.keys(append(down, up...))
}

func (tab *Tab) keys(actions []obj) {
	tab.command("press keys", "input.performActions",
		obj{"actions": []obj{{"type": "key", "id": "keyboard", "actions": actions}}}, nil)
}

// Screenshot writes what can be seen of the page to a PNG file.
func (tab *Tab) Screenshot(file string) {
	var shot struct{ Data string }
	tab.command("take a screenshot", "browsingContext.captureScreenshot", obj{}, &shot)
	png, err := base64.StdEncoding.DecodeString(shot.Data)
	if err == nil {
		err = os.WriteFile(file, png, 0o644)
	}
	if err != nil {
		tab.Fail("%v", err)
	}
}
