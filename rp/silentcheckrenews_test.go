package rp_test

import (
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
)

// A check keeps the access token while it is good. Once that has run out, and there is
// no refresh token, the round trip fetches another: it asks for what the log-in has
// asked for.
func TestSilentCheckRenewsAccessTokens(t *testing.T) {
	for name, row := range map[string]struct {
		kind rp.Kind
		edit func(map[string]any)
	}{
		"a client of reference tokens": {rp.ReferenceToken, nil},
		"an IdP that issues no refresh token": {rp.RefreshToken, func(f map[string]any) {
			delete(f, "refresh_token")
		}},
		"reference tokens, and a refresh token": {rp.ReferenceToken, func(f map[string]any) {
			f["refresh_token"] = "nobody-asked"
		}},
	} {
		t.Run(name, func(t *testing.T) {
			a, x := &api{}, &wire{}
			x.edits("/token", row.edit)
			life := func(c *idpmock.Client) { c.AccessTokenLifetime = 15 * time.Minute }
			inBubble(t, x.under(setup{kind: row.kind, api: a, config: asking, idp: independent, client: life}),
				func(t *testing.T, w *world) {
					v := w.visitor("ada")
					v.login()
					for n := range 6 {
						to := v.asks()
						want := "openid"
						if (n+1)%3 == 0 { // every 18 minutes
							want = "openid profile offline_access"
						}
						if got := query(to).Get("scope"); got != want {
							t.Errorf("round trip %d asks for %q, want %q", n, got, want)
						}
						v.get(v.authorize(to))
						if status, _, err := w.calls(v, "/run", whoami); status != 200 {
							t.Errorf("%d, %v", status, err)
						}
					}
					slices.Sort(a.tokens)
					if n := len(slices.Compact(a.tokens)); n != 3 {
						t.Errorf("%d different access tokens, want that of the log-in and two more", n)
					}
					w.idp.Expect(idpmock.EndpointRefresh, "notes", 0)
					w.idp.Expect(idpmock.EndpointRevoke, "notes", 0)
					w.expectEnds()
				})
		})
	}
}

// What the round trip renews may be of a type that nobody asked for: the session is
// confirmed all the same, and the next round trip mends it.
func TestSilentCheckRenewsWithAnotherType(t *testing.T) {
	a := &api{}
	life := func(c *idpmock.Client) { c.AccessTokenLifetime = 5 * time.Minute }
	inBubble(t, setup{kind: rp.ReferenceToken, api: a, config: asking, idp: independent, client: life},
		func(t *testing.T, w *world) {
			v := w.visitor("ada")
			v.login()
			to := v.asks()
			w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointCode, Response: idpmock.ResponseTokenTypeOther})
			v.get(v.authorize(to))
			v.welcome()
			if _, _, err := w.calls(v, "/run", whoami); !errors.Is(err, rp.ErrNoAccessToken) || a.requests() > 0 {
				t.Errorf("%v, sent %q", err, a.tokens)
			}
			w.found("token_type", "DPoP")
			v.get(v.authorize(v.asks()))
			if status, _, err := w.calls(v, "/run", whoami); status != 200 {
				t.Errorf("%d, %v", status, err)
			}
			w.expectEnds()
		})
}

// Where only the authorization endpoint extends the IdP's session, a refresh for the sake of a token
// proves that the session lives, and does not put off the silent log-in: that is what tells the IdP of
// activity (C2).
func TestRefreshPutsOffNoSilentCheck(t *testing.T) {
	a := &api{}
	s := setup{api: a, idp: patient, client: func(c *idpmock.Client) { c.AccessTokenLifetime = 2 * time.Minute },
		config: func(c *rp.Config) {
			logto := like("logto")
			c.Capabilities = &logto
			silent(c)
		}}
	inBubble(t, s, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		time.Sleep(3 * time.Minute)
		if status, _, err := w.calls(v, "/run", get("https://api.example/")); status != 200 || err != nil {
			t.Fatal(status, err)
		}
		w.idp.Expect(idpmock.EndpointRefresh, "notes", 1)
		time.Sleep(13 * time.Minute) // more than three times TrustFor since the log-in, and less since the refresh
		if a := v.fetch("/private"); a.status != http.StatusUnauthorized {
			t.Errorf("a script: %v", a)
		}
		to := v.get(v.get("/private").location()).location()
		if query(to).Get("prompt") != "none" {
			t.Errorf("sent to %q", to)
		}
	})
}
