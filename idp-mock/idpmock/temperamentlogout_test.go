package idpmock_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

// What a logout token looks like, at a sign-out of the person. The second client
// asks for sid.
func TestLogoutTokensOfTemperaments(t *testing.T) {
	none := "nobody is told"
	everyLike(t, map[string]string{
		"keycloak":      "typ logout+jwt, aud string, sub true, sid false (asked for: true), exp 2m0s, events 2",
		"duende":        "typ logout+jwt, aud string, sub true, sid true (asked for: true), exp 5m0s, events 1",
		"auth0":         "typ JWT, aud string, sub true, sid true (asked for: true), exp 2m0s, events 1",
		"dex":           "typ <nil>, aud string, sub true, sid true (asked for: true), exp 2m0s, events 1",
		"hydra":         "typ JWT, aud array, sub false, sid true (asked for: true), exp none, events 1",
		"zitadel":       "typ JWT, aud array, sub true, sid true (asked for: true), exp 15m0s, events 1",
		"oidc-provider": "typ logout+jwt, aud string, sub true, sid false (asked for: true), exp 2m0s, events 1",
		"strict":        "typ logout+jwt, aud string, sub true, sid true (asked for: true), exp 2m0s, events 1",
		"entra":         none, "adfs": none, "okta": none, "cognito": none, "login.gov": none,
		"authentik": "typ logout+jwt, aud string, sub true, sid true (asked for: true), exp none, events 1",
		"casdoor":   "typ JWT, aud array, sub true, sid false (asked for: false), exp none, events 1",
		"logto":     "typ logout+jwt, aud string, sub true, sid false (asked for: true), exp 2m0s, events 1",
		"wso2":      "typ logout+jwt, aud array, sub true, sid true (asked for: true), exp 2m0s, events 1",
	}, func(c *idpmock.Config) {
		c.Clients[1].BackchannelSessionRequired = true
		if c.Temperament.LogoutHint == idpmock.HintRefused {
			c.Temperament.LogoutHint = idpmock.HintOptional // the test sends one
		}
	}, func(t *testing.T, w *world) string {
		b := w.Browser("ada")
		tok := w.login(b, "notes")
		w.login(b, "mail")
		if _, err := b.Logout(t.Context(), w.endSessionURL(tok)); err != nil || len(w.Sessions()) != 0 {
			t.Fatalf("%v, %d sessions", err, len(w.Sessions()))
		}
		w.Settle()
		got, asked := w.deliveries("notes"), w.deliveries("mail")
		if len(got) == 0 && len(asked) == 0 {
			return none
		}
		h, c := peek(t, got[0].token)
		_, other := peek(t, asked[0].token)
		aud, exp := "string", "none"
		if _, list := c["aud"].([]any); list {
			aud = "array"
		}
		if v, ok := c["exp"].(float64); ok {
			exp = time.Unix(int64(v), 0).Sub(time.Unix(int64(c["iat"].(float64)), 0)).String()
		}
		return fmt.Sprintf("typ %v, aud %s, sub %v, sid %v (asked for: %v), exp %s, events %d",
			h["typ"], aud, c["sub"] == "ada", c["sid"] != nil, other["sid"] != nil, exp,
			len(c["events"].(map[string]any)))
	})
}

// Who is told of which end.
func TestWhoIsTold(t *testing.T) {
	type told struct{ logout, admin, idle, replaced bool }
	all, noIdle := told{true, true, true, true}, told{logout: true, admin: true, replaced: true}
	everyLike(t, map[string]told{
		"keycloak": noIdle, "dex": {logout: true, admin: true}, "hydra": noIdle, "oidc-provider": noIdle,
		"auth0":   {logout: true, replaced: true},
		"zitadel": {logout: true},
		"duende":  all, "strict": all,
		"entra": {}, "adfs": {}, "okta": {}, "cognito": {}, "login.gov": {},
	}, nil, func(t *testing.T, w *world) (got told) {
		after := func(end func(b *idpmock.Browser, tok answer)) bool {
			before := len(w.deliveries("notes"))
			b := w.Browser("ada")
			end(b, w.login(b, "notes"))
			w.Settle()
			return len(w.deliveries("notes")) > before
		}
		got.logout = after(func(b *idpmock.Browser, tok answer) { b.Logout(t.Context(), w.endSessionURL(tok)) })
		got.admin = after(func(*idpmock.Browser, answer) { w.EndUser("ada") })
		got.idle = after(func(*idpmock.Browser, answer) { time.Sleep(16 * time.Minute) })
		got.replaced = after(func(b *idpmock.Browser, _ answer) {
			w.login(b.As("bob"), "mail", "prompt", "select_account")
		})
		return got
	})
}

// The front channel: who is called, and by which parameters.
func TestFrontChannelOfTemperaments(t *testing.T) {
	both, token := "iss and sid", ", logout token"
	everyLike(t, map[string]string{
		"keycloak": both, "okta": both, "adfs": both,
		"duende": both + token, "hydra": both + token, "strict": both + token,
		"entra": "sid", "cognito": "", "login.gov": "",
		"auth0": token, "dex": token, "zitadel": token, "oidc-provider": token,
		"authentik": both, "b2c": "sid",
	}, func(c *idpmock.Config) {
		c.Clients[0].FrontchannelLogoutURI = "https://notes.example/front"
		c.Clients[0].FrontchannelSessionRequired = true
		c.Temperament.LogoutAsks = false
	}, func(t *testing.T, w *world) string {
		b := w.Browser("ada")
		tok := w.login(b, "notes")
		page := body(t, get(t, bare(t, w, b), w.endSessionURL(tok)))
		w.Settle()
		got := ""
		if _, frame, ok := strings.Cut(page, `iframe src="`); ok {
			frame, _, _ = strings.Cut(frame, `"`)
			u, _ := url.Parse(strings.ReplaceAll(frame, "&amp;", "&"))
			for _, name := range []string{"iss", "sid"} {
				if v := u.Query().Get(name); v != "" {
					got = strings.TrimPrefix(got+" and "+name, " and ")
				}
			}
		}
		if len(w.deliveries("notes")) > 0 {
			got += ", logout token"
		}
		return got
	})
}

// Which sid the ID tokens of two clients carry, without and with the wish for it.
func TestSIDsOfTemperaments(t *testing.T) {
	always, required := "always, same", "if required, same"
	everyLike(t, map[string]string{
		"keycloak": always, "auth0": always, "dex": always, "hydra": always, "zitadel": always,
		"duende": always, "strict": always,
		"entra": required, "adfs": required, "okta": required, "cognito": required, "login.gov": required,
		"oidc-provider": "if required, one per client", "logto": "if required, one per client",
	}, func(c *idpmock.Config) {
		c.Clients[0].FrontchannelSessionRequired, c.Clients[1].BackchannelSessionRequired = true, true
		c.Clients = append(c.Clients, app("plain"))
	}, func(t *testing.T, w *world) string {
		b := w.Browser("ada")
		sid := func(client string) any { _, c := peek(t, w.login(b, client).text("id_token")); return c["sid"] }
		when, which := "always", "one per client"
		if sid("plain") == nil {
			when = "if required"
		}
		if a, b := sid("notes"), sid("mail"); a == nil || b == nil {
			t.Errorf("%v %v", a, b)
		} else if a == b {
			which = "same"
		}
		return when + ", " + which
	})
	like(t, "zitadel", nil, func(t *testing.T, w *world) { // the project's id beside the client's
		_, c := peek(t, w.login(w.Browser("ada"), "notes").text("id_token"))
		if fmt.Sprint(c["aud"]) != "[notes somebody-else]" || c["azp"] != "notes" {
			t.Errorf("aud %v azp %v", c["aud"], c["azp"])
		}
	})
}

// end_session: without and with a hint, with one that is too long, and whether a
// person is asked who has a good hint.
func TestEndSessionOfTemperaments(t *testing.T) {
	easy := "plain asks; client_id asks; hint redirects; long hint redirects"
	asks := strings.ReplaceAll(easy, "redirects", "asks")
	needs := "plain asks; client_id 400; hint redirects; long hint redirects"
	everyLike(t, map[string]string{
		"keycloak": easy, "auth0": easy, "zitadel": easy, "adfs": easy, "oidc-provider": asks,
		"hydra": needs, "dex": needs, "franceconnect": needs, "logto": asks,
		"pingam":                      "plain 400; client_id 400; hint redirects; long hint redirects",
		"spring-authorization-server": "plain 400; client_id 400; hint redirects; long hint redirects",
		"entra":                       strings.Replace(easy, "long hint redirects", "long hint 400", 1),
		"cognito":                     "plain 400; client_id 400; hint 400; long hint 400", // another name, see below
		"login.gov":                   "plain asks; client_id asks; hint 400; long hint 400",
		"okta":                        "plain 400; client_id 400; hint redirects; long hint redirects",
		"duende":                      "plain asks; client_id asks, no redirect; hint redirects; long hint 400",
		"strict":                      "plain 400; client_id 400; hint redirects; long hint 400",
	}, func(c *idpmock.Config) {
		c.Temperament.ProfileAtUserinfo = false // else no ID token is long
		groups := map[string]any{"groups": strings.Repeat("x", 5000)}
		c.Users = []idpmock.User{{Username: "ada"}, {Username: "eve", Claims: groups}}
	}, func(t *testing.T, w *world) string {
		var said []string
		try := func(name, user string, ask func(tok answer) url.Values) {
			b := w.Browser(user)
			tok := w.login(b, "notes")
			resp := get(t, bare(t, w, b), w.URL+idpmock.PathEndSession+"?"+ask(tok).Encode())
			got := fmt.Sprint(name, " ", resp.StatusCode)
			switch page := body(t, resp); {
			case resp.StatusCode >= 400 && len(w.Sessions()) != 1:
				t.Errorf("%s: the refused request ended the session", name)
			case resp.Header.Get("Location") == "https://notes.example/bye":
				got = name + " redirects"
			case strings.Contains(page, `name="tx"`):
				got = name + " asks"
				to, err := b.Logout(t.Context(), w.URL+idpmock.PathEndSession+"?"+ask(tok).Encode())
				if err == nil && to == "" && name != "plain" {
					got += ", no redirect"
				}
			}
			said = append(said, got)
			w.EndUser(user)
		}
		back := "https://notes.example/bye"
		try("plain", "ada", func(answer) url.Values { return nil })
		try("client_id", "ada", func(answer) url.Values {
			return url.Values{"client_id": {"notes"}, "post_logout_redirect_uri": {back}}
		})
		hint := func(tok answer) url.Values {
			return url.Values{"id_token_hint": {tok.text("id_token")}, "post_logout_redirect_uri": {back}}
		}
		try("hint", "ada", hint)
		try("long hint", "eve", hint)
		return strings.Join(said, "; ")
	})
	like(t, "cognito", nil, func(t *testing.T, w *world) {
		b := w.Browser("ada")
		w.login(b, "notes")
		v := url.Values{"client_id": {"notes"}, "logout_uri": {"https://notes.example/bye"}}
		if to, err := b.Logout(t.Context(), w.URL+idpmock.PathEndSession+"?"+v.Encode()); err != nil ||
			to != "https://notes.example/bye" {
			t.Errorf("%q %v", to, err)
		}
	})
	// Entra ID: a long query is refused at the log-in too.
	like(t, "entra", nil, func(t *testing.T, w *world) {
		b := w.Browser("ada")
		for n, want := range map[int]bool{1000: true, 2100: false} {
			_, err := b.Authorize(t.Context(), authURL(w.URL, "notes", "x", strings.Repeat("x", n)))
			if (err == nil) != want {
				t.Errorf("%d bytes: %v", n, err)
			}
		}
	})
}

// The discovery document says what there is, and what it lacks is not there.
func TestDiscoveryOfTemperaments(t *testing.T) {
	const (
		revoke = "revocation_endpoint"
		par    = "pushed_authorization_request_endpoint"
		iss    = "authorization_response_iss_parameter_supported"
	)
	names := []string{revoke, "introspection_endpoint", "end_session_endpoint", "check_session_iframe", par,
		"backchannel_logout_supported", "frontchannel_logout_supported", iss, "dpop_signing_alg_values_supported",
		"offline_access"}
	everyLike(t, map[string]string{ // in that order
		"keycloak": "++++++++++", "duende": "++++++++++", "strict": "++++++++++",
		"cognito": "+--------+", "login.gov": "--+------+",
		"entra": "--+---+--+", "adfs": "--+---+---", "okta": "+++-+-+-++", "auth0": "+-+--+---+",
		"dex": "-++--+---+", "hydra": "+-+--++--+", "zitadel": "+++--+---+", "oidc-provider": "+++-++-+++",
		"logto": "+++-++-+-+", "pingam": "++++++-+++", "wso2": "+++++++-++", "apple": "+---------",
		"gitlab": "++--------",
		"kanidm": "++--------", "spring-authorization-server": "+++-+---+-",
	}, nil, func(t *testing.T, w *world) (got string) {
		resp, err := w.http.Get(w.URL + idpmock.PathDiscovery)
		if err != nil {
			t.Fatal(err)
		}
		var meta map[string]any
		if err := json.NewDecoder(resp.Body).Decode(&meta); err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		for _, name := range names {
			has := meta[name] != nil
			if name == "offline_access" {
				has = slices.Contains(meta["scopes_supported"].([]any), any(name))
			}
			got += map[bool]string{true: "+", false: "-"}[has]
		}
		for name := range meta {
			for _, gone := range names {
				if meta[gone] == nil && strings.HasPrefix(name, strings.TrimSuffix(gone, "_supported")) {
					t.Errorf("%s is left of %s", name, gone)
				}
			}
		}
		for path, name := range map[string]string{idpmock.PathRevoke: revoke, idpmock.PathPAR: par} {
			a := w.must(w.post(path, "notes", url.Values{"token": {"x"}}))
			if (a.status == http.StatusNotFound) != (meta[name] == nil) {
				t.Errorf("%s: %v", path, a)
			}
		}
		cb, err := w.Browser("ada").Authorize(t.Context(), authURL(w.URL, "notes"))
		if u, _ := url.Parse(cb); err != nil || u.Query().Has("iss") != (meta[iss] == true) {
			t.Errorf("%s %v", cb, err)
		}
		return got
	})
	like(t, "dex", nil, func(t *testing.T, w *world) { // RFC 9449 is unknown there
		cb := must(w.Browser("ada").Authorize(t.Context(), authURL(w.URL, "notes")))
		u := must(url.Parse(cb))
		form := url.Values{"grant_type": {"authorization_code"}, "code": {u.Query().Get("code")},
			"redirect_uri": {"https://notes.example/cb"}, "code_verifier": {verifier}}
		req := must(http.NewRequest(http.MethodPost, w.URL+idpmock.PathToken, strings.NewReader(form.Encode())))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("DPoP", "whatever it says")
		req.SetBasicAuth("notes", "notes-secret")
		if a := w.must(w.do(req)); a.status != http.StatusOK || a.text("token_type") != "Bearer" {
			t.Errorf("%v", a)
		}
	})
	like(t, "hydra", nil, func(t *testing.T, w *world) { // on another port there, not advertised, but there
		if a := w.introspect(w.login(w.Browser("ada"), "notes").text("access_token")); a.fields["active"] != true {
			t.Errorf("%v", a)
		}
	})
}
