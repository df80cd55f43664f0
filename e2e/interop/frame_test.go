package interop

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/e2e/driver/browser"
)

var chromium browser.Process

func TestMain(m *testing.M) {
	code := m.Run()
	chromium.Close()
	os.Exit(code)
}

// someFrames is how many answers of the IdP's frame are looked at: it is asked every 2 s.
const someFrames = 3

// frame: a page of an app that gets no logout tokens hears of a log-out at the IdP by the
// IdP's own check_session_iframe, in a real browser (OpenID Connect Session Management 1.0).
func frame(t *testing.T, w *world) string {
	var says struct {
		Frame string `json:"check_session_iframe"`
	}
	w.json(w.idp.Issuer+"/.well-known/openid-configuration", &says)
	if says.Frame == "" {
		return "has none"
	}
	b, a := chromium.New(t), w.watching[0]
	tab, other := b.Tab("app"), b.Tab("log-out")
	tab.Go(a.base + "/watching")
	w.fillIn(tab)
	tab.WaitURL(a.base + "/watching")
	tab.Wait(fmt.Sprintf(`heard.length >= %d`, someFrames))
	if got := browser.Eval[string](tab, `[...new Set(heard)].join()`); got != "unchanged" {
		tab.Fail("while the person is logged in the frame says %q", got)
	}
	tab.Wait(`document.documentElement.dataset.tandem === "live"`)
	elsewhere := w.fromElsewhere(b)

	other.Go(w.idp.LogOut)
	other.Click("[type=submit]")
	since := time.Now()
	tab.Wait(`heard.at(-1) === "changed"`)
	tab.Wait(`document.documentElement.dataset.tandem === "covered" && getComputedStyle(document.querySelector("#private")).visibility === "hidden"`)
	took := time.Since(since)
	tab.Go(a.base + "/private") // asks the IdP
	tab.Wait(`document.querySelector("input[type=password]")`)
	return fmt.Sprintf("\"unchanged\"; hidden %.1fs after a log-out there, password at the next click; %s",
		took.Seconds(), elsewhere)
}

// fromElsewhere is what a page on another site hears of the same session: the browser keeps
// the IdP's cookies from the frame, and nobody is bothered.
func (w *world) fromElsewhere(b *browser.Browser) string {
	w.t.Helper()
	a, tab := w.watching[1], b.Tab("app on another site")
	tab.Go(a.base + "/watching")
	tab.WaitURL(a.base + "/watching") // one log-in is enough
	tab.Wait(fmt.Sprintf(`heard.length >= %d`, 1))
	first := browser.Eval[string](tab, `heard[0]`)
	tab.Wait(`document.documentElement.dataset.tandem === "live"`)
	return fmt.Sprintf("from another site %q", first)
}

// fillIn enters the person whom the world has.
func (w *world) fillIn(tab *browser.Tab) {
	w.t.Helper()
	for name := range w.Fill {
		tab.Type("input[name="+name+"]", w.Fill.Get(name))
	}
	tab.Click("[type=submit]")
}
