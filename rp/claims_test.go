package rp_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
)

// claimsOf returns what a handler sees of a person.
func (v *visitor) claimsOf() map[string]any {
	v.w.Helper()
	var got map[string]any
	v.w.run = func(_ http.ResponseWriter, _ *http.Request, s *rp.Session) {
		if err := s.Claims(&got); err != nil {
			v.w.Error(err)
		}
	}
	if a := v.get("/run"); a.status != http.StatusOK {
		v.w.Fatalf("%v", a)
	}
	return got
}

// groups gives everybody so many, from now on.
func (w *world) groups(n int) {
	w.Helper()
	if err := w.idp.Update(func(c *idpmock.Config) { c.Temperament.Groups = n }); err != nil {
		w.Fatal(err)
	}
}

// people makes the IdP tell more of ada.
func people(claims map[string]any) func(*idpmock.Config) {
	return func(c *idpmock.Config) {
		patient(c)
		c.Users = []idpmock.User{{Username: "ada", Name: "Ada L.", Claims: claims}, {Username: "bob"}}
	}
}

// A refreshed ID token that says less takes nothing away (or, by option, all that it does
// not say), but for what concerns one token only (Core §12.2).
func TestThinRefresh(t *testing.T) {
	for _, forget := range []bool{false, true} {
		s := setup{idp: func(c *idpmock.Config) {
			people(map[string]any{"groups": []string{"admins"}})(c)
			c.Temperament.ThinRefresh = true
		}, config: func(c *rp.Config) { c.ForgetClaims, c.Scopes = forget, []string{"openid", "profile"} }}
		inBubble(t, s, func(t *testing.T, w *world) {
			v := w.visitor("ada")
			v.login()
			before := v.claimsOf()
			if before["nonce"] == nil || before["name"] != "Ada L." {
				t.Fatalf("%v", before)
			}
			time.Sleep(6 * time.Minute)
			v.welcome()
			synctest.Wait()
			w.idp.Expect(idpmock.EndpointRefresh, "notes", 1)
			c := v.claimsOf()
			if kept := c["name"] == "Ada L." && fmt.Sprint(c["groups"]) == "[admins]"; kept == forget {
				t.Errorf("forget %v: %v", forget, c)
			}
			if c["exp"] == before["exp"] || c["iat"] == before["iat"] || c["at_hash"] == before["at_hash"] ||
				c["nonce"] != nil || c["sub"] != "ada" {
				t.Errorf("claims about one token were kept: %v, before %v", c, before)
			}
		})
	}
}

// A silent check asks for openid alone. An ID token of it that names another sid is the
// hint from then on, and takes no claim away, whatever the option says of renewals.
func TestCheckKeepsClaims(t *testing.T) {
	s := setup{kind: rp.NoToken, idp: people(map[string]any{"groups": []string{"admins"}}), config: func(c *rp.Config) {
		c.SilentCheck, c.ForgetClaims, c.Scopes = true, true, []string{"openid", "profile"}
	}}
	inBubble(t, s, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		before := v.claimsOf()
		time.Sleep(6 * time.Minute)
		w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointCode, IDToken: idpmock.IDTokenChangedSid})
		if a := v.get(v.authorize(v.start(v.get("/private").location()))); a.location() != "/private" {
			t.Fatalf("%v", a)
		}
		c := v.claimsOf()
		if c["sid"] == before["sid"] || c["name"] != "Ada L." || fmt.Sprint(c["groups"]) != "[admins]" {
			t.Errorf("%v, before %v", c, before)
		}
		w.expectEnds()
	})
}

// A nonce in a refreshed ID token has to be the log-in's, also after one that had none
// (CORE-10).
func TestNonceIsRemembered(t *testing.T) {
	inBubble(t, setup{idp: patient}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		for i, fault := range []idpmock.IDTokenFault{"", idpmock.IDTokenNonceOnRefresh, idpmock.IDTokenInvalidNonce} {
			if fault != "" {
				w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointRefresh, IDToken: fault})
			}
			time.Sleep(6 * time.Minute)
			v.welcome()
			w.idp.Expect(idpmock.EndpointRefresh, "notes", i+1)
			if bad := w.log.has("nonce is not the one"); bad != (fault == idpmock.IDTokenInvalidNonce) {
				t.Errorf("%q: refused %v", fault, bad)
			}
		}
	})
}

// A person with 300 groups, by GUIDs, can log in and stays in, with groups in the ID token
// and at userinfo. More than a record holds is a page that says so, and at a refresh it
// costs nobody the session.
func TestManyGroups(t *testing.T) {
	s := setup{idp: func(c *idpmock.Config) { patient(c); c.Temperament.Groups = 300 },
		config: func(c *rp.Config) { c.UserinfoClaims, c.UserinfoAgain = true, true }}
	inBubble(t, s, func(t *testing.T, w *world) {
		count := func(v *visitor) int { list, _ := v.claimsOf()["groups"].([]any); return len(list) }
		v := w.visitor("ada")
		v.login()
		if n := count(v); n != 300 {
			t.Fatalf("%d groups", n)
		}
		refreshed := func(want int) {
			t.Helper()
			time.Sleep(6 * time.Minute)
			v.welcome()
			synctest.Wait()
			if n := count(v); n != want {
				t.Errorf("%d groups, want %d", n, want)
			}
		}
		w.groups(500)
		refreshed(500)
		w.groups(1500) // no ID token that is read
		refreshed(500)
		w.run = func(rw http.ResponseWriter, r *http.Request, _ *rp.Session) {
			s, err := w.auth[0].Values().Get(r, "draft")
			if err == nil {
				s.Values["text"] = strings.Repeat("x", 12<<10)
				err = s.Save(r, rw)
			}
			if err != nil {
				t.Error(err)
			}
		}
		v.submit("/run")
		w.groups(1050) // one that does not fit beside what the app keeps
		refreshed(500)
		refreshed(500) // the refresh token beside the ID token was kept
		w.expectEnds()
		if !w.log.has("is too large for the session and is not used") {
			t.Error("the log does not say so")
		}
		bob := w.visitor("bob")
		for _, n := range []int{1050, 1500} {
			w.groups(n)
			a := bob.get(bob.authorize(bob.start("/auth/login")))
			if a.status != http.StatusBadGateway || !strings.Contains(a.body, "too large") || bob.id() != "" ||
				!w.log.has("let the IdP put fewer claims") {
				t.Errorf("%d groups: %v\n%s", n, a, w.log)
			}
		}
	})
}
