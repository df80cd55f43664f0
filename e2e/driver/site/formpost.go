package site

import (
	"testing"

	"github.com/tandem-sso/tandem/e2e/driver/browser"
	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
)

// Posting starts a world whose IdP posts its answers and takes no log-in otherwise, as Apple's.
func Posting(t testing.TB) *World {
	return New(t, Options{
		IDP: func(c *idpmock.Config) { c.Temperament.RequireFormPost = true },
		RP:  func(c *rp.Config) { c.ResponseMode, c.KeepFragments = "form_post", true },
	})
}

// FormPost is the story of a log-in by form_post across sites: the IdP's form brings no cookie of
// the app, the callback's own page posts once more and does. The page is whole in the end, with
// its fragment, and Back and Reload log nobody out.
func (w *World) FormPost(tab Tab) {
	w.Helper()
	const callback = "POST /auth/callback"
	notes := w.Apps["notes"]
	want := notes.URL + "/?x=y#part/2"
	tab.Go(want)
	tab.Wait(`document.querySelector("#username")`)
	tab.Type("#username", "ada\r")
	tab.WaitURL(want)
	Live(tab)
	if n := notes.Requests(callback); n != 2 {
		tab.Fail("the callback was posted to %d times, want twice", n)
	}
	if got := tab.Text("#who"); got != "private of ada" {
		tab.Fail("the page shows %q", got)
	}

	// The IdP knows the person now and posts without a question; the end is found by a click.
	w.EndAda()
	Ended(tab, "backchannel_logout")
	tab.Go(w.IDP.Issuer() + idpmock.PathEndSession) // a page of another site
	tab.Go(want)
	tab.Wait(`document.querySelector("#username")`)
	tab.Type("#username", "bob\r")
	tab.WaitURL(want)
	Live(tab)
	if got := browser.Eval[string](tab, "probe.session.subject"); got != "bob" {
		tab.Fail("the session is %q's", got)
	}
	if n := notes.Requests(callback); n != 4 {
		tab.Fail("the callback was posted to %d times after two log-ins", n)
	}
}
