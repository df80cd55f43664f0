package notes_test

import (
	"net/url"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/idp-mock/idptest"
	"golang.org/x/oauth2"
)

func TestTheSessionRunsOut(t *testing.T) {
	const callback = "http://localhost:9101/callback"
	idp := idptest.Start(t, idptest.WithClients(idpmock.Client{ // on loopback, until the test ends
		ID: "notes", Secret: "s3cret", RedirectURIs: []string{callback}, RefreshTokens: true}))
	app := oauth2.Config{ClientID: "notes", ClientSecret: "s3cret", RedirectURL: callback, Scopes: []string{"openid"},
		Endpoint: oauth2.Endpoint{AuthURL: idp.URL + idpmock.PathAuthorize, TokenURL: idp.URL + idpmock.PathToken}}

	verifier := oauth2.GenerateVerifier()
	back, err := idp.Browser("ada").Authorize(t.Context(),
		app.AuthCodeURL("state", oauth2.S256ChallengeOption(verifier)))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := url.Parse(back) // the callback, as ada's browser would load it
	if err != nil {
		t.Fatal(err)
	}
	token, err := app.Exchange(t.Context(), answer.Query().Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		t.Fatal(err)
	}

	idp.Advance(16 * time.Minute)
	if _, err := app.TokenSource(t.Context(), &oauth2.Token{RefreshToken: token.RefreshToken}).Token(); err == nil {
		t.Error("a refresh although the session has ended")
	}
}
