package rp_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/reason"
)

// groups makes ID tokens longer than most IdPs, and the proxies before them, take in an
// address.
func groups(n int) map[string]any {
	return map[string]any{"groups": strings.Repeat("x", n), "login_hint": "O.eve"}
}

// sent is what a log-out sends to the IdP: by which names, and whether the IdP ends its
// session and comes back.
func (v *visitor) sent(form url.Values) string {
	v.w.Helper()
	a := v.do("POST", "/auth/logout", form, with(navigating, "Sec-Fetch-Site", "same-origin", "Origin", base))
	fields, how := query(a.location()), "get"
	switch {
	case a.status == http.StatusOK:
		fields, how = hiddenFields(a.body), "post"
	case !strings.HasPrefix(a.location(), issuer+"/end_session?"):
		return "nowhere: " + a.location()
	case len(a.location()) > 7<<9:
		v.w.Errorf("an address of %d bytes", len(a.location()))
	}
	var names []string
	for _, name := range []string{"client_id", "id_token_hint", "logout_hint", "logout_uri", "post_logout_redirect_uri",
		"state"} {
		if fields.Has(name) {
			names = append(names, name)
		}
	}
	back, err := v.idp.Logout(v.w.Context(), issuer+"/end_session?"+fields.Encode())
	end := "stays there"
	switch {
	case err != nil:
		end = err.Error()
	case strings.HasPrefix(back, base+"/auth/logged-out"):
		end = "comes back"
	}
	if len(v.w.idp.Sessions()) > 0 {
		end += ", the session lives"
	}
	return fmt.Sprintf("%s %s: %s", how, strings.Join(names, " "), end)
}

// RIL-01, RIL-02: every kind of IdP is asked what it takes, with a small ID token, with one
// that is too long for an address, and without any.
func TestLogoutAtEveryIdP(t *testing.T) {
	const (
		hinted = "get client_id id_token_hint post_logout_redirect_uri state: comes back"
		named  = "get client_id logout_hint post_logout_redirect_uri state: comes back"
		both   = "get client_id id_token_hint logout_hint post_logout_redirect_uri state: comes back"
		bare   = "get client_id post_logout_redirect_uri state: comes back"
	)
	for name, want := range map[string][3]string{ // a small one, a long one, none
		"keycloak": {hinted, named, bare},
		"zitadel":  {hinted, named, bare},
		"auth0":    {both, named, bare}, // logout_hint is the sid
		"entra":    {both, named, bare},
		"duende": {hinted, "get client_id logout_hint post_logout_redirect_uri state: stays there",
			"get client_id post_logout_redirect_uri state: stays there"},
		"okta": {hinted, "post client_id id_token_hint post_logout_redirect_uri state: comes back",
			"nowhere: /auth/logged-out"},
		"hydra": {hinted, "get client_id logout_hint: stays there", "get client_id: stays there"},
		"dex":   {hinted, "get client_id logout_hint: stays there", "get client_id: stays there"},
		"cognito": {"get client_id logout_hint logout_uri: comes back",
			"get client_id logout_hint logout_uri: comes back",
			"get client_id logout_uri: comes back"},
		"login.gov": {named, named, bare},
	} {
		t.Run(name, func(t *testing.T) {
			s := at(t, name, setup{idp: func(c *idpmock.Config) {
				c.Users = []idpmock.User{{Username: "ada", Claims: groups(100)},
					{Username: "eve", Claims: groups(5000)}}
				c.Temperament.ProfileAtUserinfo = false // an administrator can choose
			}})
			known := s.config
			s.config = func(c *rp.Config) {
				known(c)
				c.Idle = 10 * time.Minute
				switch name {
				case "cognito": // which does not say it
					c.Logout.URL = issuer + "/end_session"
				case "zitadel":
					c.TrustedAudiences = []string{"somebody-else"}
				}
			}
			inBubble(t, s, func(t *testing.T, w *world) {
				for i, user := range []string{"ada", "eve", "ada"} {
					v := w.visitor(user)
					v.login()
					if i == 2 {
						time.Sleep(13 * time.Minute) // the end is too long ago for a hint
					}
					if got := v.sent(nil); got != want[i] {
						t.Errorf("%d: got  %s\nwant %s", i, got, want[i])
					}
					w.idp.EndUser(user)
					time.Sleep(5 * time.Second) // no log-in may be older than this end
					v.expect("ended", map[int]reason.Reason{0: reason.UserLogout, 1: reason.UserLogout,
						2: reason.Idle}[i])
				}
			})
		})
	}
}

// By the app's own choice: no hint, more words, and an address of the endpoint with a
// query of its own.
func TestLogoutConfig(t *testing.T) {
	inBubble(t, setup{config: func(c *rp.Config) {
		c.Logout = rp.LogoutConfig{URL: issuer + "/end_session?p=B2C_1_x", NoHint: true,
			Params: map[string]string{"ui_locales": "de", "federated": ""}, Form: []string{"ui_locales", "logout_hint"}}
	}}, func(t *testing.T, w *world) {
		leave := func(form url.Values) url.Values {
			v := w.visitor("ada")
			v.login()
			a := v.do("POST", "/auth/logout", form, with(navigating, "Sec-Fetch-Site", "same-origin", "Origin", base))
			return query(a.location())
		}
		q := leave(url.Values{"x": {"y"}, "client_id": {"other"}, "state": {"mine"}})
		if q.Get("p") != "B2C_1_x" || q.Get("ui_locales") != "de" || !q.Has("federated") || q.Has("id_token_hint") ||
			q.Has("logout_hint") {
			t.Errorf("%v", q)
		}
		if q.Has("x") || q.Get("client_id") != "notes" || q.Get("state") == "mine" {
			t.Errorf("a word that was not named: %v", q)
		}
		q = leave(url.Values{"ui_locales": {"fr"}, "logout_hint": {"ada@example.com"}})
		if q.Get("ui_locales") != "fr" || q.Get("logout_hint") != "ada@example.com" {
			t.Errorf("%v", q)
		}
		if q = leave(url.Values{"ui_locales": {strings.Repeat("x", 300)}}); q.Get("ui_locales") != "de" {
			t.Errorf("a word without end: %v", q)
		}
	})
}

// Between Entra ID's limit and everybody else's; and a logout_hint of the app's own.
func TestLogoutMaxURL(t *testing.T) {
	for name, want := range map[string]bool{"keycloak": true, "entra": false} {
		inBubble(t, at(t, name, setup{
			idp:    func(c *idpmock.Config) { c.Users = []idpmock.User{{Username: "ada", Claims: groups(1200)}} },
			config: func(c *rp.Config) { c.Logout.Params = map[string]string{"logout_hint": "mine"} },
		}), func(t *testing.T, w *world) {
			v := w.visitor("ada")
			v.login()
			to := v.submit("/auth/logout").location()
			if q := query(to); q.Has("id_token_hint") != want || q.Get("logout_hint") != "mine" {
				t.Errorf("%s: %d bytes, %v", name, len(to), q)
			}
			if n := len(to); want && n < 2000 {
				t.Errorf("%d bytes: the ID token is too small for this test", n)
			}
		})
	}
}

// An old tenant of Auth0: another address, and a name of its own.
func TestLogoutOfAnOldTenant(t *testing.T) {
	inBubble(t, setup{config: func(c *rp.Config) {
		can := like("auth0")
		can.Logout.RedirectParam = "returnTo"
		c.Capabilities, c.Logout = &can, rp.LogoutConfig{URL: "https://tenant.example/v2/logout", NoHint: true}
	}}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		if to := v.submit("/auth/logout").location(); to != "https://tenant.example/v2/logout?client_id=notes&returnTo="+url.QueryEscape(base+"/auth/logged-out") {
			t.Errorf("%s", to)
		}
	})
}

// LogoutRules.MaxHint holds where the ID token is posted, too.
func TestLogoutMaxHint(t *testing.T) {
	for n, want := range map[int]bool{100: true, 4000: false} {
		inBubble(t, at(t, "duende", setup{
			idp: func(c *idpmock.Config) {
				c.Users = []idpmock.User{{Username: "ada", Claims: groups(n)}}
				c.Temperament.ProfileAtUserinfo = false
			},
			config: func(c *rp.Config) { c.Logout.Post = true },
		}), func(t *testing.T, w *world) {
			v := w.visitor("ada")
			v.login()
			if fields := hiddenFields(v.submit("/auth/logout").body); fields.Has("id_token_hint") != want ||
				fields.Get("client_id") != "notes" {
				t.Errorf("%d: %v", n, fields)
			}
		})
	}
}

// A script at an IdP that is posted to: it gets no address, and its form goes there, once.
func TestLogoutByScriptAtOkta(t *testing.T) {
	inBubble(t, at(t, "okta", setup{idp: func(c *idpmock.Config) {
		c.Users = []idpmock.User{{Username: "ada", Claims: groups(5000)}}
		c.Temperament.ProfileAtUserinfo = false
	}}), func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		script := with(fetching, "Accept", "application/json", "Origin", base)
		for range 2 {
			if a := v.do("POST", "/auth/logout", url.Values{}, script); strings.TrimSpace(a.body) != `{"location":""}` {
				t.Fatalf("%v", a)
			}
		}
		if fields := hiddenFields(v.submit("/auth/logout").body); !fields.Has("id_token_hint") {
			t.Errorf("%v", fields)
		}
		if a := v.submit("/auth/logout"); a.location() != "/auth/logged-out" || !w.log.has("ends only this app's") {
			t.Errorf("%v", a)
		}
	})
}

// FuzzLogoutForm: whatever the form says, the browser goes to the IdP's own address, with
// this client's id.
func FuzzLogoutForm(f *testing.F) {
	can := like("generic")
	config := rp.Config{ClientID: "notes", BaseURL: base, Prefix: "/auth", Capabilities: &can,
		Logout: rp.LogoutConfig{URL: issuer + "/leave?x=1", Form: []string{"ui_locales", "x"}}}
	f.Add("ui_locales=de&x=%00%0d%0a", `{"login_hint":"ada"}`, "a.b.c")
	f.Add("client_id=other&state=1&x=2;3", `{"login_hint":7}`, strings.Repeat("a", 4000))
	f.Add("&&=&ui_locales=%zz", `[]`, "")
	f.Fuzz(func(t *testing.T, form, claims, token string) {
		to := rp.LogoutAddress(config, form, claims, token)
		u, err := url.Parse(to)
		if err != nil || !strings.HasPrefix(to, issuer+"/leave?") || strings.ContainsAny(to, "\r\n\x00") {
			t.Fatalf("%q %v", to, err)
		}
		if q := u.Query(); len(q["client_id"]) != 1 || q.Get("client_id") != "notes" || len(to) > 7<<9 {
			t.Errorf("%q", to)
		}
	})
}

// The page that asks once more keeps what the form has said to the IdP.
func TestLogoutQuestionKeepsTheForm(t *testing.T) {
	inBubble(t, setup{config: func(c *rp.Config) {
		c.Logout.Form = []string{"ui_locales"}
	}}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		hidden := http.Header{"Accept": {"text/html"}, "Origin": {"null"}}
		a := v.do("POST", "/auth/logout", url.Values{"ui_locales": {"de"}, "other": {"x"}}, hidden)
		fields := hiddenFields(a.body)
		if fields.Has("other") {
			t.Errorf("%v", fields)
		}
		if a = v.do("POST", "/auth/logout", fields, hidden); query(a.location()).Get("ui_locales") != "de" {
			t.Errorf("%v", a)
		}
		w.expectEnds(reason.UserLogout)
	})
}
