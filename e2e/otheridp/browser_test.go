package otheridp

import (
	"net/http"
	"testing"

	"github.com/tandem-sso/tandem/e2e/driver/browser"
)

// The same with a real browser, whose cookies and headers nobody has made up.
func TestInBrowser(t *testing.T) {
	s := start(t, "refreshtoken")
	b := chromium.New(t)
	tab := b.Open("app", s.app+"/")

	tab.Click("#login")
	signIn(tab, s)
	tab.WaitText("body", "ada")

	var who struct{ Subject, Client string }
	a := tab.Fetch(http.MethodGet, "/call-api")
	tab.JSON(a, &who)
	if a.Status != http.StatusOK || who.Subject != "ada" || who.Client != "refreshtoken" {
		tab.Fail("/call-api: %+v", a)
	}
	for _, c := range tab.Cookies() {
		if c.Name == "__Host-tandem-refreshtoken" && (!c.HTTPOnly || !c.Secure || c.SameSite != "Lax" || !c.Session ||
			len(c.Value) != 43) {
			t.Errorf("the session cookie: %+v", c)
		}
	}

	tab.Click("#logout")
	tab.WaitURL(s.issuer)
	tab.Click("button[name=logout][value=yes]")
	tab.WaitURL(s.app + "/auth/logged-out")
	s.has(tab, "ended", "user_logout")

	// The provider has forgotten the person, too.
	tab.Go(s.app + "/private")
	signIn(tab, s)
	second := b.Open("provider", s.issuer+"/session/end")
	second.Click("button[name=logout][value=yes]")
	second.WaitURL(s.issuer + "/session/end/success")
	s.has(tab, "ended", "backchannel_logout")
}

// signIn fills in the provider's page and agrees to what it asks.
func signIn(tab *browser.Tab, s setup) {
	tab.Type("input[name=login]", "ada")
	tab.Type("input[name=password]", "any")
	tab.Click("button.login-submit")
	tab.Wait(`document.querySelector("input[name=prompt][value=consent]")`)
	tab.Click("button.login-submit")
	tab.WaitURL(s.app + "/private")
}

// has asks from the app's public page: the library's own pages let nobody fetch.
func (s setup) has(tab *browser.Tab, state, reason string) {
	tab.Go(s.app + "/")
	var got status
	tab.JSON(tab.Fetch(http.MethodGet, "/auth/session"), &got)
	if got.State != state || got.Reason != reason {
		tab.Fail("the session is %+v, want %s %s", got, state, reason)
	}
}
