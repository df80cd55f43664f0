package rp_test

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/reason"
)

// asking is a client with refresh tokens at an IdP where only the authorization
// endpoint says how the session stands.
func asking(c *rp.Config) {
	auth0 := like("auth0")
	c.Capabilities, c.Scopes = &auth0, []string{"openid", "profile", "offline_access"}
	silent(c)
}

// byScope is an IdP that issues refresh tokens for offline_access alone.
func byScope(fields map[string]any) {
	if scope, _ := fields["scope"].(string); !strings.Contains(scope, "offline_access") {
		delete(fields, "refresh_token")
	}
}

// asks waits until the session has to be confirmed and returns where a click is sent.
func (v *visitor) asks() string {
	v.w.Helper()
	time.Sleep(6 * time.Minute)
	a := v.get(v.get("/private").location())
	if q := query(a.location()); a.status != http.StatusFound || q.Get("prompt") != "none" {
		v.w.Fatalf("no silent check: %v", a)
	}
	return a.location()
}

// SM-04: a check asks for openid alone and keeps no token: the session goes on with
// the tokens of its log-in, and no refresh token is left behind at the IdP.
func TestSilentCheckKeepsNoToken(t *testing.T) {
	for name, row := range map[string]struct {
		temper func(map[string]any)
		given  int // refresh tokens after the log-in and five checks
	}{
		"refresh tokens by scope":       {byScope, 1},
		"refresh tokens in any case":    {nil, 6},
		"and of a type nobody asks for": {func(f map[string]any) { byScope(f); typeOfChecks(f) }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			a, x := &api{}, &wire{}
			x.edits("/token", row.temper)
			inBubble(t, x.under(setup{api: a, config: asking, idp: independent}), func(t *testing.T, w *world) {
				v := w.visitor("ada")
				start := v.start("/auth/login?return_to=/private")
				if got := query(start).Get("scope"); got != "openid profile offline_access" {
					t.Errorf("a log-in asks for %q", got)
				}
				v.get(v.authorize(start))
				first := x.refreshTokens()
				if len(first) != 1 {
					t.Fatalf("%d refresh tokens at the log-in", len(first))
				}
				for range 5 {
					to := v.asks()
					if got := query(to).Get("scope"); got != "openid" {
						t.Errorf("a check asks for %q", got)
					}
					if got := v.get(v.authorize(to)); got.status != http.StatusSeeOther ||
						got.location() != "/private" {
						t.Fatalf("%v", got)
					}
					v.welcome()
				}
				if got := x.refreshTokens(); len(got) != row.given {
					t.Errorf("%d refresh tokens were issued, want %d", len(got), row.given)
				}
				w.idp.Expect(idpmock.EndpointRevoke, "notes", 0) // to many IdPs it would be the session's own, too
				var claims struct{ Name string }
				w.calls(v, "/run", func(ctx context.Context, s *rp.Session) (*http.Response, error) {
					if err := s.Claims(&claims); err != nil || claims.Name == "" {
						t.Errorf("the claims of the log-in are gone: %+v, %v", claims, err)
					}
					return whoami(ctx, s)
				})
				x.edits("/token", nil)
				// The access token of the log-in has run out.
				if status, _, err := w.calls(v, "/run", whoami); status != 200 {
					t.Errorf("%d, %v", status, err)
				}
				if shown := x.shown(); !slices.Equal(shown, first) {
					t.Errorf("refresh tokens shown %q, want that of the log-in, %q", shown, first)
				}
				w.expectEnds()
			})
		})
	}
}

func typeOfChecks(fields map[string]any) {
	if fields["refresh_token"] == nil {
		fields["token_type"] = "DPoP"
	}
}

// The check says whom it is about: by the ID token and the login_hint that Entra ID puts into
// it, where the URL stays under 2 KB, else by the login_hint, else not at all.
func TestSilentCheckHints(t *testing.T) {
	long := strings.Repeat("x", 1500)
	for name, row := range map[string]struct {
		claims map[string]any
		want   string
	}{
		"a short ID token":                {nil, "id_token_hint"},
		"and a login_hint beside it":      {map[string]any{"login_hint": "O.CiQ"}, "id_token_hint login_hint"},
		"a long one":                      {map[string]any{"groups": long}, ""},
		"a long one with a login_hint":    {map[string]any{"groups": long, "login_hint": "O.CiQ"}, "login_hint"},
		"a login_hint that is no string":  {map[string]any{"groups": long, "login_hint": 7}, ""},
		"a login_hint that is too long":   {map[string]any{"login_hint": long + long}, ""},
		"a login_hint that is left empty": {map[string]any{"groups": long, "login_hint": ""}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			users := func(c *idpmock.Config) {
				independent(c)
				c.Users = append(c.Users, idpmock.User{Username: "ada", Claims: row.claims})
			}
			inBubble(t, setup{config: asking, idp: users}, func(t *testing.T, w *world) {
				v := w.visitor("ada")
				v.login()
				to := v.asks()
				q := query(to)
				for _, hint := range []string{"id_token_hint", "login_hint"} {
					if q.Has(hint) != slices.Contains(strings.Fields(row.want), hint) {
						t.Errorf("%s is %.40q", hint, q.Get(hint))
					}
				}
				if len(to) > 2048 {
					t.Errorf("a URL of %d bytes", len(to))
				}
				if got := v.get(v.authorize(to)); got.status != http.StatusSeeOther {
					t.Errorf("%v", got)
				}
				v.welcome()
				if w.log.has("eyJ") {
					t.Error("a token is in the log")
				}
				w.expectEnds()
			})
		})
	}
}

// Entra ID, with several accounts in one browser, answers prompt=none only if the login_hint names
// the person, whatever the id_token_hint says.
func TestSilentCheckAtEntra(t *testing.T) {
	several := func(c *idpmock.Config) {
		independent(c)
		c.Temperament.SilentWithoutHint = "interaction_required"
		c.Users = append(c.Users, idpmock.User{Username: "ada", Claims: map[string]any{"login_hint": "ada"}})
	}
	inBubble(t, setup{config: asking, idp: several}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		callback := v.authorize(v.asks())
		if code := query(callback).Get("error"); code != "" {
			t.Errorf("the IdP says %s", code)
		}
		v.get(callback)
		v.welcome()
		w.expectEnds()
	})
}

// Somebody else is signed in at the IdP meanwhile. An IdP that reads the hint says
// that the person is not; one that does not brings another subject, and a whole
// log-in follows: a session is never made of what a check brings.
func TestSilentCheckOfAnotherPerson(t *testing.T) {
	for name, row := range map[string]struct {
		reads bool
		want  reason.Reason
	}{"reads hints": {true, reason.Unconfirmed}, "ignores hints": {false, reason.OtherSubject}} {
		for _, kind := range []rp.Kind{rp.RefreshToken, rp.ReferenceToken, rp.NoToken} {
			t.Run(name+" "+kind.String(), func(t *testing.T) {
				x := &wire{}
				x.edits("/token", byScope)
				inBubble(t, x.under(setup{kind: kind, config: asking, idp: independent}), func(t *testing.T, w *world) {
					v := w.visitor("ada")
					v.login()
					v.idp = w.idp.MustSignIn("bob")
					to := v.asks()
					if !row.reads {
						to = edit(to, func(q url.Values) { q.Del("id_token_hint") })
					}
					if a, silently := v.follow(v.authorize(to)); a.body != "hello bob" || silently {
						t.Errorf("%v", a)
					}
					w.expectEnds(row.want)
					if tokens := x.refreshTokens(); kind == rp.RefreshToken && len(tokens) != 2 {
						t.Errorf("%d refresh tokens for two log-ins", len(tokens))
					}
				})
			})
		}
	}
}

// The IdP's session is another one of the same person now, which the next logout
// token will name.
func TestSilentCheckFindsTheNextSession(t *testing.T) {
	x := &wire{}
	x.edits("/token", byScope)
	inBubble(t, x.under(setup{config: asking, idp: independent}), func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		v.idp = w.idp.MustSignIn("ada")
		v.get(v.authorize(v.asks()))
		v.welcome()
		w.judged(w.deliver(w.logoutToken(v.session())), true)
		v.expect("ended", reason.BackchannelLogout)
		w.expectEnds(reason.BackchannelLogout)
	})
}

// An IdP that has withdrawn its keys does not know its own ID tokens any more and
// refuses the hint. That is no outage: the person logs in, and notices nothing.
func TestSilentCheckWithAHintThatIsRefused(t *testing.T) {
	inBubble(t, setup{config: asking, idp: independent}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		if err := w.idp.RotateKeys(false); err != nil {
			t.Fatal(err)
		}
		callback := v.authorize(v.asks())
		if query(callback).Get("error") != "invalid_request" {
			t.Fatalf("the hint was taken: %s", callback)
		}
		if a, silently := v.follow(callback); a.body != "hello ada" || silently {
			t.Errorf("%v", a)
		}
	})
}

// CORE-07: a check does not ask for max_age, so the age of the authentication is
// no reason to refuse its answer.
func TestSilentCheckWithMaxAge(t *testing.T) {
	config := func(c *rp.Config) { asking(c); c.MaxAge = time.Minute }
	inBubble(t, setup{config: config, idp: independent}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		if a := v.get(v.authorize(v.asks())); a.status != http.StatusSeeOther {
			t.Errorf("%v", a)
		}
		v.welcome()
		w.expectEnds()
	})
}
