package rp_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/adapter"
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

// profiled is a world whose IdP tells the profile at userinfo only, and an app that asks there.
func profiled(kind rp.Kind, more func(*rp.Config)) setup {
	return setup{kind: kind, idp: func(c *idpmock.Config) {
		people(map[string]any{"roles": []string{"admins", "staff"}})(c)
		c.Temperament.ProfileAtUserinfo = true
	}, config: func(c *rp.Config) {
		c.Scopes, c.UserinfoClaims = []string{"openid", "profile"}, true
		if more != nil {
			more(c)
		}
	}}
}

// Where the IdP puts the profile at userinfo it is there after the log-in, for every kind of
// client (Core §5.3); without the option nobody asks.
func TestUserinfoClaims(t *testing.T) {
	for _, kind := range []rp.Kind{rp.RefreshToken, rp.ReferenceToken, rp.NoToken} {
		inBubble(t, profiled(kind, nil), func(t *testing.T, w *world) {
			v := w.visitor("ada")
			v.login()
			c := v.claimsOf()
			if c["name"] != "Ada L." || fmt.Sprint(c["roles"]) != "[admins staff]" || c["sub"] != "ada" ||
				c["iss"] != issuer || c["nonce"] == nil {
				t.Errorf("%v: %v", kind, c)
			}
			w.idp.Expect(idpmock.EndpointUserinfo, "notes", 1)
		})
	}
	s := profiled(rp.RefreshToken, func(c *rp.Config) { c.UserinfoClaims = false })
	inBubble(t, s, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		if c := v.claimsOf(); c["name"] != nil {
			t.Errorf("the temperament does not bite: %v", c)
		}
		w.idp.Expect(idpmock.EndpointUserinfo, "notes", 0)
		if !w.hasFinding("profile_at_userinfo") || !w.log.has("set Config.UserinfoClaims") {
			t.Error("nobody is told that a name was asked for and does not come")
		}
	})
	inBubble(t, setup{idp: people(nil), config: func(c *rp.Config) {
		c.Scopes = []string{"openid", "profile"}
	}}, func(t *testing.T, w *world) {
		w.visitor("ada").login()
		if w.hasFinding("profile_at_userinfo") {
			t.Error("a finding where the ID token has the name")
		}
	})
}

func (w *world) hasFinding(code string) bool {
	return slices.ContainsFunc(w.auth[0].Findings(), func(f rp.Finding) bool { return f.Code == code })
}

// A log-in without what the app needs begins no session; its tokens are given up, and the
// page says what helps: another try, or nothing.
func TestUserinfoFailsAtLogin(t *testing.T) {
	for name, row := range map[string]struct {
		fault  idpmock.Fault
		status int
		page   string
		log    string
	}{
		"CORE-11 another subject": {fault: idpmock.Fault{Response: idpmock.ResponseWrongSub}, status: 400,
			page: "two different things about who you are", log: "another subject"},
		"an outage": {fault: idpmock.Fault{Status: 503, RetryAfter: "7"}, status: 503,
			log: "userinfo answered 503"},
		"no answer in time":       {fault: idpmock.Fault{Delay: time.Hour}, status: 503, log: "Config.WaitFor"},
		"a token for an API":      {fault: idpmock.Fault{Status: 401}, status: 502, log: "bound to an API"},
		"a scope that is missing": {fault: idpmock.Fault{Status: 403}, status: 502, log: "lacks a scope"},
		"no JSON":                 {fault: idpmock.Fault{Body: "<html>"}, status: 503, log: "without a sub"},
		"signed by nobody (Core §5.3)": {fault: idpmock.Fault{Body: "e30.e30.", ContentType: "application/jwt"},
			status: 502, log: "userinfo_signed_response_alg"},
	} {
		t.Run(name, func(t *testing.T) {
			s := profiled(rp.RefreshToken, nil)
			inBubble(t, s, func(t *testing.T, w *world) {
				row.fault.Endpoint, row.fault.Times = idpmock.EndpointUserinfo, idpmock.Always
				defer w.idp.Fault(row.fault).Remove()
				v := w.visitor("ada")
				began := time.Now()
				a := v.get(v.authorize(v.start("/auth/login")))
				if a.status != row.status || !strings.Contains(a.header.Get("Content-Type"), "text/html") ||
					v.id() != "" {
					t.Errorf("%v", a)
				}
				if !strings.Contains(a.body, row.page) || w.hasFinding("userinfo_other_subject") != (row.page != "") {
					t.Errorf("%v\n%v", a, w.auth[0].Findings())
				}
				if row.status == 503 && a.header.Get("Retry-After") == "" || time.Since(began) > 16*time.Second {
					t.Errorf("after %v: %v", time.Since(began), a)
				}
				if !w.log.has(row.log) {
					t.Errorf("the log does not say %q:\n%s", row.log, w.log)
				}
				v.expect("anonymous", "")
				time.Sleep(time.Minute)
				if w.idp.Count(idpmock.EndpointRevoke, "notes") == 0 {
					t.Error("the tokens are left alive")
				}
			})
		})
	}
}

// An IdP without userinfo is told at the start.
func TestUserinfoClaimsNeedAnEndpoint(t *testing.T) {
	inBubble(t, setup{idp: func(c *idpmock.Config) {
		c.Temperament.Lacks = []string{"userinfo_endpoint"}
	}}, func(t *testing.T, w *world) {
		c := w.config(setup{})
		c.UserinfoClaims = true
		if _, err := rp.New(t.Context(), c); !slices.Equal(faults(err), []string{"UserinfoClaims"}) {
			t.Errorf("%v", err)
		}
	})
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

// With UserinfoAgain a group that somebody loses at the IdP is gone after the next renewal,
// and what userinfo cannot tell now stays as it was. Nobody waits for it.
func TestUserinfoAgain(t *testing.T) {
	for _, kind := range []rp.Kind{rp.RefreshToken, rp.ReferenceToken} {
		inBubble(t, profiled(kind, func(c *rp.Config) { c.UserinfoAgain = true }), func(t *testing.T, w *world) {
			w.groups(3)
			v := w.visitor("ada")
			v.login()
			later := func(now, want int) {
				t.Helper()
				w.groups(now)
				time.Sleep(6 * time.Minute)
				v.welcome()
				synctest.Wait()
				c := v.claimsOf()
				list, _ := c["groups"].([]any)
				if len(list) != want || c["name"] != "Ada L." || c["sub"] != "ada" {
					t.Errorf("%v: %v, want %d groups", kind, c, want)
				}
			}
			later(2, 2)
			if kind == rp.ReferenceToken { // there userinfo is the signal: its failure is another story
				return
			}
			down := w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointUserinfo, Delay: time.Hour,
				Times: idpmock.Always})
			began := time.Now()
			later(1, 2)
			if waited := time.Since(began) - 6*time.Minute; waited > time.Second {
				t.Errorf("somebody has waited %v for userinfo", waited)
			}
			down.Remove()
			// CORE-11
			w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointUserinfo, Response: idpmock.ResponseWrongSub})
			later(1, 2)
			later(1, 1)
			w.expectEnds()
		})
	}
}

// The refreshed ID token that says nothing of the person leaves userinfo's word as it is.
func TestUserinfoOnce(t *testing.T) {
	inBubble(t, profiled(rp.RefreshToken, nil), func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		for range 3 {
			time.Sleep(6 * time.Minute)
			v.welcome()
		}
		if c := v.claimsOf(); c["name"] != "Ada L." {
			t.Errorf("%v", c)
		}
		w.idp.Expect(idpmock.EndpointUserinfo, "notes", 1)
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

// RequireClaim lets in whose claim says so, by whatever shape the IdP gives it, and answers
// the others 403: a page, JSON, or what the app says.
func TestRequireClaim(t *testing.T) {
	s := setup{idp: people(map[string]any{"groups": []string{"staff"},
		"realm_access": map[string]any{"roles": []string{"editor"}}, "verified": true})}
	inBubble(t, s, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		for want, opts := range map[int][][]rp.LoginOption{
			200: {{rp.RequireClaim("groups", "admins", "staff")}, {rp.RequireClaim("realm_access.roles", "editor"),
				rp.RequireClaim("groups", "staff")}, {rp.RequireClaim("verified", "true")}},
			403: {{rp.RequireClaim("groups", "admins")}, {rp.RequireClaim("groups")}, {rp.RequireClaim("groups", "")},
				{rp.RequireClaim("roles", "staff")},
				{rp.RequireClaim("groups", "staff"), rp.RequireClaim("verified", "false")}},
		} {
			for i, o := range opts {
				path := fmt.Sprintf("/claim-%d-%d", want, i)
				w.guarded(path, o...)
				if a := v.get(path); a.status != want {
					t.Errorf("%s: %v", path, a)
				}
			}
		}
		a := v.get("/claim-403-0")
		if a.header.Get("Cache-Control") != "no-store" || a.header.Get("Tandem-Error") != "forbidden" ||
			!strings.Contains(a.body, "Use another account") {
			t.Errorf("the page: %v", a)
		}
		other := between(a.body, `href="`, `"`)
		if at := query(v.start(strings.ReplaceAll(other, "&amp;", "&"))); at.Get("prompt") != "select_account" {
			t.Errorf("%q leads to %v", other, at)
		}
		var p adapter.Problem
		if a := v.fetch("/claim-403-0"); a.status != 403 || json.Unmarshal([]byte(a.body), &p) != nil ||
			p != (adapter.Problem{Error: "forbidden"}) {
			t.Errorf("a script: %v", a)
		}
		stranger := w.visitor("bob")
		if a := stranger.get("/claim-403-0"); a.status != http.StatusFound ||
			a.location() != "/auth/login?return_to=%2Fclaim-403-0" {
			t.Errorf("nobody: %v", a)
		}
		w.expectEnds()
	})

	own := setup{idp: people(nil), config: func(c *rp.Config) {
		c.Forbidden = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Get("as") == "404" {
				http.NotFound(rw, r)
				return
			}
			io.WriteString(rw, "sorry, "+rp.FromContext(r.Context()).Subject())
		})
	}}
	inBubble(t, own, func(t *testing.T, w *world) {
		w.guarded("/admin", rp.RequireClaim("groups", "admins"))
		v := w.visitor("ada")
		v.login()
		if a := v.get("/admin"); a.status != 403 || a.body != "sorry, ada" ||
			a.header.Get("Cache-Control") != "no-store" || a.header.Get("Tandem-Error") != "forbidden" {
			t.Errorf("%v", a)
		}
		if a := v.fetch("/admin?as=404"); a.status != 404 || !strings.Contains(a.body, "not found") {
			t.Errorf("%v", a)
		}
	})
}

// between is what stands in text between two others.
func between(text, from, to string) string {
	_, rest, _ := strings.Cut(text, from)
	found, _, _ := strings.Cut(rest, to)
	return found
}
