package rp_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/store"
)

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
	return slices.ContainsFunc(w.auth[0].Findings(), func(f store.Finding) bool { return f.Code == code })
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
			if n := w.lines("userinfo could not be read again"); n != 2 {
				t.Errorf("told %d times of 2 failures:\n%s", n, w.log)
			}
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

// A token for one API is no renewal of the session's own: userinfo is not asked again.
func TestUserinfoIsNotAskedForAnAPI(t *testing.T) {
	s := setup{config: func(c *rp.Config) { c.UserinfoClaims, c.UserinfoAgain = true, true }}
	inAPIs(t, s, func(t *testing.T, w *world, v *visitor, _ map[string]*api, _ *wire) {
		asked := w.idp.Count(idpmock.EndpointUserinfo, "notes")
		if status, _, err := w.calls(v, "/run", get("https://entra.example/")); status != 200 || err != nil {
			t.Fatal(status, err)
		}
		synctest.Wait()
		w.idp.Expect(idpmock.EndpointRefresh, "notes", 1)
		w.idp.Expect(idpmock.EndpointUserinfo, "notes", asked)
	})
}
