package idpmock_test

import (
	"fmt"
	"net/url"
	"testing"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

// RFC 8707, Auth0's audience and Entra ID's scopes: the access token's audience is the
// API that was asked for, and the refresh token stays that of the log-in.
func TestTokensForAPIs(t *testing.T) {
	apis := []idpmock.API{{Audience: "api://notes", Scopes: []string{"read", "write"}},
		{Audience: "https://mail.example/", Scopes: []string{"send"}},
		{Audience: "https://shy.example", AtLogin: true}}
	inBubble(t, func(c *idpmock.Config) { c.APIs = apis }, func(t *testing.T, w *world) {
		tok := w.login(w.Browser("ada"), "notes")
		for _, row := range []struct {
			name   string
			form   url.Values
			status int
			want   string // aud and scope, or the error
			id     bool   // an ID token comes along
		}{
			{"Logto, oidc-provider", url.Values{"resource": {"api://notes"}}, 200,
				"[api://notes] read write openid profile", true},
			{"with scopes", url.Values{"resource": {"api://notes"}, "scope": {"read"}}, 200, "[api://notes] read",
				false},
			{"Auth0", url.Values{"audience": {"https://mail.example/"}}, 200,
				"[https://mail.example/] send openid profile", true},
			{"Entra ID", url.Values{"scope": {"api://notes/read"}}, 200, "[api://notes] api://notes/read", false},
			{"Entra ID with openid", url.Values{"scope": {"openid api://notes/.default"}}, 200,
				"[api://notes] read write openid", true},
			{"no such API", url.Values{"resource": {"https://evil.example"}}, 400, "invalid_target", false},
			{"no such audience", url.Values{"audience": {"https://evil.example"}}, 400, "invalid_target", false},
			{"two APIs", url.Values{"resource": {"api://notes", "https://mail.example/"}}, 400, "invalid_target",
				false},
			{"two APIs by scope", url.Values{"scope": {"api://notes/read https://mail.example//send"}}, 400,
				"invalid_scope", false},
			{"no such scope", url.Values{"scope": {"api://notes/burn"}}, 400, "invalid_scope", false},
			{"an API that the log-in has not named", url.Values{"resource": {"https://shy.example"}}, 400,
				"invalid_target", false},
			{"none", nil, 200, "[" + w.URL + "] openid profile", true},
		} {
			form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tok.text("refresh_token")}}
			for name, v := range row.form {
				form[name] = v
			}
			a := w.must(w.post(idpmock.PathToken, "notes", form))
			got := a.text("error")
			if a.status == 200 {
				_, claims := peek(t, a.text("access_token"))
				got = fmt.Sprint(claims["aud"], " ", claims["scope"])
				if intro := w.introspect(a.text("access_token")); fmt.Sprint(intro.fields["aud"], " ",
					intro.fields["scope"]) != got {
					t.Errorf("%s: introspection says %v", row.name, intro)
				}
				tok = a
			}
			if a.status != row.status || got != row.want || (a.fields["id_token"] != nil) != row.id {
				t.Errorf("%s: %d %s, want %d %s: %v", row.name, a.status, got, row.status, row.want, a)
			}
		}
	})
}

// An API of oidc-provider's kind has to be named by the authorization request.
func TestAPIsNamedAtLogin(t *testing.T) {
	apis := []idpmock.API{{Audience: "https://shy.example", AtLogin: true}}
	inBubble(t, func(c *idpmock.Config) { c.APIs = apis }, func(t *testing.T, w *world) {
		tok := w.login(w.Browser("ada"), "notes", "resource", "https://shy.example")
		a := w.must(w.post(idpmock.PathToken, "notes", url.Values{"grant_type": {"refresh_token"},
			"refresh_token": {tok.text("refresh_token")}, "resource": {"https://shy.example"}}))
		if a.status != 200 {
			t.Errorf("%v", a)
		}
		cb, err := w.Browser("bob").Authorize(t.Context(), authURL(w.URL, "notes", "resource", "https://evil.example"))
		if u, _ := url.Parse(cb); err != nil || u.Query().Get("error") != "invalid_target" {
			t.Errorf("%s %v", cb, err)
		}
	})
}

// What cannot be is said at the start.
func TestAPIsAreChecked(t *testing.T) {
	for _, apis := range [][]idpmock.API{{{}}, {{Audience: "a"}, {Audience: "a"}}} {
		if _, err := idpmock.New(idpmock.Config{Issuer: "https://idp.example", SigningAlg: "ES256",
			APIs: apis}); err == nil {
			t.Errorf("%+v is taken", apis)
		}
	}
}
