package stories

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/demo/system"
	"github.com/tandem-sso/tandem/e2e/driver/browser"
	"github.com/tandem-sso/tandem/rp/reason"
)

// A time-out in the midst of a long form: the page is covered, and what was typed
// is back after the next log-in, ready to be saved (WCAG 2.2.5).
func TestLongForm(t *testing.T) {
	t.Parallel()
	s := start(t, system.Settings{IdPIdle: time.Hour})
	s.signIn(chromium.New(t))
	notes := s.tabs[system.Notes]
	notes.Type("#title", "Engine")
	notes.Type("#text", "It weaves algebraical patterns")
	notes.Wait(`performance.getEntriesByName(location.origin + "/auth/draft-key").length === 1`)
	session, _ := s.session()
	if err := s.demo.EndAtIdP(session.SID); err != nil {
		t.Fatal(err)
	}
	s.endsWith(system.Notes, reason.BackchannelLogout)
	notes.Wait(dialog + `.innerText.includes("has been kept")`)
	press(notes, "login")
	notes.WaitURL(s.demo.IDP.Issuer())
	notes.Type("#username", "ada")
	notes.Click("#signin")
	notes.WaitURL(s.url(system.Notes, "/private"))
	notes.Wait(`note.elements.text.value === "It weaves algebraical patterns" && note.elements.title.value === "Engine"`)
	notes.Click("#save")
	notes.WaitText("#note output", "Saved, 30 characters")
	notes.WaitText("#notes", "Engine")
	notes.Reload() // it is kept with the session
	notes.WaitText("#notes", "It weaves algebraical patterns")
	if got := browser.Eval[string](notes, "note.elements.text.value"); got != "" {
		notes.Fail("the form still has %q", got)
	}
}

// The warning can be answered with one click, for all apps: the others ask the IdP
// and take their own warnings back before they would hide themselves.
func TestWarningIsAnswered(t *testing.T) {
	t.Parallel()
	s := start(t, system.Settings{IdPIdle: 15 * time.Second}) // warns for 5 s
	s.signIn(chromium.New(t))
	first, _ := s.session()
	notes := s.tabs[system.Notes]
	browser.Eval[bool](notes, `(window.covers = 0, new MutationObserver(() => { covers += document.documentElement.dataset.tandem === "covered" })
		.observe(document.documentElement, {attributes: true}), true)`)
	notes.Wait(button("stay"))
	if dir := os.Getenv("TANDEM_SHOTS"); dir != "" { // make screenshots
		notes.Resize(1280, 1000)
		notes.Screenshot(filepath.Join(dir, "warning.png"))
	}
	press(s.tabs[system.Reports], "stay")
	for _, app := range system.Apps() {
		s.tabs[app].Wait("!" + dialog)
		live(s.tabs[app])
	}
	if n := browser.Eval[int](notes, "covers"); n != 0 {
		notes.Fail("the page was covered %d times although another app had been told", n)
	}
	now, ok := s.session()
	if !ok || !now.IdleDeadline.After(first.IdleDeadline) {
		t.Errorf("the IdP session: %v %+v, was %v", ok, now.IdleDeadline, first.IdleDeadline)
	}
}
