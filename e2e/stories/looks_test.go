package stories

import (
	"testing"
	"time"

	"github.com/tandem-sso/tandem/demo/system"
	"github.com/tandem-sso/tandem/e2e/driver/axe"
	"github.com/tandem-sso/tandem/rp/reason"
)

// Every page of the apps is free of what axe knows to look for, in light and dark,
// and fits a phone. With TANDEM_LOOK=folder they are also photographed.
func TestLooks(t *testing.T) {
	t.Parallel()
	s := start(t, system.Settings{IdPIdle: time.Hour})
	b := chromium.New(t)
	public := b.Open("public page", s.url(system.Notes, "/"))
	axe.Look(t, public, "public")
	s.signIn(b)
	notes := s.tabs[system.Notes]
	notes.Type("#title", "Engine")
	notes.Type("#text", "It weaves algebraical patterns just as the Jacquard loom weaves flowers and leaves.")
	notes.Click("#save")
	notes.WaitText("#notes", "Engine")
	axe.Look(t, notes, "notes")
	reports := s.tabs[system.Reports]
	reports.Click(`button[data-fetch="/call-api"]`)
	reports.WaitText("#report", "ada")
	axe.Look(t, reports, "reports")
	axe.Look(t, s.tabs[system.Wiki], "wiki")
	public.Reload()
	public.WaitText("h1", "Welcome back")
	axe.Look(t, public, "home")
	session, _ := s.session()
	if err := s.demo.EndAtIdP(session.SID); err != nil {
		t.Fatal(err)
	}
	s.endsWith(system.Notes, reason.BackchannelLogout)
	axe.Look(t, notes, "covered")
	s.tells(system.Reports, reason.BackchannelLogout)
	axe.Look(t, reports, "ended")
}
