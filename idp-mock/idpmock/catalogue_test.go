package idpmock_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

// everything makes a client's whole life and returns what it saw, secrets and
// times left out, so that two lives can be compared.
func everything(w *world) map[string]any {
	seen := map[string]any{}
	note := func(what string, a answer, err error) answer {
		fields := map[string]any{}
		for k, v := range a.fields {
			switch text, _ := v.(string); k {
			case "access_token", "refresh_token":
				v = text != ""
			case "id_token":
				header, claims := claimsOf(text)
				iat, _ := claims["iat"].(float64)
				exp, _ := claims["exp"].(float64)
				sum := sha256.Sum256([]byte(a.text("access_token")))
				claims["valid"], claims["fits"] = exp > iat,
					claims["at_hash"] == base64.RawURLEncoding.EncodeToString(sum[:16])
				for _, name := range []string{"iat", "exp", "auth_time", "at_hash", "sid"} {
					_, claims[name] = claims[name]
				}
				v = []any{header["alg"], header["kid"] != nil, claims, verifies(w, text)}
			}
			fields[k] = v
		}
		seen[what] = []any{a.status, fields, err != nil}
		return a
	}
	resp, err := w.http.Get(w.URL + idpmock.PathDiscovery)
	if err == nil {
		var fields map[string]any
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		_ = json.Unmarshal(body, &fields)
		seen["issuer"] = fields["issuer"]
	}
	b, err := w.SignIn("ada")
	if err != nil {
		w.t.Fatal(err)
	}
	cb, err := b.Authorize(w.t.Context(), authURL(w.URL, "notes"))
	if err != nil {
		w.t.Fatal(err)
	}
	u, _ := url.Parse(cb)
	q := u.Query()
	seen["callback"] = []any{q.Get("state"), q.Get("iss"), q.Get("error"), q.Has("code")}
	if !q.Has("code") {
		return seen
	}
	a, err := w.post(idpmock.PathToken, "notes", url.Values{"grant_type": {"authorization_code"},
		"code": {q.Get("code")}, "redirect_uri": {"https://notes.example/cb"}, "code_verifier": {verifier}})
	tok := note("code", a, err)
	a, err = w.post(idpmock.PathToken, "notes", refreshForm(tok))
	note("refresh", a, err)
	note("userinfo", w.userinfo(tok.text("access_token")), nil)
	w.EndUser("ada")
	w.Settle()
	return seen
}

func same(a, b any) bool {
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	return string(x) == string(y)
}

// Every fault of the catalogue is met exactly once and makes a difference that
// the client can see.
func TestNamedFaults(t *testing.T) {
	for _, name := range idpmock.FaultNames() {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(t *testing.T, w *world) {
				clean := everything(w)
				f, err := idpmock.NamedFault(name)
				if err != nil {
					t.Fatal(err)
				}
				active := w.Fault(f)
				spoilt := everything(w)
				if active.Hits() != 1 {
					t.Errorf("met %d times", active.Hits())
				}
				// a good client sees none there
				if same(clean, spoilt) && !strings.HasSuffix(name, "signing-key-rotation-just-before-signing") {
					t.Error("no difference")
				}
				if f.Endpoint == idpmock.EndpointRefresh && same(clean["refresh"], spoilt["refresh"]) {
					t.Errorf("the refresh is unspoilt: %v", spoilt["refresh"])
				}
			})
		})
	}
	if _, err := idpmock.NamedFault("no-such"); err == nil {
		t.Error("an unknown name was taken")
	}
}

func TestNamedDeliveryFaults(t *testing.T) {
	for _, name := range idpmock.DeliveryFaultNames() {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(t *testing.T, w *world) {
				f, err := idpmock.NamedDeliveryFault(name)
				if err != nil {
					t.Fatal(err)
				}
				w.FaultDelivery(f)
				b := w.Browser("ada")
				w.login(b, "notes")
				s := w.session(b)
				w.EndUser("ada")
				w.Settle()
				got := w.deliveries("notes")
				if len(got) != 1 || conforming(t, w, s, got[0].token) && verifies(w, got[0].token) {
					t.Errorf("%d tokens, or a good one", len(got))
				}
			})
		})
	}
}

// CORE-02, CORE-03, RIL-06: spoilt redirects back to the client.
func TestRedirectFaults(t *testing.T) {
	for name, tt := range map[string]struct {
		fault idpmock.Fault
		check func(q url.Values, issuer string) bool
	}{
		"other state": {idpmock.Fault{Response: idpmock.RedirectOtherState}, func(q url.Values, _ string) bool {
			return q.Get("state") == "stINVALID"
		}},
		"no state": {idpmock.Fault{Response: idpmock.RedirectNoState}, func(q url.Values, _ string) bool {
			return !q.Has("state") && q.Has("code")
		}},
		"other iss": {idpmock.Fault{Response: idpmock.RedirectOtherIss}, func(q url.Values, i string) bool {
			return q.Get("iss") == i+"INVALID"
		}},
		"no iss": {idpmock.Fault{Response: idpmock.RedirectNoIss}, func(q url.Values, _ string) bool {
			return !q.Has("iss") && q.Has("code")
		}},
		"an error": {idpmock.Fault{Error: "temporarily_unavailable"}, func(q url.Values, i string) bool {
			return q.Get("error") == "temporarily_unavailable" && !q.Has("code") && q.Get("state") == "st" &&
				q.Get("iss") == i
		}},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(t *testing.T, w *world) {
				tt.fault.Endpoint, tt.fault.Client = idpmock.EndpointCallback, "notes"
				w.Fault(tt.fault)
				cb, err := w.Browser("ada").Authorize(t.Context(), authURL(w.URL, "notes")) // by the sign-in page
				u, _ := url.Parse(cb)
				if err != nil || !tt.check(u.Query(), w.URL) {
					t.Errorf("%s %v", cb, err)
				}
			})
		})
	}
	inBubble(t, nil, func(t *testing.T, w *world) { // …-init-logout-other-state
		b := w.Browser("ada")
		tok := w.login(b, "notes")
		w.Fault(idpmock.Fault{Endpoint: idpmock.EndpointCallback, Response: idpmock.RedirectOtherState})
		to, err := b.Logout(t.Context(), w.URL+idpmock.PathEndSession+"?"+url.Values{"id_token_hint": {tok.text(
			"id_token")}, "post_logout_redirect_uri": {"https://notes.example/bye"}, "state": {"x"}}.Encode())
		if err != nil || to != "https://notes.example/bye?state=xINVALID" {
			t.Errorf("%s %v", to, err)
		}
	})
}

// Keycloak sends sid to those who asked for it.
func TestSIDOnlyIfRequired(t *testing.T) {
	inBubble(t, func(c *idpmock.Config) {
		c.SIDOnlyIfRequired = true
		c.Clients[1].BackchannelSessionRequired = true
	}, func(t *testing.T, w *world) {
		b := w.Browser("ada")
		w.login(b, "notes")
		w.login(b, "mail")
		w.EndUser("ada")
		w.Settle()
		_, notes := peek(t, w.deliveries("notes")[0].token)
		_, mail := peek(t, w.deliveries("mail")[0].token)
		if notes["sid"] != nil || notes["sub"] != "ada" || mail["sid"] == nil {
			t.Errorf("%v %v", notes, mail)
		}
	})
}

// Core §5.3.2: signed userinfo carries iss and aud.
func TestSignedUserinfo(t *testing.T) {
	inBubble(t, func(c *idpmock.Config) { c.Clients[0].UserinfoSigned = true }, func(t *testing.T, w *world) {
		tok := w.login(w.Browser("ada"), "notes")
		fetch := func() (*http.Response, map[string]any) {
			req, _ := http.NewRequest(http.MethodGet, w.URL+idpmock.PathUserinfo, nil)
			req.Header.Set("Authorization", "Bearer "+tok.text("access_token"))
			resp, err := w.http.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			raw, _ := io.ReadAll(resp.Body)
			if !verifies(w, string(raw)) {
				t.Error("the signature is bad")
			}
			_, claims := peek(t, string(raw))
			return resp, claims
		}
		resp, c := fetch()
		if resp.Header.Get("Content-Type") != "application/jwt" || c["iss"] != w.URL || c["aud"] != "notes" ||
			c["sub"] != "ada" {
			t.Errorf("%v %v", resp.Header, c)
		}
		w.Fault(idpmock.Fault{Endpoint: idpmock.EndpointUserinfo, Response: idpmock.ResponseWrongSub})
		if _, c := fetch(); c["sub"] != "adaINVALID" {
			t.Errorf("%v", c)
		}
	})
}
