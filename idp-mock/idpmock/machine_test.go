package idpmock_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

const exchangeGrant = "urn:ietf:params:oauth:grant-type:token-exchange"

// machines lets notes act for itself and exchange tokens.
func machines(c *idpmock.Config) {
	c.Clients[0].ClientCredentials, c.Clients[0].TokenExchange = true, true
	c.Clients = append(c.Clients, idpmock.Client{ID: "spa", RedirectURIs: []string{"https://spa.example/cb"}})
}

// A client has a token of its own: no person, no session, no refresh token.
func TestClientCredentials(t *testing.T) {
	inBubble(t, machines, func(t *testing.T, w *world) {
		ask := func(client string, more ...string) answer {
			form := url.Values{"grant_type": {"client_credentials"}}
			for i := 0; i+1 < len(more); i += 2 {
				form.Add(more[i], more[i+1])
			}
			return w.must(w.post(idpmock.PathToken, client, form))
		}
		a := ask("notes", "scope", "openid mail.send offline_access", "audience", "https://mail.example")
		if a.status != http.StatusOK || a.fields["refresh_token"] != nil || a.fields["id_token"] != nil ||
			a.text("scope") != "mail.send" {
			t.Fatal(a)
		}
		_, claims := peek(t, a.text("access_token"))
		if claims["sub"] != "notes" || claims["client_id"] != "notes" ||
			fmt.Sprint(claims["aud"]) != "[https://mail.example]" || claims["sid"] != nil {
			t.Errorf("%v", claims)
		}
		if in := w.introspect(a.text("access_token")); in.fields["active"] != true || in.fields["sub"] != "notes" ||
			in.fields["username"] != nil {
			t.Errorf("introspection: %v", in)
		}
		if u := w.userinfo(a.text("access_token")); u.status != http.StatusForbidden {
			t.Errorf("userinfo tells who a machine is: %v", u)
		}
		if len(w.Sessions()) != 0 {
			t.Error("a session began")
		}
		if a := ask("mail"); a.text("error") != "unauthorized_client" {
			t.Errorf("a client that may not: %v", a)
		}
		if n := w.Count(idpmock.EndpointClientCredentials, "notes"); n != 1 {
			t.Errorf("%d requests are counted", n)
		}
		w.Fault(idpmock.Fault{Endpoint: idpmock.EndpointClientCredentials, Status: 503})
		if a := ask("notes"); a.status != 503 {
			t.Errorf("with a fault: %v", a)
		}
		time.Sleep(6 * time.Minute)
		if in := w.introspect(a.text("access_token")); in.fields["active"] != false {
			t.Errorf("after its life: %v", in)
		}
	})
}

// A token of the same person for another API; it ends with the session, and asking for it is
// no activity (RFC 8693).
func TestTokenExchange(t *testing.T) {
	inBubble(t, machines, func(t *testing.T, w *world) {
		b := w.Browser("ada")
		tok := w.login(b, "mail", "scope", "openid profile email")
		exchange := func(client string, more ...string) answer {
			form := url.Values{"grant_type": {exchangeGrant}, "subject_token": {tok.text("access_token")},
				"subject_token_type": {"urn:ietf:params:oauth:token-type:access_token"}}
			for i := 0; i+1 < len(more); i += 2 {
				form.Set(more[i], more[i+1])
			}
			return w.must(w.post(idpmock.PathToken, client, form))
		}
		time.Sleep(time.Minute)
		before := w.session(b).IdleDeadline
		a := exchange("notes", "audience", "https://pay.example", "scope", "profile", "actor_token",
			tok.text("access_token"),
			"actor_token_type", "urn:ietf:params:oauth:token-type:access_token")
		if a.status != http.StatusOK || a.text(
			"issued_token_type") != "urn:ietf:params:oauth:token-type:access_token" || a.fields["id_token"] != nil {
			t.Fatal(a)
		}
		_, claims := peek(t, a.text("access_token"))
		if claims["sub"] != "ada" || claims["client_id"] != "notes" ||
			fmt.Sprint(claims["aud"]) != "[https://pay.example]" ||
			claims["scope"] != "profile" || fmt.Sprint(claims["act"]) != "map[sub:ada]" ||
			claims["sid"] != w.session(b).SID {
			t.Errorf("%v", claims)
		}
		if after := w.session(b).IdleDeadline; !after.Equal(before) {
			t.Errorf("it moved the deadline by %v", after.Sub(before))
		}
		for name, wrong := range map[string]struct {
			client, code string
			more         []string
		}{
			"a client that may not": {"mail", "unauthorized_client", nil},
			"no such token":         {"notes", "invalid_request", []string{"subject_token", "nonsense"}},
			"an ID token": {"notes", "invalid_request",
				[]string{"subject_token_type", "urn:ietf:params:oauth:token-type:id_token"}},
			"more than was granted": {"notes", "invalid_scope", []string{"scope", "profile admin"}},
			"another type of token": {"notes", "invalid_request",
				[]string{"requested_token_type", "urn:ietf:params:oauth:token-type:saml2"}},
			"an actor that is nobody": {"notes", "invalid_request", []string{"actor_token", "x", "actor_token_type",
				"urn:ietf:params:oauth:token-type:jwt"}},
			"an actor without a type":  {"notes", "invalid_request", []string{"actor_token", tok.text("access_token")}},
			"a token without its type": {"notes", "invalid_request", []string{"subject_token_type", ""}},
		} {
			if a := exchange(wrong.client, wrong.more...); a.text("error") != wrong.code {
				t.Errorf("%s: %v", name, a)
			}
		}
		if err := w.EndSession(w.session(b).SID); err != nil {
			t.Fatal(err)
		}
		if in := w.introspect(a.text("access_token")); in.fields["active"] != false {
			t.Errorf("it outlives the session: %v", in)
		}
		if a := exchange("notes"); a.text("error") != "invalid_request" {
			t.Errorf("of an ended session: %v", a)
		}
	})
}

// The other grants are in the discovery document.
func TestOtherGrantsAreAdvertised(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		req, _ := http.NewRequest(http.MethodGet, w.URL+idpmock.PathDiscovery, nil)
		grants, _ := w.must(w.do(req)).fields["grant_types_supported"].([]any)
		for _, want := range []any{"client_credentials", exchangeGrant} {
			if !slices.Contains(grants, want) {
				t.Errorf("%v is not in %v", want, grants)
			}
		}
	})
}

// Pages of a public client may call token and userinfo; other pages may not.
func TestCORS(t *testing.T) {
	inBubble(t, machines, func(t *testing.T, w *world) {
		for origin, allowed := range map[string]bool{"https://spa.example": true, "https://notes.example": false,
			"https://evil.example": false, "null": false} {
			for _, path := range []string{idpmock.PathToken, idpmock.PathUserinfo} {
				for _, method := range []string{http.MethodOptions, http.MethodPost} {
					req, _ := http.NewRequest(method, w.URL+path, http.NoBody)
					req.Header.Set("Origin", origin)
					req.Header.Set("Access-Control-Request-Headers", "authorization,dpop")
					resp, err := w.http.Do(req)
					if err != nil {
						t.Fatal(err)
					}
					resp.Body.Close()
					h := resp.Header
					if got := h.Get("Access-Control-Allow-Origin"); (got == origin) != allowed || !allowed &&
						got != "" || h.Get("Vary") != "Origin" {
						t.Errorf("%s %s from %s: %v", method, path, origin, h)
					}
					if h.Get("Access-Control-Allow-Credentials") != "" {
						t.Error("cookies are let in")
					}
					if method == http.MethodOptions && (resp.StatusCode == http.StatusNoContent) != allowed {
						t.Errorf("preflight of %s from %s: %d", path, origin, resp.StatusCode)
					}
				}
			}
		}
		req, _ := http.NewRequest(http.MethodOptions, w.URL+idpmock.PathAuthorize, nil)
		req.Header.Set("Origin", "https://spa.example")
		if a := w.must(w.do(req)); a.status < 400 {
			t.Errorf("authorize is for scripts: %v", a)
		}
	})
}
