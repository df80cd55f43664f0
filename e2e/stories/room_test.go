package stories

import (
	"fmt"
	"strings"
	"time"

	"github.com/tandem-sso/tandem/demo/system"
	"github.com/tandem-sso/tandem/e2e/driver/browser"
	"github.com/tandem-sso/tandem/rp/reason"
)

// watch opens the control room in a browser of its own, and marks the page: what
// it shows later has been pushed to it.
func (s *scene) watch(b *browser.Browser) *browser.Tab {
	s.Helper()
	room := b.Open("room", s.room.URL())
	room.WaitText("#cards", "not signed in")
	browser.Eval[bool](room, "window.untouched = true")
	return room
}

func card(id string) string { return fmt.Sprintf("[data-card=%s]", id) }

// ring is the countdown on a card, in seconds; it must be running.
func ring(room *browser.Tab, id string) time.Duration {
	text := room.Text(card(id) + " [data-ring=idle] .ring-value")
	var minutes, seconds int
	if _, err := fmt.Sscanf(text, "%d:%d", &minutes, &seconds); err != nil {
		d, err := time.ParseDuration(strings.ReplaceAll(text, " ", ""))
		if err != nil {
			room.Fail("%s shows %q, not a countdown", id, text)
		}
		return d
	}
	return time.Duration(minutes)*time.Minute + time.Duration(seconds)*time.Second
}

// showsLife demands that all four sessions live, and that the countdown of the IdP's
// runs by itself.
func showsLife(room *browser.Tab) {
	for _, id := range append(system.Apps(), system.IdP) {
		room.WaitText(card(id)+" [data-state]", "is signed in")
	}
	before := ring(room, system.IdP)
	if before > window {
		room.Fail("the IdP session has %v left, more than its window", before)
	}
	room.Wait(fmt.Sprintf(`document.querySelector("%s [data-ring=idle] .ring-value").textContent !== %q`,
		card(system.IdP), room.Text(card(system.IdP)+" [data-ring=idle] .ring-value")))
}

// showsEnds demands that all four are over on the page that nobody has reloaded,
// and why.
func showsEnds(room *browser.Tab, reasons map[string]reason.Reason) {
	room.WaitText(card(system.IdP)+" [data-state]", "ended")
	for id, reason := range reasons {
		room.WaitText(card(id)+" [data-state]", "ended")
		room.WaitText(card(id)+" [data-why-reason]", string(reason))
	}
	if !browser.Eval[bool](room, "window.untouched === true") {
		room.Fail("the page was reloaded")
	}
}
