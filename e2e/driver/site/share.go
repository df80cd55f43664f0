package site

import (
	"strings"

	"github.com/tandem-sso/tandem/e2e/driver/browser"
	"github.com/tandem-sso/tandem/rp/reason"
)

// ShareNothing is the story of two people's browsers: one's end is not the other's.
func (w *World) ShareNothing(ada, bob Tab) {
	w.Helper()
	url := w.Apps["notes"].URL + "/"
	w.SignIn(ada, "ada", url)
	bob.Go(url)
	if !strings.HasPrefix(bob.URL(), w.IDP.Issuer()) {
		bob.Fail("another browser is logged in")
	}
	w.SignIn(bob, "bob", url)
	w.EndAda()
	Ended(ada, reason.BackchannelLogout)
	Live(bob)
	if browser.Eval[bool](bob, `probe.events.length > 0 || probe.states.includes("covered") || document.querySelector("[data-tandem-private]")?.innerText !== "private of bob"`) {
		bob.Fail("it noticed the other one's end")
	}
	if status := browser.Eval[int](bob, `fetch("/data").then(r => r.status)`); status != 200 {
		bob.Fail("bob gets %d", status)
	}
}
