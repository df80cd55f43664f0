package idpmock_test

import (
	"testing"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

// What a test says of a person goes over what the provider makes up.
func TestClaimsOfAUserAreNotOverwritten(t *testing.T) {
	inBubble(t, func(c *idpmock.Config) {
		c.Users = []idpmock.User{{Username: "ada", Name: "Ada", Email: "ada@example.com",
			Claims: map[string]any{"name": "Countess", "preferred_username": "al", "email_verified": false,
				"sub": "not-this"}}}
	}, func(t *testing.T, w *world) {
		tok := w.login(w.Browser("ada"), "notes", "scope", "openid profile email")
		_, id := peek(t, tok.text("id_token"))
		for where, claims := range map[string]map[string]any{"ID token": id,
			"userinfo": w.userinfo(tok.text("access_token")).fields} {
			if claims["name"] != "Countess" || claims["preferred_username"] != "al" ||
				claims["email_verified"] != false ||
				claims["email"] != "ada@example.com" || claims["sub"] != "ada" {
				t.Errorf("%s: %v", where, claims)
			}
		}
	})
}
