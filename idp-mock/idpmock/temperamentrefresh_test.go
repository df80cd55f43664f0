package idpmock_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

// What a refresh does to the refresh token: what the answer has, and what becomes
// of the old token at once and after ten seconds, and of the family by that.
func TestRotationOfTemperaments(t *testing.T) {
	everyLike(t, map[string]string{
		"keycloak":      "new; old good, later good; the winner lives",
		"entra":         "new; old good, later good; the winner lives",
		"adfs":          "none; old good, later good; the winner lives",
		"cognito":       "none; old good, later good; the winner lives",
		"okta":          "same; old good, later good; the winner lives",
		"auth0":         "new; old refused, later refused; the winner is dead",
		"dex":           "same; old good, later good; the winner lives", // see TestRepeatInGrace
		"hydra":         "new; old refused, later refused; the winner is dead",
		"zitadel":       "new; old refused, later refused; the winner lives",
		"oidc-provider": "same; old good, later good; the winner lives",
		"duende":        "same; old good, later good; the winner lives",
		"strict":        "new; old refused, later refused; the winner is dead",
	}, nil, func(t *testing.T, w *world) string {
		old := w.enter(w.Browser("ada"), "notes").text("refresh_token")
		next := w.refresh("notes", old)
		has, winner := "new", next.text("refresh_token")
		switch winner {
		case "":
			has, winner = "none", old
		case old:
			has = "same"
		}
		again := func() string {
			if w.refresh("notes", old).status == http.StatusOK {
				return "good"
			}
			return "refused"
		}
		at, after := again(), ""
		time.Sleep(10 * time.Second)
		after = again()
		lives := "lives"
		if w.refresh("notes", winner).status != http.StatusOK {
			lives = "is dead"
		}
		return fmt.Sprintf("%s; old %s, later %s; the winner %s", has, at, after, lives)
	})
}

// Every reach of a reuse: does the winner live, a second log-in in the session,
// and one in another browser?
func TestReuseTakes(t *testing.T) {
	for reach, want := range map[idpmock.Reach][3]bool{
		idpmock.ReachNothing:       {true, true, true},
		"":                         {false, true, true}, // the family
		idpmock.ReachFamily:        {false, true, true},
		idpmock.ReachClientSession: {false, false, true},
		idpmock.ReachUserClient:    {false, false, false},
	} {
		t.Run(string(reach), func(t *testing.T) {
			inBubble(t, func(c *idpmock.Config) {
				c.Temperament.ReuseTakes, c.Temperament.SharedClientSession = reach, true
			}, func(t *testing.T, w *world) {
				b := w.Browser("ada")
				old := w.login(b, "notes").text("refresh_token")
				var tokens []string
				for _, a := range []answer{w.refresh("notes", old), w.login(b, "notes"),
					w.login(w.Browser("ada"), "notes")} {
					tokens = append(tokens, a.text("refresh_token"))
				}
				if a := w.refresh("notes", old); a.text("error") != "invalid_grant" {
					t.Errorf("reuse: %v", a)
				}
				for i, token := range tokens {
					if got := w.refresh("notes", token).status == http.StatusOK; got != want[i] {
						t.Errorf("token %d lives: %v", i, got)
					}
				}
			})
		})
	}
}

// What dies when a token comes back that was consumed: the winner, a second log-in in the
// session, the session.
func TestReuseTakesOfTemperaments(t *testing.T) {
	for name, want := range map[string][3]bool{ // that live
		"keycloak":      {false, false, false}, // with Revoke Refresh Token; it was the last client
		"oidc-provider": {false, false, true},
		"logto":         {false, false, true},
		"strict":        {false, false, true},
		"kanidm":        {false, false, false},
		"auth0":         {false, true, true},
		"dex":           {true, true, true},
		"zitadel":       {true, true, true},
	} {
		rotates := func(c *idpmock.Config) {
			c.Temperament.Rotation, c.Temperament.MaxRefreshTokens, c.Temperament.ReuseGrace = idpmock.RotationStrict,
				0, 0
		}
		like(t, name, rotates, func(t *testing.T, w *world) {
			b := w.Browser("ada")
			old := w.enter(b, "notes").text("refresh_token")
			winner, second := w.refresh("notes", old), w.enter(b, "notes")
			elsewhere := w.enter(w.Browser("ada"), "notes")
			w.refresh("notes", old)
			_, err := b.Session()
			got := [3]bool{w.refresh("notes", winner.text("refresh_token")).status == http.StatusOK,
				w.refresh("notes", second.text("refresh_token")).status == http.StatusOK, err == nil}
			if got != want {
				t.Errorf("%v, want %v", got, want)
			}
			lives := w.refresh("notes", elsewhere.text("refresh_token")).status == http.StatusOK
			if lives != (name != "strict") {
				t.Errorf("a log-in in another browser lives: %v", lives)
			}
		})
	}
	rotates := func(c *idpmock.Config) { c.Temperament.Rotation = idpmock.RotationStrict }
	like(t, "okta", rotates, func(t *testing.T, w *world) { // 30 s
		old := w.enter(w.Browser("ada"), "notes").text("refresh_token")
		for _, want := range []int{http.StatusOK, http.StatusOK, http.StatusBadRequest} {
			if a := w.refresh("notes", old); a.status != want {
				t.Errorf("%v, want %d", a, want)
			}
			time.Sleep(20 * time.Second)
		}
	})
}

// A client's own setting goes before the temperament's rotation.
func TestReusableBeforeRotation(t *testing.T) {
	for name, same := range map[string]bool{"hydra": false, "okta": true} {
		reusable := func(c *idpmock.Config) { c.Clients[0].ReusableRefreshTokens = true }
		like(t, name, reusable, func(t *testing.T, w *world) {
			token := w.enter(w.Browser("ada"), "notes").text("refresh_token")
			for range 3 {
				a := w.refresh("notes", token)
				if a.status != http.StatusOK || (a.text("refresh_token") == token) != same {
					t.Error(a)
				}
			}
		})
	}
}

// The words about a refresh token that is unknown, expired, reused, and whose
// session is over, and userinfo's about a dead token.
func TestRefusals(t *testing.T) {
	thrice := func(words string) string { return words + ", " + words + ", " + words + ", " }
	everyLike(t, map[string]string{
		"keycloak": "400 invalid_grant Invalid, 400 invalid_grant Token, 400 invalid_grant Maximum, " +
			"400 invalid_grant Session; 401 invalid_token Bearer",
		"entra": "400 invalid_grant AADSTS50173:, 400 interaction_required AADSTS70043:, 400 invalid_grant " +
			"AADSTS50173:, " +
			"good; 401 InvalidAuthenticationToken Bearer",
		"adfs": "400 invalid_grant own, 401 invalid_grant MSIS9615:, 400 invalid_grant own, good; 401 invalid_token " +
			"Bearer",
		"okta":  thrice("400 invalid_grant The") + "good; 401 invalid_token Bearer",
		"auth0": thrice("403 invalid_grant Unknown") + "good; 401 invalid_token Bearer",
		"dex":   thrice("400 invalid_request Refresh") + "good; 403 access_denied",
		"hydra": thrice("400 invalid_grant The") +
			"good; 401 request_unauthorized error=request_unauthorized,error_description=The",
		"zitadel": thrice("400 invalid_request Errors.OIDCSession.RefreshTokenInvalid") +
			"good; 403 access_denied",
		"oidc-provider": thrice("400 invalid_grant grant") + "good; 401 invalid_token Bearer",
		"duende":        thrice("400 invalid_grant") + "400 invalid_grant; 401 invalid_token Bearer",
		"cognito":       thrice("400 invalid_grant own") + "good; 401 invalid_token Bearer",
		"strict":        thrice("400 invalid_grant own") + "400 invalid_grant own; 401 invalid_token Bearer",
	}, func(c *idpmock.Config) {
		c.Temperament.Rotation, c.Temperament.MaxRefreshTokens = idpmock.RotationStrict, 0
		c.AbsoluteLifetime, c.IdleWindow = 48*time.Hour, 24*time.Hour
		c.Clients[1].RefreshTokenLifetime = time.Hour
	}, func(t *testing.T, w *world) string {
		b := w.Browser("ada")
		said := func(a answer) string {
			text := fmt.Sprint(a.status, " ", a.text("error"))
			switch d := a.text("error_description"); {
			case a.status == http.StatusOK:
				return "good"
			case strings.HasPrefix(d, "the "): // this provider's own words
				text += " own"
			case d != "":
				text += " " + strings.Fields(d)[0]
			}
			return text
		}
		expired := w.enter(b, "mail").text("refresh_token")
		time.Sleep(61 * time.Minute)
		old := w.enter(b, "notes")
		time.Sleep(time.Minute)
		w.refresh("notes", old.text("refresh_token"))
		time.Sleep(time.Minute)
		words := []string{said(w.refresh("notes", "nonsense")), said(w.refresh("mail", expired)),
			said(w.refresh("notes", old.text("refresh_token")))}
		b2 := w.Browser("ada")
		over := w.enter(b2, "notes")
		if err := w.EndSession(w.session(b2).SID); err != nil {
			t.Fatal(err)
		}
		words = append(words, said(w.refresh("notes", over.text("refresh_token"))))
		req, _ := http.NewRequest(http.MethodGet, w.URL+idpmock.PathUserinfo, nil)
		req.Header.Set("Authorization", "Bearer nonsense")
		resp, err := w.http.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		u := w.userinfo("nonsense")
		challenge, _, _ := strings.Cut(resp.Header.Get("WWW-Authenticate"), " ")
		return strings.Join(words, ", ") + "; " +
			strings.TrimSpace(fmt.Sprint(u.status, " ", u.text("error"), " ", challenge))
	})
}

// refused checks the status and the description of a refusal.
func refused(t *testing.T, a answer, status int, description string) {
	t.Helper()
	if a.status != status || !strings.HasPrefix(a.text("error_description"), description) {
		t.Errorf("%v, want %d %s", a, status, description)
	}
}

// The words of a refusal in full, where TestRefusals reads one.
func TestWordsOfTemperaments(t *testing.T) {
	for name, want := range map[string]string{"keycloak": "Token verification failed",
		"okta":          "The access token is invalid.",
		"oidc-provider": "invalid token provided"} {
		like(t, name, nil, func(t *testing.T, w *world) { refused(t, w.userinfo("nonsense"), 401, want) })
	}
	like(t, "dex", func(c *idpmock.Config) {
		c.Clients[0].RefreshTokenLifetime = time.Hour
	}, func(t *testing.T, w *world) {
		token := w.enter(w.Browser("ada"), "notes").text("refresh_token")
		time.Sleep(61 * time.Minute)
		refused(t, w.refresh("notes", token), 400, "Refresh token expired.")
		refused(t, w.userinfo("nonsense"), 403, "Invalid bearer token.")
	})
	like(t, "dex", func(c *idpmock.Config) { // refreshTokenLifetime: session
		c.Temperament.NoProof = []idpmock.Endpoint{idpmock.EndpointUserinfo}
	}, func(t *testing.T, w *world) {
		b := w.Browser("ada")
		tok := w.enter(b, "notes")
		if err := w.Expire(w.session(b).SID, idpmock.CauseIdle); err != nil {
			t.Fatal(err)
		}
		a := w.refresh("notes", tok.text("refresh_token"))
		refused(t, a, 400, "The session this refresh token belongs to has ended.")
		if a.text("error") != "invalid_grant" {
			t.Errorf("%v", a)
		}
		refused(t, w.refresh("notes", tok.text("refresh_token")), 400, "Refresh token is invalid") // it is gone
		if a := w.introspect(tok.text("access_token")); a.fields["active"] != false {
			t.Errorf("introspection: %v", a)
		}
		if a := w.userinfo(tok.text("access_token")); a.status != http.StatusOK {
			t.Errorf("userinfo: %v", a)
		}
	})
}

// Keycloak says which part is gone.
func TestWordsOfAClientSession(t *testing.T) {
	like(t, "keycloak", apiKnows, func(t *testing.T, w *world) {
		b := w.Browser("ada")
		mail, first, second := w.login(b, "mail"), w.login(b, "notes"), w.login(b, "notes")
		w.revoke("notes", first.text("refresh_token"))
		refused(t, w.refresh("notes", second.text("refresh_token")), 400, "Session doesn't have required client")
		refused(t, w.userinfo(second.text("access_token")), 401, "User session not found")
		w.revoke("mail", mail.text("refresh_token")) // the last one
		for range 2 {
			refused(t, w.refresh("mail", mail.text("refresh_token")), 400, "Session not active")
			refused(t, w.userinfo(mail.text("access_token")), 401, "User session not found")
			time.Sleep(5 * time.Minute) // it does not forget why
		}
	})
}

// Dex keeps one refresh token per user and client: a log-in in a second browser
// kills the first one's, though its session and its access token live.
func TestSecondBrowserAtDex(t *testing.T) {
	like(t, "dex", nil, func(t *testing.T, w *world) {
		b := w.Browser("ada")
		first := w.enter(b, "notes")
		time.Sleep(time.Second)
		second, bob := w.enter(w.Browser("ada"), "notes"), w.enter(w.Browser("bob"), "notes")
		a := w.refresh("notes", first.text("refresh_token"))
		if a.status != http.StatusBadRequest || a.text("error") != "invalid_request" {
			t.Errorf("the first browser's: %v", a)
		}
		if a := w.userinfo(first.text("access_token")); a.status != http.StatusOK {
			t.Errorf("its access token: %v", a)
		}
		w.session(b)
		for name, tok := range map[string]answer{"the second browser's": second, "somebody else's": bob} {
			if a := w.refresh("notes", tok.text("refresh_token")); a.status != http.StatusOK {
				t.Errorf("%s: %v", name, a)
			}
		}
	})
	like(t, "auth0", nil, func(t *testing.T, w *world) { // 200
		var tokens []string
		for range 201 {
			tokens = append(tokens, w.enter(w.Browser("ada"), "notes").text("refresh_token"))
			time.Sleep(time.Second)
		}
		for _, i := range []int{0, 1, 200} {
			if got := w.refresh("notes", tokens[i]).status == http.StatusOK; got != (i > 0) {
				t.Errorf("token %d of 201 is good: %v", i, got)
			}
		}
	})
}

// The same words for a public client's API token as for its own.
func TestAudienceWords(t *testing.T) {
	const plain = "invalid_token"
	words := map[string]string{"entra": "Access token validation failure. Invalid audience.", "adfs": "MSIS9921: ",
		"oidc-provider": "invalid token provided"}
	forAPI := func(c *idpmock.Config) { c.Clients[0].Audience = []string{"https://api.example"} }
	for name, want := range map[string]string{"entra": "InvalidAuthenticationToken", "adfs": plain,
		"oidc-provider": plain, "strict": plain} {
		like(t, name, forAPI, func(t *testing.T, w *world) {
			tok := w.enter(w.Browser("ada"), "notes")
			a := w.userinfo(tok.text("access_token"))
			_, claims := peek(t, tok.text("access_token"))
			if a.status != 401 || a.text("error") != want || fmt.Sprint(claims["aud"]) != "[https://api.example]" {
				t.Errorf("%v, aud %v", a, claims["aud"])
			}
			refused(t, a, 401, words[name])
			if name == "strict" {
				if a := w.introspect(tok.text("access_token")); a.fields["active"] != true {
					t.Errorf("introspection: %v", a)
				}
			}
		})
	}
}
