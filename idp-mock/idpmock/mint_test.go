package idpmock_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

// Minted tokens are as good as those of a log-in: they are refreshed, shown, and end with
// the session.
func TestMint(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		tok := must(w.Mint(idpmock.Mint{Client: "notes", User: "ada", Audience: []string{"https://api.example"},
			Claims: map[string]any{"roles": []string{"admin"}, "sub": "not-this"}}))
		header, claims := peek(t, tok.AccessToken)
		if header["typ"] != "at+jwt" || claims["sub"] != "ada" ||
			fmt.Sprint(claims["aud"], claims["roles"]) != "[https://api.example] [admin]" {
			t.Errorf("%v %v", header, claims)
		}
		if _, id := peek(t, tok.IDToken); id["sub"] != "ada" || id["aud"] != "notes" || id["sid"] != tok.SID {
			t.Errorf("%v", id)
		}
		if tok.ExpiresIn != 300 || tok.TokenType != "Bearer" || tok.Scope != "openid profile email offline_access" {
			t.Errorf("%+v", tok)
		}
		if a := w.refresh("notes", tok.RefreshToken); a.status != http.StatusOK {
			t.Errorf("refresh: %v", a)
		}
		if a := w.userinfo(tok.AccessToken); a.text("name") != "ada" {
			t.Errorf("userinfo: %v", a)
		}
		more := must(w.Mint(idpmock.Mint{Client: "mail", User: "ada", SID: tok.SID, Scope: []string{"notes:read"}}))
		if more.SID != tok.SID || more.IDToken != "" || more.Scope != "notes:read" || len(w.Sessions()) != 1 {
			t.Errorf("%+v of %d sessions", more, len(w.Sessions()))
		}
		if err := w.EndSession(tok.SID); err != nil {
			t.Fatal(err)
		}
		w.Settle()
		if in := w.introspect(more.AccessToken); in.fields["active"] != false || len(w.deliveries("mail")) != 1 {
			t.Errorf("after the end: %v, told %d times", in, len(w.deliveries("mail")))
		}
	})
}

// A token that has run out, one of a client itself, and what cannot be minted.
func TestMintAtTheEdges(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		old := must(w.Mint(idpmock.Mint{Client: "notes", User: "ada", Lifetime: -time.Minute}))
		_, claims := peek(t, old.AccessToken)
		if exp, _ := claims["exp"].(float64); time.Until(time.Unix(int64(exp), 0)) != -time.Minute ||
			claims["iat"].(float64) >= exp {
			t.Errorf("%v", claims)
		}
		if in := w.introspect(old.AccessToken); in.fields["active"] != false {
			t.Errorf("%v", in)
		}
		own := must(w.Mint(idpmock.Mint{Client: "api", Scope: []string{"jobs"}}))
		if _, claims := peek(t, own.AccessToken); claims["sub"] != "api" || claims["scope"] != "jobs" || own.SID != "" {
			t.Errorf("%v", claims)
		}
		for want, m := range map[error]idpmock.Mint{
			idpmock.ErrUnknownClient: {Client: "nobody", User: "ada"},
			idpmock.ErrNoSession:     {Client: "notes", User: "ada", SID: "nonsense"},
		} {
			if _, err := w.Mint(m); !errors.Is(err, want) {
				t.Errorf("%+v: %v", m, err)
			}
		}
		bobs := must(w.Mint(idpmock.Mint{Client: "notes", User: "bob"}))
		if _, err := w.Mint(idpmock.Mint{Client: "notes", User: "ada", SID: bobs.SID}); err == nil {
			t.Error("a token of ada in bob's session")
		}
		if _, err := w.Mint(idpmock.Mint{}); !errors.Is(err, idpmock.ErrUnknownClient) {
			t.Error(err)
		}
	})
}

// Access tokens as others want them: typ JWT, claims of the person and of the client.
func TestAccessTokensAsOthersWantThem(t *testing.T) {
	inBubble(t, func(c *idpmock.Config) {
		c.AccessTokenTyp = "JWT"
		c.PKCEOptional = true
		c.Clients[0].AccessTokenClaims = map[string]any{"tenant": "acme", "iss": "not-this"}
		c.Users = []idpmock.User{{Username: "ada", AccessTokenClaims: map[string]any{"roles": []string{"admin"}}}}
	}, func(t *testing.T, w *world) {
		cb, err := w.Browser("ada").Authorize(t.Context(), authURL(w.URL, "notes", "code_challenge", "",
			"code_challenge_method", ""))
		if err != nil {
			t.Fatal(err)
		}
		form := codeForm(t, "notes", cb)
		form.Del("code_verifier")
		a := w.must(w.post(idpmock.PathToken, "notes", form))
		header, claims := peek(t, a.text("access_token"))
		if header["typ"] != "JWT" || claims["tenant"] != "acme" || fmt.Sprint(claims["roles"]) != "[admin]" ||
			claims["iss"] != w.URL {
			t.Errorf("%v %v", header, claims)
		}
	})
	if _, err := idpmock.New(idpmock.Config{Issuer: "https://idp.example", AccessTokenTyp: "jwt"}); err == nil {
		t.Error("typ jwt")
	}
}
