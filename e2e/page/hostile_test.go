package page

import (
	"os"
	"regexp"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/e2e/driver/browser"
	"github.com/tandem-sso/tandem/e2e/driver/site"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/reason"
)

// No content of a page, short of a script, keeps it readable after the end.
func TestHostileContent(t *testing.T) {
	t.Parallel()
	for _, a := range site.Attacks() {
		t.Run(a.Name, func(t *testing.T) {
			t.Parallel()
			site.Attacked(t, a.Content).Withstand(chromium.New(t).Tab(a.Name), a)
		})
	}
}

// Nothing is read from document by name: content can take every name.
func TestScriptDoesNotTrustNames(t *testing.T) {
	script, err := os.ReadFile("../../rp/internal/asset/session.js")
	if err != nil {
		t.Fatal(err)
	}
	code := regexp.MustCompile(`(?m)//.*$`).ReplaceAllString(string(script), "")
	if found := regexp.MustCompile(`\bdocument\s*(\?\.|\.|\[).*`).FindAllString(code, -1); found != nil {
		t.Errorf("session.js uses %q", found)
	}
}

// A base URL that content brings leads nobody astray.
func TestHostileBase(t *testing.T) {
	t.Parallel()
	w := site.Attacked(t, `<base href="http://elsewhere.localhost:1/" target="_blank">`)
	tab := chromium.New(t).Tab("notes")
	w.OpenAttacked(tab)
	// so there is nothing to end at the IdP, and logging out leads to a page of ours
	clearCookies(tab, w.Apps["notes"].URL)
	browser.Eval[bool](tab, `import(location.origin + "/auth/session.js").then(m => { m.session.logout(); return true })`)
	tab.WaitURL(w.Apps["notes"].URL + "/auth/logged-out")
}

// An app's handler that throws keeps neither the warning away nor the end.
func TestThrowingHandler(t *testing.T) {
	t.Parallel()
	w := site.New(t, site.Options{RP: func(c *rp.Config) { c.Idle = 6 * time.Second }})
	notes := w.Apps["notes"]
	tab := chromium.New(t).Tab("notes")
	w.SignIn(tab, "ada", notes.URL+"/")
	browser.Eval[bool](tab, `(addEventListener("error", e => e.preventDefault()),
		probe.session.onending = () => { probe.threw = true; throw new Error("of the app") }, true)`)
	tab.Wait(`probe.threw && probe.dialog("warning")`)
	notes.Down()
	site.Ended(tab, reason.Idle)
}
