package idpmock_test

import (
	"fmt"
	"testing"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

// Where a name is told: by the ID token of the log-in, by that of a refresh, by userinfo.
func TestProfileOfTemperaments(t *testing.T) {
	both, userinfo := "login refresh userinfo", "userinfo"
	everyLike(t, map[string]string{
		"adfs": both, "auth0": both, "dex": both, "entra": both, "hydra": both, "keycloak": both, "strict": both,
		"zitadel": both,
		"cognito": both, "duende": userinfo, "oidc-provider": userinfo, "okta": userinfo,
	}, nil, profile)
	like(t, "keycloak", func(c *idpmock.Config) { c.Temperament.ThinRefresh = true }, func(t *testing.T, w *world) {
		if got := profile(t, w); got != "login userinfo" {
			t.Errorf("thin refreshes: %s", got)
		}
	})
}

func profile(t *testing.T, w *world) (told string) {
	a := w.enter(w.Browser("ada"), "notes", "scope", "openid profile offline_access")
	next := w.refresh("notes", a.text("refresh_token"))
	for _, token := range []struct{ where, raw string }{{"login", a.text("id_token")},
		{"refresh", next.text("id_token")}} {
		if _, c := peek(t, token.raw); c["name"] == "ada" {
			told += token.where + " "
		}
	}
	if w.userinfo(next.text("access_token")).text("name") == "ada" {
		told += "userinfo"
	}
	return told
}

// Many groups: in the ID token as at userinfo.
func TestGroups(t *testing.T) {
	inBubble(t, func(c *idpmock.Config) { c.Temperament.Groups = 300 }, func(t *testing.T, w *world) {
		a := w.login(w.Browser("ada"), "notes")
		_, c := peek(t, a.text("id_token"))
		info := w.userinfo(a.text("access_token"))
		for _, all := range []any{c["groups"], info.fields["groups"]} {
			list, _ := all.([]any)
			if len(list) != 300 || fmt.Sprint(list[299]) != "00000000-0000-4000-8000-000000000300" {
				t.Errorf("%d groups", len(list))
			}
		}
		if err := w.Update(func(c *idpmock.Config) { c.Temperament.Groups = -1 }); err == nil {
			t.Error("fewer than none")
		}
		if err := w.Update(func(c *idpmock.Config) { c.Temperament.Groups = 1 << 30 }); err == nil {
			t.Error("more than there is memory for")
		}
	})
}
