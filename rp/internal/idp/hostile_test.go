package idp

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/internal/printtest"
)

// A server that repeats what it was sent puts no secret into an error.
func TestNothingPrintsOfAHostileServer(t *testing.T) {
	const token, secret = "the-token-that-was-sent-0123456789", "the-client-secret-planted-here"
	planted := printtest.Secrets{
		"token": token, "client secret": secret,
		"Authorization": base64.StdEncoding.EncodeToString([]byte("notes:" + secret)),
	}
	for how, answer := range printtest.Echoes() {
		s := httptest.NewServer(printtest.Echo(t, answer))
		c := &Client{HTTP: &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		}},
			Auth: Secret{ID: "notes", Secret: secret}, Now: time.Now, TokenURL: s.URL, UserinfoURL: s.URL,
			RevocationURL: s.URL}
		_, exchanged := c.Exchange(t.Context(), token, "the-verifier-of-this-log-in", "https://notes.example/cb")
		_, refreshed := c.Refresh(t.Context(), token, nil)
		_, asked := c.Userinfo(t.Context(), token, "ada")
		revoked := c.Revoke(t.Context(), token, "refresh_token")
		for what, out := range map[string]Outcome{"exchange": exchanged, "refresh": refreshed, "userinfo": asked,
			"revocation": revoked} {
			if out.Err != nil {
				printtest.Check(t, what+", "+how, planted, out.Err)
			}
		}
		s.Close()
	}
}
