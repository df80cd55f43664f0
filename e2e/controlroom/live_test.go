package controlroom_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/tandem-sso/tandem/e2e/driver/browser"
)

// Durations change while sessions live; what does not fit is said, and changes
// nothing. A filter hides and shows, a pause holds back, the export tells all.
func TestChangesWhileItRuns(t *testing.T) {
	room := start(t)
	tab := chromium.New(t).Open("room", room.URL())
	tab.WaitText("#cards", "not signed in")
	tab.Click("[data-do=sign-in][data-user=ada]")
	for _, id := range []string{"idp", "notes", "reports", "wiki"} {
		tab.WaitText(card(id)+" [data-state]", "is signed in")
	}
	tab.Click(".settings summary")
	set := func(name, to string) {
		t.Helper()
		// As a person empties it: the page then leaves the field alone until it is applied.
		browser.Eval[bool](tab, `(i => (i.value = "", i.dispatchEvent(new Event("input", {bubbles: true}))))(document.querySelector("#settings [name=`+name+`]"))`)
		tab.Type("#settings [name="+name+"]", to)
		tab.Click("#settings .primary")
	}
	set("signal_every", "3m")
	tab.WaitText("#settings-answer", "not less than the IdP's window")
	set("signal_every", "5s")
	tab.WaitText("#settings-answer", "Applied.")
	set("idp_idle", "40s")
	tab.Wait(`document.querySelector("#settings [name=idp_idle]").value === "40s"`)
	tab.WaitText("#settings-answer", "Applied.")
	tab.Click("[data-do=jump][data-seconds='10']")
	press(tab, card("notes")+" [data-act=active]",
		`document.querySelector("[data-card=idp] [data-ring=idle] .ring-value").textContent <= "0:40"`)

	count := `document.querySelectorAll("#swim .k-active").length`
	tab.Wait(count + " > 3")
	tab.Click("#filters .k-active")
	tab.Wait(count + " === 0")
	tab.Reload() // the choice survives
	tab.Wait(`document.querySelectorAll("#swim .event").length > 3 && ` + count + " === 0")
	tab.Click("#filters .k-active")
	tab.Wait(count + " > 3")

	tab.Click("#pause")
	before := browser.Eval[int](tab, count)
	tab.Click(card("notes") + " [data-act=active]")
	tab.WaitText("#toast", "Notes answered 200")
	tab.WaitText(card("notes"), "Active 0 s ago")
	if got := browser.Eval[int](tab, count); got != before {
		t.Errorf("paused, and %d events became %d", before, got)
	}
	tab.Click("#pause")
	tab.Wait(fmt.Sprintf("%s > %d", count, before))

	var export struct {
		Events   []struct{ Kind string }
		Snapshot struct{ Apps []any }
	}
	a := tab.Fetch(http.MethodGet, "/export.json")
	tab.JSON(a, &export)
	if len(export.Events) != len(room.System.Log.Read(0).Events) || len(export.Snapshot.Apps) != 3 {
		t.Errorf("%d events and %d sessions are exported", len(export.Events), len(export.Snapshot.Apps))
	}
}
