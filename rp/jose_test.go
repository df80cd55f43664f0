package rp_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/reason"
)

// oneRSA is made once: it takes a tenth of a second.
var oneRSA = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
})

// keyed is a setup whose client has a key instead of a secret, and one to decrypt with.
func keyed(t *testing.T, s setup) setup {
	sign := rp.ClientKey{ID: "sign", Key: newES256(t)}
	rsaKey, p256 := oneRSA(), newES256(t)
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
		{Key: sign.Key.Public(), KeyID: "sign", Use: "sig"},
		{Key: rsaKey.Public(), KeyID: "rsa", Use: "enc"},
		{Key: p256.Public(), KeyID: "p256", Use: "enc"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	config, client := s.config, s.client
	s.config = func(c *rp.Config) {
		c.ClientSecret, c.ClientKeys = "", []rp.ClientKey{sign}
		c.DecryptionKeys = []rp.ClientKey{{ID: "p256", Key: p256}, {ID: "rsa", Key: rsaKey}}
		if config != nil {
			config(c)
		}
	}
	s.client = func(c *idpmock.Client) {
		c.Secret, c.JWKS = "", set
		if client != nil {
			client(c)
		}
	}
	return s
}

// JAR: the request is signed where the IdP demands it, by value and pushed; what stands in
// the address is not what counts. By reference: TestRequestURI.
func TestJAR(t *testing.T) {
	age := func(c *rp.Config) {
		c.MaxAge = time.Hour
		c.LoginParams = map[string]string{"claims": `{"id_token":{"acr":null}}`}
	}
	for name, s := range map[string]setup{
		"the IdP demands it": {idp: func(c *idpmock.Config) { c.RequireJAR = true }, config: age},
		"the app wants it": {config: func(c *rp.Config) {
			age(c)
			c.JAR = true
		}, client: func(c *idpmock.Client) { c.RequireJAR = true }},
		"and pushed": {idp: func(c *idpmock.Config) { c.RequireJAR, c.RequirePAR = true, true }, config: age},
	} {
		t.Run(name, func(t *testing.T) {
			var pushes []url.Values
			inBubble(t, watching(keyed(t, s), "/par", func(form url.Values) {
				pushes = append(pushes, form)
			}), func(t *testing.T, w *world) {
				v := w.visitor("ada")
				to := v.start("/auth/login?return_to=/private")
				fields := query(to)
				if len(pushes) > 0 {
					pushed(t, to)
					fields = pushes[0]
				}
				for _, hidden := range []string{"state", "nonce", "redirect_uri", "code_challenge", "max_age",
					"claims"} {
					if fields.Has(hidden) {
						t.Errorf("%s is not in the request object: %v", hidden, fields)
					}
				}
				raw := fields.Get("request")
				jws, err := jose.ParseSignedCompact(raw, []jose.SignatureAlgorithm{jose.ES256})
				if err != nil || jws.Signatures[0].Header.ExtraHeaders["typ"] != "oauth-authz-req+jwt" ||
					jws.Signatures[0].Header.KeyID != "sign" {
					t.Fatalf("%v %v", err, fields)
				}
				var claims map[string]any
				if err := json.Unmarshal(jws.UnsafePayloadWithoutVerification(), &claims); err != nil {
					t.Fatal(err)
				}
				if claims["max_age"] != 3600.0 || claims["aud"] != issuer || claims["iss"] != "notes" {
					t.Errorf("%v", claims)
				}
				if _, ok := claims["claims"].(map[string]any); !ok {
					t.Errorf("claims is a text: %v", claims["claims"])
				}
				if a := v.get(v.authorize(to)); a.status != http.StatusSeeOther || a.location() != "/private" {
					t.Errorf("%v", a)
				}
			})
		})
	}
}

// JARM: the answer counts if the IdP has signed it for this client, in each mode, errors
// too; a plain one does not.
func TestJARM(t *testing.T) {
	for _, mode := range []string{"jwt", "query.jwt", "form_post.jwt"} {
		for _, encrypted := range []string{"", "ECDH-ES+A256KW"} {
			t.Run(mode+encrypted, func(t *testing.T) {
				s := keyed(t, setup{config: func(c *rp.Config) {
					c.ResponseMode = mode
				}, client: func(c *idpmock.Client) { c.Encrypted = encrypted }})
				inBubble(t, s, func(t *testing.T, w *world) {
					v := w.visitor("ada")
					to := v.start("/auth/login?return_to=/private")
					if query(to).Get("response_mode") != mode {
						t.Errorf("%s", to)
					}
					back := v.authorize(to)
					if mode == "form_post.jwt" {
						if a := v.again(v.cookieless("/auth/callback", query(back),
							issuer)); a.status != http.StatusSeeOther || a.location() != "/private" {
							t.Errorf("%v", a)
						}
						v.expect("live", "")
						return
					}
					if q := query(back); len(q) != 1 || q.Get("response") == "" {
						t.Errorf("the answer: %s", back)
					}
					if a := v.get(back); a.status != http.StatusSeeOther || a.location() != "/private" {
						t.Fatalf("%v", a)
					}
					if a := v.get(back); a.status != http.StatusSeeOther { // used: it leads to the page
						t.Errorf("again: %v", a)
					}
				})
			})
		}
	}
}

// What is not signed by the IdP for this client begins no session, spends no state and
// leads nowhere. FAPI 2.0's ensure-jarm-signature-is-not-none is "not signed".
func TestJARMForged(t *testing.T) {
	s := keyed(t, setup{config: func(c *rp.Config) { c.ResponseMode = "jwt" }})
	inBubble(t, s, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		good := v.authorize(v.start("/auth/login?return_to=/private"))
		raw := query(good).Get("response")
		parts := strings.Split(raw, ".")
		for name, forged := range map[string]string{
			"none":        base + "/auth/callback",
			"empty":       base + "/auth/callback?response=",
			"a plain one": base + "/auth/callback?code=x&state=y&iss=" + url.QueryEscape(issuer),
			"both":        base + "/auth/callback?code=x&response=a.b.c",
			"junk":        base + "/auth/callback?response=a.b.c",
			"not signed":  base + "/auth/callback?response=eyJhbGciOiJub25lIn0." + parts[1] + ".",
			"cut":         base + "/auth/callback?response=" + raw[:len(raw)-8],
			"an ID token": base + "/auth/callback?response=" + strings.Repeat("x", 40<<10),
			"twice":       good + "&response=" + raw,
			"another's answer": base + "/auth/callback?response=" + parts[0] + "." + parts[1] + "." +
				strings.Repeat("A", 86),
		} {
			if a := v.get(forged); a.status != http.StatusBadRequest || v.id() != "" {
				t.Errorf("%s: %v", name, a)
			}
		}
		if a := v.get(good); a.status != http.StatusSeeOther || v.id() == "" {
			t.Errorf("the good one after them: %v", a)
		}
	})
}

// BCL-04: ID tokens, logout tokens and userinfo that are encrypted for this client are
// opened; the hint of a log-out is the signed token inside (Core §3.1.2.1).
func TestEncryptedTokens(t *testing.T) {
	for _, alg := range []string{"RSA-OAEP-256", "RSA-OAEP", "ECDH-ES", "ECDH-ES+A256KW"} {
		t.Run(alg, func(t *testing.T) {
			s := keyed(t, setup{kind: rp.RefreshToken,
				config: func(c *rp.Config) { c.UserinfoClaims = true },
				client: func(c *idpmock.Client) { c.Encrypted, c.UserinfoSigned = alg, true },
				idp:    func(c *idpmock.Config) { c.Temperament.ProfileAtUserinfo = true },
			})
			inBubble(t, s, func(t *testing.T, w *world) {
				v := w.visitor("ada")
				v.login()
				time.Sleep(6 * time.Minute)
				v.welcome() // by a refresh
				if w.log.has("is left out") {
					t.Errorf("the ID token of a refresh was not read:\n%s", w.log)
				}
				out := v.submit("/auth/logout").location()
				if hint := query(out).Get("id_token_hint"); strings.Count(hint, ".") != 2 {
					t.Errorf("the hint is %q", hint)
				}
				w.expectEnds(reason.UserLogout)

				v.login()
				if err := w.idp.EndSession(v.session().SID); err != nil {
					t.Fatal(err)
				}
				w.idp.Settle()
				w.expectEnds(reason.UserLogout, reason.BackchannelLogout)
			})
		})
	}
}

// What is encrypted for somebody else, or without a key here, is named as such.
func TestEncryptedForNobody(t *testing.T) {
	s := keyed(t, setup{config: func(c *rp.Config) {
		c.DecryptionKeys = nil
	}, client: func(c *idpmock.Client) { c.Encrypted = "RSA-OAEP" }})
	inBubble(t, s, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		if a := v.get(v.authorize(v.start("/auth/login"))); a.status != http.StatusBadRequest || v.id() != "" {
			t.Errorf("%v", a)
		}
		if !w.log.has("is encrypted with RSA-OAEP and A256GCM for the key") ||
			!w.log.has("Config.DecryptionKeys is empty") || !w.hasFinding("unreadable") {
			t.Errorf("the log:\n%s", w.log)
		}
	})
}

// oidcc-client-test-userinfo-signed, CORE-11: signed claims are taken if the signature, iss,
// aud and sub fit, and named where they cannot be read.
func TestSignedUserinfo(t *testing.T) {
	for _, row := range []struct {
		name string
		edit idpmock.ResponseFault
		want int
		says string
	}{
		{"good", "", http.StatusSeeOther, ""},
		{"another sub", idpmock.ResponseWrongSub, http.StatusBadRequest, "another subject"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := setup{config: func(c *rp.Config) {
				c.UserinfoClaims = true
			}, client: func(c *idpmock.Client) { c.UserinfoSigned = true },
				idp: func(c *idpmock.Config) {
					c.Temperament.ProfileAtUserinfo = true
					c.Users = []idpmock.User{{Username: "ada", Name: "Ada",
						Claims: map[string]any{"groups": []string{"staff"}}}}
				}}
			inBubble(t, s, func(t *testing.T, w *world) {
				v := w.visitor("ada")
				back := v.authorize(v.start("/auth/login"))
				if row.edit != "" {
					w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointUserinfo, Response: row.edit})
				}
				if a := v.get(back); a.status != row.want {
					t.Fatalf("%v", a)
				}
				if row.says != "" && !w.log.has(row.says) {
					t.Errorf("the log:\n%s", w.log)
				}
				if row.want != http.StatusSeeOther {
					return
				}
				w.calls(v, "/run", func(_ context.Context, s *rp.Session) (*http.Response, error) {
					var claims struct{ Groups []string }
					if err := s.Claims(&claims); err != nil || len(claims.Groups) != 1 {
						t.Errorf("%v %v", claims, err)
					}
					return nil, errors.New("no call")
				})
			})
		})
	}
	// Signed with another algorithm than Config.IDTokenAlg.
	inBubble(t, setup{config: func(c *rp.Config) {
		c.UserinfoClaims = true
	}, client: func(c *idpmock.Client) { c.UserinfoSigned = true }}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		back := v.authorize(v.start("/auth/login"))
		w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointUserinfo, Status: 200,
			Body:   "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEifQ.",
			Header: map[string]string{"Content-Type": "application/jwt"}})
		if a := v.get(back); a.status != http.StatusBadGateway || v.id() != "" || !w.log.has("cannot be read") {
			t.Errorf("%v\n%s", a, w.log)
		}
	})
}
