package idpmock_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

// apiKnows lets the API introspect where the token must name it.
func apiKnows(c *idpmock.Config) {
	for i := range c.Clients {
		if c.Clients[i].ID != "api" {
			c.Clients[i].AccessTokenLifetime = 24 * time.Hour
		}
	}
	c.Temperament.IntrospectionByAudience = false
}

// has makes every endpoint there, so that each call can be tried.
func has(c *idpmock.Config) {
	apiKnows(c)
	c.Temperament.Lacks = nil
}

// calls is what each call did: extend or prove.
type calls struct{ authorize, refresh, userinfo, introspect bool }

// Which calls move the deadline of the session.
func TestWhatExtends(t *testing.T) {
	visits := calls{authorize: true}
	everyLike(t, map[string]calls{
		"keycloak": {authorize: true, refresh: true},
		"duende":   {true, true, true, true},
		"strict":   {true, true, true, true},
		"entra":    visits, "adfs": visits, "okta": visits, "auth0": visits, "dex": visits, "hydra": visits,
		"zitadel": visits, "cognito": visits,
		"oidc-provider": visits,
	}, has, func(t *testing.T, w *world) (got calls) {
		b := w.Browser("ada")
		tok := w.enter(b, "notes")
		moved := func(call func() answer) bool {
			time.Sleep(time.Minute)
			before := w.session(b).IdleDeadline
			if a := call(); a.status != http.StatusOK {
				t.Errorf("%v", a)
			}
			after := w.session(b).IdleDeadline
			if after.After(before) && !after.Equal(time.Now().Add(15*time.Minute)) {
				t.Errorf("the deadline moved to %v", after)
			}
			return after.After(before)
		}
		got.userinfo = moved(func() answer { return w.userinfo(tok.text("access_token")) })
		got.introspect = moved(func() answer { return w.introspect(tok.text("access_token")) })
		got.authorize = moved(func() answer { return w.login(b, "mail", "prompt", "none", "login_hint", "ada") })
		got.refresh = moved(func() answer { return w.refresh("notes", tok.text("refresh_token")) })
		return got
	})
}

// oidc-provider and Logto: a refresh token without offline_access is bound to the session, and
// extends it no more than one with it.
func TestBoundRefreshDoesNotExtend(t *testing.T) {
	bound := func(c *idpmock.Config) { has(c); c.Temperament.RefreshToken = idpmock.RefreshAlways }
	for _, name := range []string{"oidc-provider", "logto"} {
		like(t, name, bound, func(t *testing.T, w *world) {
			b := w.Browser("ada")
			tok := w.login(b, "notes")
			before := w.session(b).IdleDeadline
			time.Sleep(time.Minute)
			for _, a := range []answer{w.refresh("notes", tok.text("refresh_token")),
				w.userinfo(tok.text("access_token")), w.introspect(tok.text("access_token"))} {
				if a.status != http.StatusOK {
					t.Errorf("%v", a)
				}
			}
			if after := w.session(b).IdleDeadline; !after.Equal(before) {
				t.Errorf("extended by %v", after.Sub(before))
			}
			if err := w.EndSession(w.session(b).SID); err != nil {
				t.Fatal(err)
			}
			if a := w.refresh("notes", tok.text("refresh_token")); a.status == http.StatusOK {
				t.Error("it outlives the session")
			}
		})
	}
}

// Duende's cookie does not slide by default.
func TestVisitsThatDoNotExtend(t *testing.T) {
	fixed := func(c *idpmock.Config) { c.Temperament.NoExtend = []idpmock.Endpoint{idpmock.EndpointAuthorize} }
	like(t, "duende", fixed, func(t *testing.T, w *world) {
		b := w.Browser("ada")
		w.login(b, "notes")
		before := w.session(b).IdleDeadline
		time.Sleep(time.Minute)
		w.login(b, "mail", "prompt", "none")
		if s := w.session(b); !s.IdleDeadline.Equal(before) || len(s.Clients) != 2 {
			t.Errorf("%v, %d clients", s.IdleDeadline.Sub(before), len(s.Clients))
		}
		w.login(b, "notes", "prompt", "login") // credentials do
		if s := w.session(b); !s.IdleDeadline.Equal(time.Now().Add(15 * time.Minute)) {
			t.Errorf("%v", s.IdleDeadline.Sub(before))
		}
	})
}

// Which calls fail once the session is over.
func TestWhatProves(t *testing.T) {
	all, none := calls{true, true, true, true}, calls{authorize: true}
	everyLike(t, map[string]calls{
		"keycloak": all, "duende": all, "strict": all,
		"oidc-provider": none, // a refresh token has offline_access, see below
		"entra":         none, "adfs": none, "okta": none, "auth0": none, "dex": none, "hydra": none, "zitadel": none,
		"cognito": none,
	}, has, func(t *testing.T, w *world) (got calls) {
		b := w.Browser("ada")
		tok := w.enter(b, "notes")
		if err := w.EndSession(w.session(b).SID); err != nil {
			t.Fatal(err)
		}
		got.userinfo = w.userinfo(tok.text("access_token")).status != http.StatusOK
		got.introspect = w.introspect(tok.text("access_token")).fields["active"] == false
		got.refresh = w.refresh("notes", tok.text("refresh_token")).status != http.StatusOK
		cb, err := b.Authorize(t.Context(), authURL(w.URL, "notes", "prompt", "none", "login_hint", "ada"))
		got.authorize = err == nil && strings.Contains(cb, "error=login_required")
		return got
	})
}

// The same with and without offline_access, where that makes the difference.
func TestOfflineAccessOutlivesTheSession(t *testing.T) {
	for _, name := range []string{"keycloak", "oidc-provider"} {
		like(t, name, has, func(t *testing.T, w *world) {
			b := w.Browser("ada")
			online := w.login(b, "mail")
			offline := w.login(b, "notes", "scope", "openid offline_access", "prompt", "consent")
			before := w.session(b).IdleDeadline
			time.Sleep(time.Minute)
			offline = w.refresh("notes", offline.text("refresh_token"))
			if offline.status != http.StatusOK || !w.session(b).IdleDeadline.Equal(before) {
				t.Errorf("an offline refresh: %v, deadline %v", offline, w.session(b).IdleDeadline.Sub(before))
			}
			w.EndUser("ada")
			if a := w.userinfo(online.text("access_token")); a.status != http.StatusUnauthorized {
				t.Errorf("the session's own token: %v", a)
			}
			if a := w.refresh("notes", offline.text("refresh_token")); a.status != http.StatusOK {
				t.Errorf("the offline token: %v", a)
			}
		})
	}
}

// Keycloak, measured: a client's refresh token dies a window after this client's
// last refresh, though another client keeps the session alive.
func TestClientIdle(t *testing.T) {
	like(t, "keycloak", apiKnows, func(t *testing.T, w *world) {
		b := w.Browser("ada")
		notes, mail := w.login(b, "notes"), w.login(b, "mail")
		keep := func(d time.Duration) {
			for ; d > 0; d -= 5 * time.Minute {
				time.Sleep(5 * time.Minute)
				if mail = w.refresh("mail", mail.text("refresh_token")); mail.status != http.StatusOK {
					t.Fatal(mail)
				}
			}
		}
		keep(10 * time.Minute)
		first := notes.text("refresh_token")
		if notes = w.refresh("notes", first); notes.fields["refresh_expires_in"] != 900.0 {
			t.Fatalf("%v", notes)
		}
		keep(10 * time.Minute)
		// its own end, though the client session lives
		refused(t, w.refresh("notes", first), 400, "Token is not active")
		if a := w.userinfo(notes.text("access_token")); a.status != http.StatusOK {
			t.Errorf("userinfo while the client session lives: %v", a)
		}
		keep(5 * time.Minute)
		refused(t, w.userinfo(notes.text("access_token")), 401, "User session not found")
		refused(t, w.refresh("notes", notes.text("refresh_token")), 400, "Token is not active")
		if n := len(w.deliveries("notes")); n != 0 {
			t.Errorf("told %d times", n)
		}
		again := w.login(b, "notes", "prompt", "none") // the session lives
		if a := w.refresh("notes", again.text("refresh_token")); a.status != http.StatusOK {
			t.Errorf("after a silent round trip: %v", a)
		}
	})
}

// prompt=none without a login_hint that names the person is no end.
func TestSilentWithoutHint(t *testing.T) {
	like(t, "entra", nil, func(t *testing.T, w *world) {
		b := w.Browser("ada")
		hint := w.login(b, "notes").text("id_token")
		ask := func(more ...string) string {
			cb, err := b.Authorize(t.Context(), authURL(w.URL, "notes", append([]string{"prompt", "none"}, more...)...))
			if err != nil {
				t.Fatal(err)
			}
			return cb
		}
		for name, more := range map[string][]string{
			"no hint": nil, "id_token_hint": {"id_token_hint", hint}, "somebody else": {"login_hint", "bob"}} {
			before := w.session(b).IdleDeadline
			time.Sleep(time.Second)
			cb := ask(more...)
			if !strings.Contains(cb, "error=interaction_required") || !w.session(b).IdleDeadline.Equal(before) {
				t.Errorf("%s: %s", name, cb)
			}
		}
		if cb := ask("login_hint", "ada"); !strings.Contains(cb, "code=") {
			t.Errorf("with the hint: %s", cb)
		}
		w.change(func(temper *idpmock.Temperament) { temper.SilentWithoutHint = "account_selection_required" })
		if cb := ask(); !strings.Contains(cb, "error=account_selection_required") {
			t.Errorf("%s", cb)
		}
		w.EndUser("ada")
		if cb := ask(); !strings.Contains(cb, "error=login_required") {
			t.Errorf("without a session: %s", cb)
		}
	})
}
