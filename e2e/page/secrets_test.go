package page

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/heapprofiler"
	"github.com/chromedp/cdproto/page"

	"github.com/tandem-sso/tandem/e2e/driver/browser"
	"github.com/tandem-sso/tandem/e2e/driver/site"
	"github.com/tandem-sso/tandem/rp/reason"
)

func TestNoSecretIsKept(t *testing.T) {
	t.Parallel()
	site.Attacked(t, site.Fields()).KeepsNoSecret(chromium.New(t).Tab("notes"))
}

// watchKeys holds weakly every key of drafts, and the bytes it was made of.
const watchKeys = `{
	const importKey = SubtleCrypto.prototype.importKey
	globalThis.held = []
	SubtleCrypto.prototype.importKey = async function (format, bytes) {
		const key = await importKey.apply(this, arguments)
		held.push(new WeakRef(key), new WeakRef(bytes))
		return key
	}
}`

// forgotten waits until nothing in the page holds a key any more.
func forgotten(tab *browser.Tab) {
	deadline := time.Now().Add(browser.Patience)
	for {
		browser.Call(tab, heapprofiler.CollectGarbage, cdp.Empty{})
		left := browser.Eval[int](tab, `held.length ? held.filter(r => r.deref()).length : -1`)
		switch {
		case left == 0:
			return
		case left < 0 || time.Now().After(deadline):
			tab.Fail("%d keys are still held", left)
		}
	}
}

// After the end, and where there was nothing to give back, the page has no key.
func TestKeyIsForgotten(t *testing.T) {
	t.Parallel()
	begin := func(t *testing.T) (*site.World, *browser.Tab) {
		w := site.New(t, site.Options{})
		tab := chromium.New(t).Tab("notes")
		browser.Call(tab, page.AddScriptToEvaluateOnNewDocument,
			page.AddScriptToEvaluateOnNewDocumentParams{Source: watchKeys})
		w.SignIn(tab, "ada", w.Apps["notes"].URL+"/form")
		tab.Type("[name=title]", "Dear Grace")
		tab.Wait(`held.length > 0`)
		browser.Call(tab, heapprofiler.CollectGarbage, cdp.Empty{})
		if !browser.Eval[bool](tab, `held.some(r => r.deref() instanceof CryptoKey)`) {
			tab.Fail("the key is not held while the session lives")
		}
		return w, tab
	}
	t.Run("kept", func(t *testing.T) {
		w, tab := begin(t)
		w.EndAda()
		site.Ended(tab, reason.BackchannelLogout)
		tab.Wait(`probe.words("cover").includes("has been kept")`)
		forgotten(tab)
	})
	t.Run("logged out", func(t *testing.T) {
		_, tab := begin(t)
		browser.Eval[int](tab, `fetch("/auth/logout", {method: "POST", redirect: "manual"}).then(r => r.status)`)
		site.Ended(tab, reason.UserLogout)
		forgotten(tab)
	})
	t.Run("another person's draft", func(t *testing.T) {
		w, tab := begin(t)
		w.EndAda()
		site.Ended(tab, reason.BackchannelLogout)
		tab.Wait(`probe.words("cover").includes("has been kept")`)
		browser.Eval[bool](tab, `probe.press("login") ?? true`)
		tab.WaitURL(w.IDP.Issuer())
		tab.Type("#username", "bob\r")
		tab.WaitURL(w.Apps["notes"].URL + "/form")
		tab.Wait(stored + ` === "{}"`)
		forgotten(tab)
	})
}

// loginAgain goes back to the page under attack.
func loginAgain(w *site.World, tab *browser.Tab) {
	tab.Wait(`eyes.words().includes("has been kept") && eyes.button("login")`)
	browser.Eval[bool](tab, `(eyes.button("login").click(), true)`)
	tab.WaitURL(w.IDP.Issuer())
	tab.Type("#username", "ada\r")
	tab.WaitURL(w.Apps["notes"].URL + "/attacked")
}

// A draft goes to the form that it came from, whatever other forms content brings.
func TestDraftAmongHostileForms(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{
		"names of objects": `<form id="constructor" data-tandem-keep><input name="a"></form><form id="__proto__" data-tandem-keep><input name="a"></form>`,
		"names of forms":   `<form data-tandem-keep><input name="id"><input name="name"><input name="elements"><input name="hasAttribute"></form>`,
		"form of SVG":      `<svg width="1" height="1"><form data-tandem-keep id="note"></form></svg>`,
	} {
		t.Run(name, func(t *testing.T) {
			w := site.Attacked(t, content)
			tab := chromium.New(t).Tab("notes")
			w.OpenAttacked(tab)
			w.TypeNote(tab)
			w.EndAda()
			loginAgain(w, tab)
			tab.Wait(`window.eyes?.all("main #note textarea")[0].value === "Lovelace types"`)
		})
	}
	// It does not fill a form that calls itself by the same name: somebody else's button
	// may send that one.
	t.Run("the same name", func(t *testing.T) {
		w := site.Attacked(t, `<form id="note" data-tandem-keep><textarea name="text"></textarea></form>`)
		tab := chromium.New(t).Tab("notes")
		w.OpenAttacked(tab)
		w.TypeNote(tab)
		w.EndAda()
		loginAgain(w, tab)
		tab.Wait(`window.eyes?.state() === "live"`)
		n := browser.Eval[int](tab, `import("/auth/session.js").then(m => m.session.restore())`)
		if text := browser.Eval[string](tab, `eyes.text()`); n != 0 || strings.Contains(text, "types") {
			t.Errorf("%d fields were filled: %s", n, text)
		}
		if browser.Eval[string](tab, stored) == "{}" {
			t.Error("the draft is lost")
		}
	})
}

// A draft that is on its way back when the session ends again stays where it was.
func TestRestoreOvertakenByTheEnd(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	arrived, release := make(chan struct{}), make(chan struct{})
	w := site.New(t, site.Options{
		Routes: site.AttackedPage(`<form id="much" data-tandem-keep><textarea name="text"></textarea></form>`),
		Front: func(app http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/auth/draft-key" && asked.Add(1) == 2 {
					close(arrived)
					app.ServeHTTP(w, r) // an answer of the session that still lives; the body is held back
					<-release
					return
				}
				app.ServeHTTP(w, r)
			})
		},
	})
	tab := chromium.New(t).Tab("notes")
	w.OpenAttacked(tab)
	browser.Eval[bool](tab, `(much.elements.text.value = "much to say", true)`)
	w.TypeNote(tab)
	w.EndAda()
	loginAgain(w, tab)
	select {
	case <-arrived:
	case <-time.After(browser.Patience):
		tab.Fail("the key was not fetched again")
	}
	before := browser.Eval[string](tab, stored)
	w.EndAda()
	tab.Wait(`eyes.state() === "ended"`)
	close(release)
	tab.Wait(`performance.getEntriesByName(location.origin + "/auth/draft-key")[0]?.responseStatus === 200`)
	browser.Eval[int](tab, `fetch("/auth/session").then(r => r.status)`) // what that sets off is done by then
	if text := browser.Eval[string](tab, `eyes.text()`); strings.Contains(text, "much to say") {
		t.Errorf("it was put back after the end: %s", text)
	}
	if after := browser.Eval[string](tab, stored); after != before || before == "{}" {
		t.Errorf("stored: %s, was %s", after, before)
	}
}
