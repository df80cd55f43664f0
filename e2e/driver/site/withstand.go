package site

import (
	"bytes"
	_ "embed"
	"image/png"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/e2e/driver/browser"
	"github.com/tandem-sso/tandem/nethttpadapter"
)

//go:embed eyes.js
var eyes string

//go:embed clobber.js
var clobber string

// lax is a policy under which content may bring style sheets and a base URL.
const lax = "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'unsafe-inline'; img-src 'self'"

// Attacked is a world whose app shows, at /attacked, a page with this content.
func Attacked(t testing.TB, content string) *World {
	return New(t, Options{Routes: AttackedPage(content)})
}

// AttackedPage adds that page to an app.
func AttackedPage(content string) func(*http.ServeMux, *nethttpadapter.Adapter) {
	return func(mux *http.ServeMux, web *nethttpadapter.Adapter) {
		serve := func(kind, body string) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", kind+"; charset=utf-8")
				w.Header().Set("Content-Security-Policy", lax)
				_, _ = io.WriteString(w, body)
			})
		}
		mux.Handle("GET /attacked", web.RequireLogin(serve("text/html", attacked(content))))
		mux.Handle("GET /eyes.js", serve("text/javascript", eyes))
		mux.Handle("GET /clobber.js", serve("text/javascript", clobber))
	}
}

// Withstand covers a page under attack for a moment, then ends its session: nothing of
// it can be seen, at the end nothing private is left in it, and what was typed is kept.
func (w *World) Withstand(tab Tab, a Attack) {
	w.Helper()
	w.OpenAttacked(tab)
	w.TypeNote(tab)
	if a.Click != "" {
		tab.Click(a.Click)
	}
	run(tab, a.Before)

	browser.Eval[bool](tab, `dispatchEvent(new Event("pagehide"))`)
	run(tab, a.While)
	tab.Wait(`eyes.state() === "covered" && eyes.under() === ""`)
	if magenta(w, tab) {
		tab.Fail("the page can be seen while it is covered")
	}
	browser.Eval[bool](tab, `dispatchEvent(new PageTransitionEvent("pageshow", {persisted: true}))`)
	tab.Wait(`eyes.state() === "live"`)
	for by := time.Now().Add(10 * time.Second); !magenta(w, tab); { // until it is painted
		if time.Now().After(by) {
			tab.Fail("nothing can be seen of a live page")
		}
	}

	w.EndAda()
	tab.Wait(`eyes.state() === "ended"`)
	run(tab, a.While)
	run(tab, a.After)
	tab.Wait(`eyes.button("login") && eyes.under() === "" && eyes.shown() === "" && !eyes.text().includes("Lovelace")`)
	tab.Wait(`eyes.words().includes("What you had typed has been kept.")`)
	if magenta(w, tab) {
		tab.Fail("the page can be seen after the end")
	}
	browser.Eval[bool](tab, `(eyes.button("login").click(), true)`)
	tab.WaitURL(w.IDP.Issuer())
}

// OpenAttacked signs in to a page that cannot be asked in the usual ways.
func (w *World) OpenAttacked(tab Tab) {
	w.Helper()
	url := w.Apps["notes"].URL + "/attacked"
	tab.Go(url)
	tab.Type("#username", "ada\r")
	tab.Wait(`location.href === ` + browser.Quote(url) + ` && window.eyes?.state() === "live"`)
}

// TypeNote fills the app's own form and waits until there is a key to keep it with.
func (w *World) TypeNote(tab Tab) {
	w.Helper()
	browser.Eval[bool](tab, `(eyes.type("Lovelace types"), true)`)
	for deadline := time.Now().Add(browser.Patience); w.Apps["notes"].Requests("GET /auth/draft-key") == 0; time.Sleep(
		5 * time.Millisecond) {
		if time.Now().After(deadline) {
			tab.Fail("the page has fetched no key for drafts")
		}
	}
}

func run(tab Tab, script string) {
	if script != "" {
		browser.Eval[bool](tab, "(async () => { await ("+script+"); return true })()")
	}
}

// magenta tells whether anything of that colour is on the screen.
func magenta(t testing.TB, tab Tab) bool {
	t.Helper()
	file := filepath.Join(t.TempDir(), "shot.png")
	tab.Screenshot(file)
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	shot, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	screen := shot.Bounds()
	for y := screen.Min.Y; y < screen.Max.Y; y++ {
		for x := screen.Min.X; x < screen.Max.X; x++ {
			if r, g, b, _ := shot.At(x, y).RGBA(); r>>8 > 200 && g>>8 < 55 && b>>8 > 200 {
				return true
			}
		}
	}
	return false
}
