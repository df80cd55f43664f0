package idpmock_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

// like runs f at a provider of the temperament, changed where change is not nil.
func like(t *testing.T, name string, change func(*idpmock.Config), f func(*testing.T, *world)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		t.Helper()
		inBubble(t, func(c *idpmock.Config) {
			var err error
			if c.Temperament, err = idpmock.Like(name); err != nil {
				t.Fatal(err)
			}
			if provider, fact, ok := strings.Cut(os.Getenv(withoutFact), " "); ok && provider == name {
				if c.Temperament, err = without(c.Temperament, fact); err != nil {
					t.Fatal(err)
				}
			}
			if change != nil {
				change(c)
			}
		}, f)
	})
}

// everyLike holds f's answer against a table with a row for each temperament but those of
// TestProvidersReadAbout, which has a whole row for each.
func everyLike[T comparable](t *testing.T, want map[string]T, change func(*idpmock.Config),
	f func(*testing.T, *world) T) {
	t.Helper()
	for _, name := range idpmock.TemperamentNames() {
		row, ok := want[name]
		if _, elsewhere := readAbout[name]; elsewhere && !ok {
			continue
		}
		if !ok {
			t.Errorf("the table has no row for %s", name)
			continue
		}
		like(t, name, change, func(t *testing.T, w *world) {
			if got := f(t, w); got != row {
				t.Errorf("got  %+v\nwant %+v", got, row)
			}
		})
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// enter logs in to a client, asking for what brings a refresh token.
func (w *world) enter(b *idpmock.Browser, client string, more ...string) answer {
	w.t.Helper()
	if !w.asksNothing() {
		more = append([]string{"scope", "openid profile offline_access", "prompt", "consent"}, more...)
	}
	return w.login(b, client, more...)
}

func (w *world) asksNothing() bool {
	var rule idpmock.RefreshTokenRule
	_ = w.Update(func(c *idpmock.Config) { rule = c.Temperament.RefreshToken })
	return rule == idpmock.RefreshAlways
}

// change alters the temperament at run time.
func (w *world) change(f func(*idpmock.Temperament)) {
	w.t.Helper()
	if err := w.Update(func(c *idpmock.Config) { f(&c.Temperament) }); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) revoke(client, token string) {
	w.t.Helper()
	if a := w.must(w.post(idpmock.PathRevoke, client, url.Values{"token": {token}})); a.status != http.StatusOK {
		w.t.Fatalf("revocation: %v", a)
	}
}

func TestTemperamentNames(t *testing.T) {
	want := []string{"adfs", "apple", "auth0", "authelia", "authentik", "b2c", "casdoor", "cognito", "dex", "duende",
		"entra",
		"franceconnect", "gitlab", "google", "hydra", "id-porten", "janssen", "kanidm", "keycloak", "login.gov",
		"logto",
		"oidc-provider", "okta", "pingam", "pingfederate", "pingone", "spring-authorization-server", "strict", "wso2",
		"zitadel"}
	if got := idpmock.TemperamentNames(); !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
	if _, err := idpmock.Like("keykloak"); err == nil || !strings.Contains(err.Error(), "keycloak, login.gov") {
		t.Errorf("%v", err)
	}
	mine := must(idpmock.Like("entra"))
	mine.NoProof[0], mine.Lacks[0] = "spoilt", "spoilt"
	again := must(idpmock.Like("entra"))
	if again.NoProof[0] == "spoilt" || again.Lacks[0] == "spoilt" || again.Name != "entra" {
		t.Errorf("a change of one value is seen in the next: %+v", again)
	}
}

// Each temperament can be written, read, and read by its name alone.
func TestTemperamentJSON(t *testing.T) {
	for _, name := range idpmock.TemperamentNames() {
		want := must(idpmock.Like(name))
		text := must(json.Marshal(want))
		var whole, named idpmock.Temperament
		if err := json.Unmarshal(text, &whole); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(`{"name":"`+name+`"}`), &named); err != nil {
			t.Fatal(err)
		}
		for _, got := range []idpmock.Temperament{whole, named} {
			if string(must(json.Marshal(got))) != string(text) {
				t.Errorf("%s: %+v\nwant %+v", name, got, want)
			}
		}
	}
	var got idpmock.Temperament
	err := json.Unmarshal([]byte(`{"name":"dex","reuse_grace":"30s","revocation":"token"}`), &got)
	if err != nil || got.ReuseGrace != 30*time.Second || got.Revocation != idpmock.ReachToken ||
		got.MaxRefreshTokens != 1 {
		t.Errorf("%+v %v", got, err)
	}
	for _, bad := range []string{`{"name":"no-such"}`, `{"rotashun":"strict"}`, `{"reuse_grace":"soon"}`} {
		if json.Unmarshal([]byte(bad), &got) == nil {
			t.Errorf("%s was taken", bad)
		}
	}
}

func TestTemperamentMistakes(t *testing.T) {
	for want, temper := range map[string]idpmock.Temperament{
		"AccessToken":           {AccessToken: "opaque"},
		"APIAccessToken":        {APIAccessToken: "opaque"},
		"RefreshToken":          {RefreshToken: "online_access"},
		"Announce":              {Announce: "expires_in"},
		"Rotation":              {Rotation: "sometimes"},
		"ReuseTakes":            {ReuseTakes: "all"},
		"Revocation":            {Revocation: "grant"},
		"AccessTokenRevocation": {AccessTokenRevocation: "grant"},
		"LogoutHint":            {LogoutHint: "no"},
		"NoExtend":              {NoExtend: []idpmock.Endpoint{"token"}},
		"NoProof":               {NoProof: []idpmock.Endpoint{idpmock.EndpointAuthorize}},
		"IDToken":               {IDToken: []idpmock.IDTokenFault{"x"}},
		"LogoutToken":           {LogoutToken: []idpmock.LogoutFault{""}},
		"NoLogoutTokenOn":       {NoLogoutTokenOn: []idpmock.Cause{"sleep"}},
		"Lacks":                 {Lacks: []string{"token_endpoint"}},
		"Unadvertised":          {Unadvertised: []string{"jwks_uri"}},
		"MaxHint":               {MaxHint: -1},
		"MaxQuery":              {MaxQuery: -1},
		"Refusals: status 99":   {Refusals: idpmock.Refusals{Userinfo: idpmock.Refusal{Status: 99, Error: "x"}}},
	} {
		idp, err := idpmock.New(idpmock.Config{Issuer: "https://idp.example", Temperament: temper})
		if err == nil {
			idp.Close()
		}
		if err == nil || !strings.Contains(err.Error(), "Temperament") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// Which tokens come: the scopes that bring a refresh token, the form of access
// tokens without and with an API, and what userinfo says to the API's.
func TestTokensOfTemperaments(t *testing.T) {
	everyLike(t, map[string]string{
		"keycloak":      "refresh: always; access: jwt, api jwt 200",
		"entra":         "refresh: offline_access; access: jwt, api jwt 401",
		"adfs":          "refresh: always; access: jwt, api jwt 401",
		"cognito":       "refresh: always; access: jwt, api jwt 200",
		"okta":          "refresh: offline_access; access: jwt, api jwt 200",
		"auth0":         "refresh: offline_access; access: reference, api jwt 200",
		"dex":           "refresh: offline_access; access: jwt, api jwt 200",
		"hydra":         "refresh: offline_access; access: reference, api reference 200",
		"zitadel":       "refresh: offline_access; access: reference, api reference 200",
		"oidc-provider": "refresh: consent; access: reference, api jwt 401",
		"duende":        "refresh: offline_access; access: jwt, api jwt 200",
		"strict":        "refresh: always; access: jwt, api jwt 401",
		"authelia":      "refresh: offline_access; access: reference, api reference 200",
		"franceconnect": "refresh: never; access: reference, api reference 200",
		"gitlab":        "refresh: always; access: reference, api reference 200",
		"google":        "refresh: never; access: reference, api reference 200", // without access_type
		"login.gov":     "refresh: never; access: reference, api reference 200",
		"logto":         "refresh: consent; access: reference, api jwt 401",
	}, func(c *idpmock.Config) { c.Clients[1].Audience = []string{"api"} }, func(t *testing.T, w *world) string {
		b := w.Browser("ada")
		plain := w.login(b, "notes")
		offline := w.login(b, "notes", "scope", "openid profile offline_access")
		consent := w.login(b, "notes", "scope", "openid profile offline_access", "prompt", "consent")
		refresh := "never"
		switch {
		case plain.text("refresh_token") != "":
			refresh = "always"
		case offline.text("refresh_token") != "":
			refresh = "offline_access"
		case consent.text("refresh_token") != "":
			refresh = "consent"
		}
		form := func(token string) string {
			if _, claims := claimsOf(token); claims == nil {
				return "reference"
			}
			return "jwt"
		}
		own, api := plain.text("access_token"), w.login(b, "mail").text("access_token")
		if a := w.userinfo(own); a.status != http.StatusOK || a.fields["sub"] != "ada" {
			t.Errorf("userinfo with a token for nothing else: %v", a)
		}
		return fmt.Sprintf("refresh: %s; access: %s, api %s %d", refresh, form(own), form(api), w.userinfo(api).status)
	})
}

// What a token answer says of the refresh token's end.
func TestAnnouncements(t *testing.T) {
	none := ""
	everyLike(t, map[string]string{
		"keycloak": "refresh_expires_in 900 900 600", "adfs": "refresh_token_expires_in 2592000 2591400 2563800",
		"entra": none, "okta": none, "auth0": none, "dex": none, "hydra": none, "zitadel": none,
		"oidc-provider": none, "duende": none, "strict": none, "cognito": none,
		"b2c": "refresh_token_expires_in 2592000 2591400 2563800",
	}, nil, func(t *testing.T, w *world) string {
		b := w.Browser("ada")
		tok := w.enter(b, "notes")
		first := tok
		refresh := func() answer {
			next := w.refresh("notes", tok.text("refresh_token"))
			if next.text("refresh_token") != "" {
				tok = next
			}
			return next
		}
		time.Sleep(10 * time.Minute)
		second := refresh()
		for range 45 { // 7 h 40 min
			time.Sleep(10 * time.Minute)
			w.login(b, "mail")
			refresh()
		}
		time.Sleep(10 * time.Minute)
		last := refresh() // ten minutes before the absolute end
		for _, name := range []string{"refresh_expires_in", "refresh_token_expires_in", "refresh_token_timeout"} {
			if v := first.fields[name]; v != nil {
				return fmt.Sprintf("%s %.0f %.0f %.0f", name, v, second.fields[name], last.fields[name])
			}
		}
		return none
	})
	like(t, "keycloak", nil, func(t *testing.T, w *world) {
		tok := w.login(w.Browser("ada"), "notes", "scope", "openid offline_access")
		if tok.fields["refresh_expires_in"] != 0.0 {
			t.Errorf("an offline token's: %v", tok.fields)
		}
	})
	shorter := func(c *idpmock.Config) { c.Clients[0].IdleWindow = 5 * time.Minute }
	like(t, "keycloak", shorter, func(t *testing.T, w *world) {
		if tok := w.login(w.Browser("ada"), "notes"); tok.fields["refresh_expires_in"] != 300.0 { // Client Session Idle
			t.Errorf("a client with a shorter window: %v", tok.fields)
		}
	})
	like(t, "adfs", nil, func(t *testing.T, w *world) {
		tok := w.login(w.Browser("ada"), "notes", "scope", "openid offline_access")
		if tok.text("scope") != "openid" || tok.text("refresh_token") == "" {
			t.Errorf("an unknown scope: %v", tok.fields)
		}
	})
}

// Keycloak 26.6.2: a token is described to those in its aud alone.
func TestIntrospectionByAudience(t *testing.T) {
	named := func(c *idpmock.Config) { c.Clients[1].Audience = []string{"api"} }
	like(t, "keycloak", named, func(t *testing.T, w *world) {
		b := w.Browser("ada")
		a := w.introspect(w.login(b, "notes").text("access_token"))
		if a.status != http.StatusOK || a.fields["active"] != false {
			t.Errorf("a token for others: %v", a)
		}
		if a := w.introspect(w.login(b, "mail").text("access_token")); a.fields["active"] != true {
			t.Errorf("a token for the API: %v", a)
		}
	})
}

// What apple has of it by name.
func TestFormPostOfTemperaments(t *testing.T) {
	like(t, "apple", nil, func(t *testing.T, w *world) {
		cb := must(w.Browser("ada").Authorize(t.Context(), authURL(w.URL, "notes")))
		if q := must(url.Parse(cb)).Query(); q.Get("error") != "invalid_request" {
			t.Errorf("without form_post: %s", cb)
		}
	})
}

// Apple: form_post and nothing else. The browser says what it would post.
func TestRequireFormPost(t *testing.T) {
	only := func(c *idpmock.Config) { c.Temperament.RequireFormPost = true }
	inBubble(t, only, func(t *testing.T, w *world) {
		for mode, want := range map[string]string{"": "invalid_request", "query": "invalid_request", "form_post": ""} {
			to := authURL(w.URL, "notes", "state", `<"&ü`)
			if mode != "" {
				to += "&response_mode=" + mode
			}
			cb := must(w.Browser("ada").Authorize(t.Context(), to))
			q := must(url.Parse(cb)).Query()
			if q.Get("error") != want || (q.Get("code") != "") != (want == "") || q.Get("state") != `<"&ü` ||
				!strings.HasPrefix(cb, "https://notes.example/cb?") {
				t.Errorf("%q: %s", mode, cb)
			}
		}
	})
}
