package page

import (
	"testing"

	"github.com/tandem-sso/tandem/e2e/driver/browser"
	"github.com/tandem-sso/tandem/e2e/driver/site"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/reason"
)

// A page that has no other way to know learns of the end from a 401, once, however
// many calls fail; then it sends nothing any more.
func TestFetch(t *testing.T) {
	t.Parallel()
	w := site.New(t, site.Options{RP: func(c *rp.Config) { c.MaxStreams = -1 }})
	notes := w.Apps["notes"]
	tab := chromium.New(t).Tab("notes")
	w.SignIn(tab, "ada", notes.Page("/", `activity="click"`))
	class := func(init string) string {
		return browser.Eval[string](tab, `probe.fetch("/data", `+init+`).then(r => r.text())`)
	}
	if got := class("{}"); got != "passive" {
		t.Errorf("a call without input is %q", got)
	}
	if got := class(`{headers: {"Tandem-Activity": "active"}}`); got != "active" {
		t.Errorf("the page's own word counts nothing: %q", got)
	}
	tab.Click("#button")
	if got := class(`{method: "POST", body: "x"}`); got != "active" {
		t.Errorf("a call after a click is %q", got)
	}

	w.EndAda()
	if got := browser.Eval[[]int](tab, `Promise.all(Array.from({length: 5}, () => probe.fetch("/data").then(r => r.status)))`); len(got) != 5 || got[0] != 401 || got[4] != 401 {
		t.Errorf("statuses: %v", got)
	}
	site.Ended(tab, reason.BackchannelLogout)
	before := notes.Requests("GET /data")
	if got := browser.Eval[string](tab, `probe.fetch("/data").catch(e => e.name + " " + e.reason)`); got != "SessionEndedError backchannel_logout" {
		t.Errorf("after the end: %q", got)
	}
	if n := browser.Eval[int](tab, `probe.events.filter(e => e.type === "ended").length`); n != 1 ||
		notes.Requests("GET /data") != before {
		t.Errorf("ended %d times, %d calls after the end", n, notes.Requests("GET /data")-before)
	}
}
