package stories

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"

	"github.com/tandem-sso/tandem/demo/system"
	"github.com/tandem-sso/tandem/e2e/axe"
	"github.com/tandem-sso/tandem/e2e/browser"
	"github.com/tandem-sso/tandem/rp"
)

// Every page of the apps is free of what axe knows to look for, in light and dark,
// and fits a phone. With TANDEM_SHOTS=folder they are also photographed.
func TestLooks(t *testing.T) {
	t.Parallel()
	s := start(t, system.Settings{IdPIdle: time.Hour})
	b := chromium.New(t)
	public := b.Open("public page", s.url(system.Notes, "/"))
	look(t, public, "public")
	s.signIn(b)
	notes := s.tabs[system.Notes]
	notes.Type("#title", "Engine")
	notes.Type("#text", "It weaves algebraical patterns just as the Jacquard loom weaves flowers and leaves.")
	notes.Click("#save")
	notes.WaitText("#notes", "Engine")
	look(t, notes, "notes")
	reports := s.tabs[system.Reports]
	reports.Click(`button[data-fetch="/call-api"]`)
	reports.WaitText("#report", "ada")
	look(t, reports, "reports")
	look(t, s.tabs[system.Wiki], "wiki")
	public.Reload()
	public.WaitText("h1", "Welcome back")
	look(t, public, "home")
	session, _ := s.session()
	if err := s.demo.EndAtIdP(session.SID); err != nil {
		t.Fatal(err)
	}
	s.endsWith(system.Notes, rp.BackchannelLogout)
	look(t, notes, "covered")
	s.tells(system.Reports, rp.BackchannelLogout)
	look(t, reports, "ended")
}

func look(t *testing.T, tab *browser.Tab, name string) {
	t.Helper()
	for _, scheme := range []string{"light", "dark"} {
		browser.Call(tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
		axe.Check(t, tab)
		for width, size := range map[string][2]int64{"desktop": {1280, 800}, "phone": {390, 844}} {
			tab.Resize(size[0], size[1])
			if wide := browser.Eval[int](tab, "document.documentElement.scrollWidth"); wide > int(size[0]) {
				t.Errorf("%s is %d pixels wide on a %s", name, wide, width)
			}
			if dir := os.Getenv("TANDEM_SHOTS"); dir != "" {
				tab.Screenshot(filepath.Join(dir, name+"-"+scheme+"-"+width+".png"))
			}
		}
	}
}
