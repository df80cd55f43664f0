package opsuite

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

var silentTests = map[string]func(*testing.T, *suite){
	"nobody signed in": func(t *testing.T, s *suite) { // SM-04
		a := s.agent(t, "ada")
		sentBack(t, s, a.authorize(s.request(s.clients.Web, "prompt", "none")), "login_required")
	},
	"somebody signed in": func(t *testing.T, s *suite) {
		a := s.agent(t, "ada")
		first := a.login(s.clients.Web)
		p := a.authorize(s.request(s.clients.Web, "prompt", "none"))
		if p.To == nil || p.To.Query().Get("code") == "" {
			t.Fatalf("%d %v", p.Status, p.To)
		}
		second := s.exchange(t, s.clients.Web, p.To.Query().Get("code"))
		_, c1 := s.claims(t, first.text("id_token"))
		_, c2 := s.claims(t, second.text("id_token"))
		if c1["sub"] != c2["sub"] || c1["sid"] != c2["sid"] || c1["auth_time"] != c2["auth_time"] {
			t.Errorf("%v became %v", c1, c2)
		}
	},
	"prompt=login asks again": func(t *testing.T, s *suite) {
		a := s.agent(t, "ada")
		a.login(s.clients.Web)
		p := a.authorize(s.request(s.clients.Web, "prompt", "login"))
		if p.To != nil || !strings.Contains(p.Body, `name="password"`) {
			t.Errorf("no sign-in page: %d %v", p.Status, p.To)
		}
	},
	"max_age=0 asks again": func(t *testing.T, s *suite) {
		a := s.agent(t, "ada")
		a.login(s.clients.Web)
		sentBack(t, s, a.authorize(s.request(s.clients.Web, "prompt", "none", "max_age", "0")), "login_required")
	},
	"id_token_hint of somebody else": func(t *testing.T, s *suite) { // Core §3.1.2.2
		bob := s.agent(t, "bob").login(s.clients.Web)
		a := s.agent(t, "ada")
		a.login(s.clients.Web)
		sentBack(t, s, a.authorize(s.request(s.clients.Web, "prompt", "none", "id_token_hint", bob.text("id_token"))),
			"login_required")
	},
}

// logoutURL builds an end_session request from pairs.
func (s *suite) logoutURL(pairs ...string) string {
	v := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	return s.meta.EndSession + "?" + v.Encode()
}

// refusedLogout demands that an end_session request neither redirects nor ends
// anything (RIL-05).
func refusedLogout(t *testing.T, s *suite, a *agent, pairs ...string) {
	t.Helper()
	p := a.Open(s.logoutURL(pairs...))
	if p.To != nil {
		t.Errorf("redirected to %s", p.To)
	}
	if !a.signedIn(s.clients.Web) {
		t.Error("the session ended")
	}
}

// The names beside them are those of the foundation's suite, without oidcc-.
var endSessionTests = map[string]func(*testing.T, *suite){
	"with everything": func(t *testing.T, s *suite) { // rp-initiated-logout, RIL-02
		a := s.agent(t, "ada")
		id := a.login(s.clients.Web).text("id_token")
		bye := s.clients.Web.PostLogoutRedirectURIs[0]
		p := a.settle(a.Open(s.logoutURL("id_token_hint", id, "post_logout_redirect_uri", bye, "state", "a b&c")))
		if p.To == nil || p.To.Query().Get("state") != "a b&c" || !strings.HasPrefix(p.To.String(), bye+"?") {
			t.Fatalf("sent to %v", p.To)
		}
		if a.signedIn(s.clients.Web) {
			t.Error("the session lives on")
		}
	},
	"by POST": func(t *testing.T, s *suite) {
		a := s.agent(t, "ada")
		id := a.login(s.clients.Web).text("id_token")
		p := a.settle(a.Post(s.meta.EndSession,
			url.Values{"id_token_hint": {id}, "post_logout_redirect_uri": {s.clients.Web.PostLogoutRedirectURIs[0]}}))
		if p.To == nil || a.signedIn(s.clients.Web) {
			t.Errorf("%d sent to %v\n%s", p.Status, p.To, p.Body)
		}
	},
	"no state, none comes back": func(t *testing.T, s *suite) { // rp-initiated-logout-no-state
		a := s.agent(t, "ada")
		id := a.login(s.clients.Web).text("id_token")
		bye := s.clients.Web.PostLogoutRedirectURIs[0]
		p := a.settle(a.Open(s.logoutURL("id_token_hint", id, "post_logout_redirect_uri", bye)))
		if p.To == nil || p.To.String() != bye {
			t.Errorf("sent to %v", p.To)
		}
	},
	"client_id must fit the hint": func(t *testing.T, s *suite) { // RIL-01
		a := s.agent(t, "ada")
		id := a.login(s.clients.Web).text("id_token")
		refusedLogout(t, s, a, "id_token_hint", id, "client_id", s.clients.Other.ID, "post_logout_redirect_uri",
			s.clients.Other.PostLogoutRedirectURIs[0])
	},
	// rp-initiated-logout-bad-post-logout-redirect-uri,
	// rp-initiated-logout-query-added-to-post-logout-redirect-uri
	"unregistered redirect URI": func(t *testing.T, s *suite) {
		a := s.agent(t, "ada")
		id := a.login(s.clients.Web).text("id_token")
		bye := s.clients.Web.PostLogoutRedirectURIs[0]
		for _, bad := range []string{bye + "?x=1", bye + "/", "https://evil.example/",
			s.clients.Other.PostLogoutRedirectURIs[0]} {
			refusedLogout(t, s, a, "id_token_hint", id, "post_logout_redirect_uri", bad)
		}
	},
	// rp-initiated-logout-bad-id-token-hint, rp-initiated-logout-modified-id-token-hint
	"bad hint": func(t *testing.T, s *suite) {
		a := s.agent(t, "ada")
		id := a.login(s.clients.Web).text("id_token")
		modified := id[:len(id)-20] + strings.Repeat("A", 20)
		for _, bad := range []string{"nonsense", modified} {
			refusedLogout(t, s, a, "id_token_hint", bad, "post_logout_redirect_uri",
				s.clients.Web.PostLogoutRedirectURIs[0], "client_id", s.clients.Web.ID)
		}
	},
	"no hint: the person is asked": func(t *testing.T, s *suite) { // rp-initiated-logout-no-id-token-hint, RIL-04
		a := s.agent(t, "ada")
		a.login(s.clients.Web)
		p := a.Open(s.logoutURL("client_id", s.clients.Web.ID, "post_logout_redirect_uri",
			s.clients.Web.PostLogoutRedirectURIs[0], "state", "x"))
		if p.To != nil || !strings.Contains(p.Body, "<form") {
			t.Fatalf("not asked: %d %v", p.Status, p.To)
		}
		if !a.signedIn(s.clients.Web) {
			t.Fatal("the session ended unasked")
		}
		p = a.Open(s.logoutURL("client_id", s.clients.Web.ID, "post_logout_redirect_uri",
			s.clients.Web.PostLogoutRedirectURIs[0], "state", "x"))
		if p = a.settle(p); p.To == nil || p.To.Query().Get("state") != "x" || a.signedIn(s.clients.Web) {
			t.Errorf("sent to %v", p.To)
		}
	},
	"no parameters": func(t *testing.T, s *suite) { // rp-initiated-logout-no-params
		a := s.agent(t, "ada")
		a.login(s.clients.Web)
		if p := a.settle(a.Open(s.meta.EndSession)); p.To != nil || p.Status != http.StatusOK ||
			a.signedIn(s.clients.Web) {
			t.Errorf("%d %v", p.Status, p.To)
		}
	},
	"only state": func(t *testing.T, s *suite) { // rp-initiated-logout-only-state
		a := s.agent(t, "ada")
		a.login(s.clients.Web)
		if p := a.settle(a.Open(s.logoutURL("state", "x"))); p.To != nil || p.Status != http.StatusOK {
			t.Errorf("%d %v", p.Status, p.To)
		}
	},
	"no redirect URI": func(t *testing.T, s *suite) { // rp-initiated-logout-no-post-logout-redirect-uri
		a := s.agent(t, "ada")
		id := a.login(s.clients.Web).text("id_token")
		p := a.settle(a.Open(s.logoutURL("id_token_hint", id)))
		if p.To != nil || p.Status != http.StatusOK || a.signedIn(s.clients.Web) {
			t.Errorf("%d, sent to %v", p.Status, p.To)
		}
	},
	"redirect URI without a client": func(t *testing.T, s *suite) { // nobody vouches for it
		a := s.agent(t, "ada")
		a.login(s.clients.Web)
		if p := a.settle(a.Open(s.logoutURL("post_logout_redirect_uri",
			s.clients.Web.PostLogoutRedirectURIs[0]))); p.To != nil {
			t.Errorf("sent to %v", p.To)
		}
	},
	"already signed out is no error": func(t *testing.T, s *suite) { // RIL-05
		a := s.agent(t, "ada")
		id := a.login(s.clients.Web).text("id_token")
		to := s.logoutURL("id_token_hint", id, "post_logout_redirect_uri", s.clients.Web.PostLogoutRedirectURIs[0])
		for range 2 {
			if p := a.settle(a.Open(to)); p.To == nil {
				t.Fatalf("%d\n%s", p.Status, p.Body)
			}
		}
	},
	"tokens end with the session": func(t *testing.T, s *suite) {
		a := s.agent(t, "ada")
		tok := a.login(s.clients.Web)
		a.settle(a.Open(s.logoutURL("id_token_hint", tok.text("id_token"))))
		wantError(t, s.refresh(t, s.clients.Web, tok.text("refresh_token")), http.StatusBadRequest, "invalid_grant")
		if got := s.userinfo(t, tok.text("access_token")); got.status != http.StatusUnauthorized {
			t.Errorf("%v", got)
		}
	},
}

var backchannelTests = map[string]func(*testing.T, *suite){
	// BCLO-01…03, oidcc-backchannel-rp-initiated-logout
	"every client of the session gets a good token": func(t *testing.T, s *suite) {
		a := s.agent(t, "ada")
		web := a.login(s.clients.Web)
		other := a.login(s.clients.Other)
		s.forget()
		p := a.settle(a.Open(s.logoutURL("id_token_hint", web.text("id_token"), "post_logout_redirect_uri",
			s.clients.Web.PostLogoutRedirectURIs[0])))
		if p.To == nil {
			t.Fatal(p)
		}
		for _, c := range []struct {
			client Client
			tokens answer
		}{{s.clients.Web, web}, {s.clients.Other, other}} {
			got := s.logoutTokens(t, c.client.ID, 1)
			if len(got) != 1 || !strings.HasPrefix(got[0].contentType, "application/x-www-form-urlencoded") {
				t.Fatalf("%+v", got)
			}
			_, id := s.claims(t, c.tokens.text("id_token"))
			checkLogoutToken(t, s, c.client, id, got[0].token)
		}
	},
	"clients of other sessions get nothing": func(t *testing.T, s *suite) {
		a, b := s.agent(t, "ada"), s.agent(t, "bob")
		web := a.login(s.clients.Web)
		b.login(s.clients.Other)
		s.forget()
		a.settle(a.Open(s.logoutURL("id_token_hint", web.text("id_token"))))
		s.logoutTokens(t, s.clients.Web.ID, 1)
		s.mu.Lock()
		defer s.mu.Unlock()
		if n := len(s.tokens[s.clients.Other.ID]); n != 0 {
			t.Errorf("the other client got %d", n)
		}
	},
}

// checkLogoutToken holds a token against OpenID Connect Back-Channel Logout 1.0
// §2.4 and §4 (BCLO-02).
func checkLogoutToken(t *testing.T, s *suite, c Client, id map[string]any, raw string) {
	t.Helper()
	header, claims := s.claims(t, raw)
	if typ, _ := header.ExtraHeaders[jose.HeaderType].(string); typ != "logout+jwt" {
		t.Errorf("typ %q", typ)
	}
	aud := claims["aud"]
	if list, ok := aud.([]any); ok && len(list) == 1 {
		aud = list[0]
	}
	if claims["iss"] != s.meta.Issuer || aud != c.ID {
		t.Errorf("iss %v, aud %v", claims["iss"], claims["aud"])
	}
	if claims["sid"] != id["sid"] || claims["sub"] != nil && claims["sub"] != id["sub"] {
		t.Errorf("sid %v sub %v, the ID token has %v %v", claims["sid"], claims["sub"], id["sid"], id["sub"])
	}
	if jti, _ := claims["jti"].(string); jti == "" {
		t.Error("no jti")
	}
	if _, ok := claims["nonce"]; ok {
		t.Error("nonce is there")
	}
	events, _ := claims["events"].(map[string]any)
	event, ok := events["http://schemas.openid.net/event/backchannel-logout"].(map[string]any)
	if len(events) != 1 || !ok || len(event) != 0 {
		t.Errorf("events %v", claims["events"])
	}
	iat, _ := claims["iat"].(float64)
	exp, _ := claims["exp"].(float64)
	now := float64(time.Now().Unix())
	if iat < now-10 || iat > now+1 || exp <= iat || exp > iat+120 {
		t.Errorf("iat %v exp %v now %v", iat, exp, now)
	}
}
