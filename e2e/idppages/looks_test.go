package idppages

import (
	"net/url"
	"strings"
	"testing"

	"github.com/tandem-sso/tandem/e2e/driver/axe"
	"github.com/tandem-sso/tandem/idp-mock/control"
	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

// Every page of idp-mock is free of what axe knows to look for, in light and dark,
// and fits a phone.
func TestLooks(t *testing.T) {
	s := start(t)
	tab := chromium.New(t).Tab("looks")
	look := func(name, css, text string) {
		t.Helper()
		tab.WaitText(css, text)
		axe.Look(t, tab, name)
	}
	tab.Go(s.authURL("notes", s.notes, "login_hint", "bob"))
	look("idp-sign-in", "h1", "Sign in")
	tab.Type("#password", "nonsense\r")
	look("idp-wrong-password", "[role=alert]", "do not fit")
	tab.Go(s.authURL("notes", "http://elsewhere.localhost"))
	look("idp-error", "[role=alert]", "redirect_uri")

	s.signIn(t, tab)
	tab.Go(s.authURL("mail", s.mail, "prompt", "select_account"))
	look("idp-choose", "button[value=continue]", "Continue as ada")
	// The page that posts an answer on; the app's 204 keeps the browser there.
	s.mute.Store(true)
	tab.Go(s.authURL("notes", s.notes, "response_mode", "form_post"))
	look("idp-form-post", "h1", "Signing in")
	s.mute.Store(false)

	status := s.Issuer() + control.Path
	tab.Go(status)
	tab.WaitText("#requests", "authorize")
	look("idp-status", "#sessions", "ada")

	out := s.Issuer() + idpmock.PathEndSession
	tab.Go(out)
	look("idp-sign-out", "main", "signed in as ada")
	tab.Click("button[value=stay]")
	look("idp-stayed", "h1", "Still signed in")
	s.mute.Store(true)
	tab.Go(out + "?" + url.Values{"client_id": {"notes"}, "post_logout_redirect_uri": {s.notes + "/bye"}}.Encode())
	tab.Click("button[value=signout]")
	look("idp-signing-out", "#continue", "Continue")
	s.mute.Store(false)
	s.signIn(t, tab)
	tab.Go(out)
	tab.Click("button[value=signout]") // leads nowhere: no app has asked for it
	tab.WaitText("[role=status]", "You are being signed out of your applications.")
	axe.Check(t, tab)
	tab.Go(out)
	look("idp-signed-out", "h1", "Signed out")
	tab.Go(strings.Replace(out, idpmock.PathEndSession,
		idpmock.PathEndSession+"?post_logout_redirect_uri=http://elsewhere.localhost", 1))
	look("idp-sign-out-error", "[role=alert]", "post_logout_redirect_uri")
}
