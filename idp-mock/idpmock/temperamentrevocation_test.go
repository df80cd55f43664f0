package idpmock_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

// left is what lives after a client revoked the refresh token of its first log-in.
type left struct {
	firstAccess, second, secondAccess bool // of the same client in the same session
	mail                              bool // another client in the session
	session                           bool
	elsewhere                         bool // the same client in another browser of the same person
}

func revokeFirst(t *testing.T, w *world, withMail bool) (l left) {
	b, other := w.Browser("ada"), w.Browser("ada")
	elsewhere := w.enter(other, "notes")
	var mail answer
	if withMail {
		mail = w.enter(b, "mail")
	}
	first := w.enter(b, "notes")
	time.Sleep(time.Second)
	second := w.enter(b, "notes")
	w.revoke("notes", first.text("refresh_token"))
	_, err := b.Session()
	l.session = err == nil
	l.firstAccess = w.userinfo(first.text("access_token")).status == http.StatusOK
	l.secondAccess = w.userinfo(second.text("access_token")).status == http.StatusOK
	l.second = w.refresh("notes", second.text("refresh_token")).status == http.StatusOK
	l.elsewhere = w.refresh("notes", elsewhere.text("refresh_token")).status == http.StatusOK
	l.mail = withMail && w.refresh("mail", mail.text("refresh_token")).status == http.StatusOK
	if a := w.refresh("notes", first.text("refresh_token")); a.status == http.StatusOK {
		t.Error("the revoked token itself is good")
	}
	w.Settle()
	if n := len(w.deliveries("notes")) + len(w.deliveries("mail")); n != 0 {
		t.Errorf("%d logout tokens", n)
	}
	return l
}

// What the revocation of the first refresh token takes along, after a second
// log-in of the same client in the same session.
func TestRevocationAfterASecondLogIn(t *testing.T) {
	one := func(c *idpmock.Config) { // all can revoke, and two browsers may have a token
		has(c)
		c.Temperament.MaxRefreshTokens = 0
	}
	all := left{firstAccess: true, second: true, secondAccess: true, mail: true, session: true, elsewhere: true}
	family := left{second: true, secondAccess: true, mail: true, session: true, elsewhere: true}
	everyLike(t, map[string]left{
		"keycloak":      {mail: true, session: true, elsewhere: true}, // the second log-in is dead
		"oidc-provider": {mail: true, session: true, elsewhere: true}, // so is it here
		"logto":         {mail: true, session: true, elsewhere: true},
		"duende":        all,
		"strict":        {mail: true, session: true},
		"entra":         family, "adfs": family, "okta": family, "auth0": family, "dex": family, "hydra": family,
		"zitadel": family, "cognito": family,
	}, one, func(t *testing.T, w *world) left { return revokeFirst(t, w, true) })
}

// At Keycloak the whole session ends with its last client; elsewhere it does not.
func TestRevocationByTheLastClient(t *testing.T) {
	for name, want := range map[string]left{
		"keycloak":      {elsewhere: true},
		"oidc-provider": {session: true, elsewhere: true},
		"strict":        {session: true},
	} {
		like(t, name, has, func(t *testing.T, w *world) {
			if got := revokeFirst(t, w, false); got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
	like(t, "keycloak", has, func(t *testing.T, w *world) {
		b := w.Browser("ada")
		w.revoke("notes", w.login(b, "notes").text("refresh_token"))
		cb, err := b.Authorize(t.Context(), authURL(w.URL, "notes", "prompt", "none"))
		if err != nil || !strings.Contains(cb, "error=login_required") || len(w.Sessions()) != 0 {
			t.Errorf("%s %v", cb, err)
		}
	})
	like(t, "keycloak", has, func(t *testing.T, w *world) { // an offline log-in stands apart
		b := w.Browser("ada")
		online := w.login(b, "notes")
		w.revoke("notes", w.login(b, "notes", "scope", "openid offline_access").text("refresh_token"))
		if a := w.refresh("notes", online.text("refresh_token")); a.status != http.StatusOK {
			t.Errorf("%v", a)
		}
	})
}

// Every reach by itself, set by hand.
func TestReach(t *testing.T) {
	all := left{firstAccess: true, second: true, secondAccess: true, mail: true, session: true, elsewhere: true}
	but := func(f func(*left)) left { l := all; f(&l); return l }
	noFirst := but(func(l *left) { l.firstAccess = false })
	noAccess := but(func(l *left) { l.firstAccess, l.secondAccess = false, false })
	revokes := func(r idpmock.Reach) idpmock.Temperament { return idpmock.Temperament{Revocation: r} }
	shared, lastEnds, whole := revokes(idpmock.ReachClientSession), revokes(idpmock.ReachClientSession),
		revokes(idpmock.ReachSession)
	shared.SharedClientSession, lastEnds.LastClientEndsSession = true, true
	whole.NoLogoutTokenOn = []idpmock.Cause{idpmock.CauseRevoked}
	for name, tt := range map[string]struct {
		like idpmock.Temperament
		form idpmock.AccessTokenType
		want left
	}{
		"token":             {revokes(idpmock.ReachToken), "", all},
		"reference, JWT":    {revokes(idpmock.ReachReference), "", all},
		"reference":         {revokes(idpmock.ReachReference), idpmock.Reference, noAccess},
		"default":           {revokes(""), "", noFirst},
		"client session":    {revokes(idpmock.ReachClientSession), "", noFirst},
		"shared":            {shared, "", left{mail: true, session: true, elsewhere: true}},
		"a later log-in":    {lastEnds, "", noFirst},
		"user and client":   {revokes(idpmock.ReachUserClient), "", left{mail: true, session: true}},
		"the whole session": {whole, "", left{elsewhere: true}},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(c *idpmock.Config) {
				c.Temperament = tt.like
				c.Clients[0].AccessTokenType = tt.form
			}, func(t *testing.T, w *world) {
				if got := revokeFirst(t, w, true); got != tt.want {
					t.Errorf("got %+v, want %+v", got, tt.want)
				}
			})
		})
	}
}

// What the revocation of an access token takes along: does the refresh token live?
func TestAccessTokenRevocation(t *testing.T) {
	everyLike(t, map[string]bool{"keycloak": true, "entra": true, "adfs": true, "okta": true, "auth0": true,
		"dex":     true,
		"zitadel": true, "duende": true, "cognito": true, "hydra": false, "oidc-provider": false, "logto": false,
		"strict": false}, has, func(t *testing.T, w *world) bool {
		tok := w.enter(w.Browser("ada"), "notes")
		w.revoke("notes", tok.text("access_token"))
		if a := w.userinfo(tok.text("access_token")); a.status == http.StatusOK {
			t.Error("the revoked token itself is good")
		}
		return w.refresh("notes", tok.text("refresh_token")).status == http.StatusOK
	})
}

// Keycloak: a consent is revoked, a logout token comes, the session lives on.
func TestConsentRevoked(t *testing.T) {
	told := map[string]int{"keycloak": 1, "strict": 1, "entra": 0, "adfs": 0, "okta": 0, "auth0": 0, "dex": 0,
		"hydra":   0,
		"zitadel": 0, "oidc-provider": 0, "duende": 0, "cognito": 0, "authentik": 0, "pingam": 0}
	withSID := func(c *idpmock.Config) { c.Clients[0].BackchannelSessionRequired = true }
	everyLike(t, told, withSID, func(t *testing.T, w *world) int {
		b := w.Browser("ada")
		notes, mail := w.enter(b, "notes"), w.enter(b, "mail")
		sid := w.session(b).SID
		if n, err := w.RevokeConsent("ada", "notes"); n != 1 || err != nil {
			t.Errorf("%d sessions, %v", n, err)
		}
		w.Settle()
		if s := w.session(b); s.SID != sid || len(s.Clients) != 1 {
			t.Errorf("%+v", s)
		}
		if a := w.refresh("notes", notes.text("refresh_token")); a.status == http.StatusOK {
			t.Error("the client's token is good")
		}
		if a := w.refresh("mail", mail.text("refresh_token")); a.status != http.StatusOK {
			t.Errorf("another client: %v", a)
		}
		got := w.deliveries("notes")
		for _, d := range got {
			if _, c := peek(t, d.token); c["sid"] != sid || c["sub"] != "ada" {
				t.Errorf("%v", c)
			}
		}
		w.login(b, "notes", "prompt", "none", "login_hint", "ada") // no password
		if s := w.session(b); s.SID != sid || len(s.Clients) != 2 || len(w.deliveries("mail")) != 0 {
			t.Errorf("%+v", s)
		}
		return len(got)
	})
	inBubble(t, nil, func(t *testing.T, w *world) {
		if _, err := w.RevokeConsent("ada", "nobody"); err == nil {
			t.Error("an unknown client was taken")
		}
		if n, err := w.RevokeConsent("ada", "notes"); n != 0 || err != nil {
			t.Errorf("%d %v", n, err)
		}
	})
}
