package page

import (
	"strings"
	"testing"

	"github.com/tandem-sso/tandem/e2e/driver/browser"
	"github.com/tandem-sso/tandem/e2e/driver/site"
	"github.com/tandem-sso/tandem/rp/reason"
)

const stored = `JSON.stringify(sessionStorage)`

// draft fills the form and has the session ended elsewhere.
func draft(t *testing.T) (*site.World, *browser.Tab) {
	w := site.New(t, site.Options{})
	notes := w.Apps["notes"]
	tab := chromium.New(t).Tab("notes")
	w.SignIn(tab, "ada", notes.URL+"/form")
	for field, text := range map[string]string{"title": "Dear Grace", "text": "about the engine", "password": "hunter2",
		"card": "4111", "other": "gone"} {
		tab.Type("[name="+field+"]", text)
	}
	tab.Click("[name=pin]")
	tab.Click("[name=who][value=all]")
	browser.Eval[bool](tab, `(note.elements.kind.value = "list", true)`)
	waitFor(t, "the key of drafts", func() bool { return notes.Requests("GET /auth/draft-key") == 1 })
	if got := browser.Eval[string](tab, stored); got != "{}" {
		t.Errorf("stored before the end: %s", got)
	}
	return w, tab
}

// content is what the form shows.
func content(tab *browser.Tab) string {
	return browser.Eval[string](tab, `[...document.forms].flatMap(f => [...f.elements]).map(e => e.type === "checkbox" || e.type === "radio" ? e.checked : e.value).join("|")`)
}

const empty = "||letter|false|true|false|||t|"

// WCAG 2.2.5: what was typed is there again after the next log-in of the same
// person, and was nowhere readable in between.
func TestDraftComesBack(t *testing.T) {
	t.Parallel()
	w, tab := draft(t)
	w.IDP.EndUser("ada")
	site.Ended(tab, reason.BackchannelLogout)
	tab.Wait(`probe.words("cover").includes("has been kept")`)
	secrets := browser.Eval[string](tab, stored)
	for _, word := range []string{"Grace", "engine", "hunter2", "4111", "list"} {
		if strings.Contains(secrets, word) {
			t.Errorf("%q can be read in %s", word, secrets)
		}
	}
	browser.Eval[bool](tab, `probe.press("login") ?? true`)
	tab.WaitURL(w.IDP.Issuer())
	tab.Type("#username", "ada\r")
	tab.WaitURL(w.Apps["notes"].URL + "/form")
	tab.Wait(`window.probe?.events.some(e => e.type === "restored")`)
	if n := browser.Eval[int](tab, `probe.events.find(e => e.type === "restored").fields`); n != 6 {
		t.Errorf("%d fields were restored", n)
	}
	if got, want := content(tab), "Dear Grace|about the engine|list|true|false|true|||t|"; got != want {
		t.Errorf("the form has\n%s, want\n%s", got, want)
	}
	if got := browser.Eval[string](tab, stored); got != "{}" {
		t.Errorf("still stored: %s", got)
	}
}

// Whoever else logs in gets nothing, and the draft is gone.
func TestDraftOfAnotherPerson(t *testing.T) {
	t.Parallel()
	w, tab := draft(t)
	w.IDP.EndUser("ada")
	site.Ended(tab, reason.BackchannelLogout)
	tab.Wait(`probe.words("cover").includes("has been kept")`)
	browser.Eval[bool](tab, `probe.press("login") ?? true`)
	tab.WaitURL(w.IDP.Issuer())
	tab.Type("#username", "bob\r")
	tab.WaitURL(w.Apps["notes"].URL + "/form")
	site.Live(tab)
	tab.Wait(stored + ` === "{}"`)
	if got := content(tab); got != empty {
		t.Errorf("the form has %s", got)
	}
}

// After logging out on purpose nothing is kept.
func TestNoDraftAfterLogout(t *testing.T) {
	t.Parallel()
	w, tab := draft(t)
	// In another tab, which posts the form that logs out.
	browser.Eval[int](tab, `fetch("/auth/logout", {method: "POST", redirect: "manual"}).then(r => r.status)`)
	site.Ended(tab, reason.UserLogout)
	tab.Wait(`probe.button("login")`)
	if got := browser.Eval[string](tab, stored); got != "{}" ||
		strings.Contains(browser.Eval[string](tab, `probe.words("cover")`), "kept") {
		t.Errorf("stored: %s", got)
	}
	w.SignIn(tab, "ada", w.Apps["notes"].URL+"/form")
	if got := content(tab); got != empty {
		t.Errorf("the form has %s", got)
	}
}
