package rp_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/reason"
)

// apis are three resource servers with a token of their own each, and one without.
func apis(c *idpmock.Config) {
	patient(c)
	c.APIs = []idpmock.API{
		{Audience: "https://logto.example/api", Scopes: []string{"read"}, AtLogin: true},
		{Audience: "https://auth0.example/api", Scopes: []string{"read"}},
		{Audience: "api://entra", Scopes: []string{"read", "write"}},
	}
}

func ownTokens(c *rp.Config) {
	c.APIs = append(c.APIs,
		rp.API{Origin: "https://logto.example", Resource: "https://logto.example/api"},
		rp.API{Origin: "https://auth0.example", Audience: "https://auth0.example/api"},
		rp.API{Origin: "https://entra.example", Scopes: []string{"api://entra/read"}},
	)
}

var ownOrigins = []string{"https://logto.example", "https://auth0.example", "https://entra.example"}

// inAPIs runs f with ada logged in and the four APIs there.
func inAPIs(t *testing.T, s setup, f func(t *testing.T, w *world, v *visitor, got map[string]*api, x *wire)) {
	t.Helper()
	if s.idp == nil {
		s.idp = apis
	}
	if s.client == nil {
		s.client = longToken
	}
	change := s.config
	s.config = func(c *rp.Config) {
		ownTokens(c)
		if change != nil {
			change(c)
		}
	}
	got := map[string]*api{"https://api.example": {}}
	s.api = got["https://api.example"]
	x := &wire{}
	inBubble(t, x.under(s), func(t *testing.T, w *world) {
		for _, origin := range ownOrigins {
			got[origin] = &api{}
			w.serve(strings.TrimPrefix(origin, "https://"), got[origin])
		}
		v := w.visitor("ada")
		v.login()
		f(t, w, v, got, x)
	})
}

// audienceOf a JWT, and its scope.
func audienceOf(t *testing.T, token string) string {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("no JWT")
	}
	b, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var c struct {
		Aud   []string `json:"aud"`
		Scope string   `json:"scope"`
	}
	if err := json.Unmarshal(b, &c); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(c.Aud, " ", c.Scope)
}

// Each API gets a token of its own, fetched once; the log-in's stays as it was. The
// refresh token is one, and each is shown once (C4).
func TestTokenPerAPI(t *testing.T) {
	inAPIs(t, setup{}, func(t *testing.T, w *world, v *visitor, got map[string]*api, x *wire) {
		for n := 1; n <= 3; n++ {
			for _, origin := range append(ownOrigins, "https://api.example") {
				if status, _, err := w.calls(v, "/run", get(origin+"/")); status != 200 || err != nil {
					t.Fatalf("%s: %d %v", origin, status, err)
				}
			}
			w.idp.Expect(idpmock.EndpointRefresh, "notes", 3)
		}
		for origin, want := range map[string]string{
			"https://logto.example": "[https://logto.example/api] read openid",
			"https://auth0.example": "[https://auth0.example/api] read openid",
			"https://entra.example": "[api://entra] api://entra/read",
			"https://api.example":   "[" + issuer + "] openid",
		} {
			if a := audienceOf(t, got[origin].tokens[0]); a != want || slices.Contains(got[origin].tokens, "") ||
				len(slices.Compact(got[origin].tokens)) != 1 {
				t.Errorf("%s got a token for %s, want %s", origin, a, want)
			}
		}
		for range 40 { // over the end of each token, and over main refreshes
			time.Sleep(4 * time.Minute)
			v.welcome()
		}
		for _, origin := range append(ownOrigins, "https://api.example") {
			if status, _, err := w.calls(v, "/run", get(origin+"/")); status != 200 || err != nil {
				t.Errorf("%s: %d %v", origin, status, err)
			}
			if first, last := got[origin].tokens[0], got[origin].tokens[len(got[origin].tokens)-1]; first == last ||
				audienceOf(t, first) != audienceOf(t, last) {
				t.Errorf("%s: the token was not renewed, or as another one", origin)
			}
		}
		shown := x.shown()
		slices.Sort(shown)
		if len(slices.Compact(shown)) != len(shown) {
			t.Error("a refresh token was shown twice")
		}
		if w.log.has("eyJ") {
			t.Error("a token is in the log")
		}
		w.expectEnds()
	})
}

// C4: a burst that needs three APIs' tokens and the log-in's renewed, on two instances,
// costs one refresh for each, whoever comes first. Who waits for another one's call is not
// content with its token, nor concerned by its failure.
func TestAPITokensTakeTurns(t *testing.T) {
	own := "https://api.example"
	for name, row := range map[string]struct {
		order  []string
		denied string // at the first refresh, of the first origin
	}{
		"the log-in's last":             {append(slices.Clone(ownOrigins), own), ""},
		"the log-in's first":            {append([]string{own}, ownOrigins...), ""},
		"the first is denied":           {append(slices.Clone(ownOrigins), own), "invalid_target"},
		"the first is an invalid_grant": {append(slices.Clone(ownOrigins), own), "invalid_grant"},
	} {
		t.Run(name, func(t *testing.T) {
			inAPIs(t, setup{instances: 2}, func(t *testing.T, w *world, v *visitor, got map[string]*api, x *wire) {
				first := ""
				w.run = func(_ http.ResponseWriter, r *http.Request, s *rp.Session) {
					first = accessToken(r, s)
				}
				v.fetch("/run")
				got[own].answer = refuses(func(_ int, token string) bool { return token != first })
				if row.denied != "" {
					w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointRefresh, Error: row.denied, Delay: time.Second})
				}
				w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointRefresh, Times: idpmock.Always, Delay: time.Second})
				w.run = func(rw http.ResponseWriter, r *http.Request, s *rp.Session) {
					resp, err := get(r.URL.Query().Get("to")+"/")(r.Context(), s)
					if err != nil {
						rw.WriteHeader(500)
						return
					}
					rw.WriteHeader(resp.StatusCode)
					resp.Body.Close()
				}
				var (
					all     sync.WaitGroup
					refused atomic.Int32
				)
				for i, origin := range row.order {
					for n := range 20 {
						all.Go(func() {
							req, _ := http.NewRequestWithContext(w.Context(), "GET", base+"/run?to="+origin, nil)
							req.Header = with(fetching, "Cookie", cookie+"="+v.id(), "X-Instance",
								[]string{"0", "1"}[n%2])
							resp, err := (&http.Client{Transport: v.http.Transport}).Do(req)
							if err != nil {
								t.Error(err)
								return
							}
							readAll(t, resp)
							if resp.StatusCode != 200 && i == 0 {
								refused.Add(1)
							} else if resp.StatusCode != 200 {
								t.Errorf("%s: %d", origin, resp.StatusCode)
							}
						})
					}
					time.Sleep(100 * time.Millisecond)
				}
				all.Wait()
				w.expectEnds()
				if row.denied != "" { // on one instance; the other one asks again
					if n := refused.Load(); n != 10 {
						t.Errorf("%d requests heard that the first is denied, want 10", n)
					}
					return
				}
				w.idp.Expect(idpmock.EndpointRefresh, "notes", 4)
				shown := x.shown()
				slices.Sort(shown)
				if len(shown) != 4 || len(slices.Compact(shown)) != 4 {
					t.Errorf("%d refresh tokens were shown, or one twice", len(shown))
				}
			})
		})
	}
}

// C1: a refresh for an API's token is a signal as any other. C7, C2: a passive request
// fetches none, and uses what is there.
func TestAPITokensAndActivity(t *testing.T) {
	s := setup{config: func(c *rp.Config) {
		c.SignalEvery, c.IdPWindow = 5*time.Minute, window
	}, idp: func(c *idpmock.Config) { apis(c); c.IdleWindow = window }}
	inAPIs(t, s, func(t *testing.T, w *world, v *visitor, _ map[string]*api, _ *wire) {
		time.Sleep(4 * time.Minute)
		if _, _, err := w.calls(v, "/run-passive", get("https://entra.example/")); !errors.Is(err,
			rp.ErrNoAccessToken) {
			t.Errorf("passive: %v", err)
		}
		w.idp.Expect(idpmock.EndpointRefresh, "notes", 0)
		if _, _, err := w.calls(v, "/run", get("https://entra.example/")); err != nil {
			t.Error(err)
		}
		w.idp.Expect(idpmock.EndpointRefresh, "notes", 1)
		time.Sleep(4 * time.Minute) // after the log-in 8, after the signal 4: none is due
		v.welcome()
		w.idp.Expect(idpmock.EndpointRefresh, "notes", 1)
		begun := time.Now()
		for time.Since(begun) < time.Hour && v.status().State == "live" {
			time.Sleep(time.Minute)
			_, _ = v.try("GET", "/run-passive", nil, fetching) // calls entra.example each time
		}
		if took := time.Since(begun); took > window+6*time.Minute {
			t.Errorf("polls kept the session for %v", took)
		}
		w.idp.Expect(idpmock.EndpointRefresh, "notes", 1)
	})
}

// Only what an API of its own refuses is fetched anew, and if the IdP vouches for it the
// API is to blame (API-01).
func TestRefusedAPIToken(t *testing.T) {
	inAPIs(t, setup{}, func(t *testing.T, w *world, v *visitor, got map[string]*api, x *wire) {
		entra := got["https://entra.example"]
		entra.answer = refuses(func(n int, _ string) bool { return n > 1 })
		if status, _, err := w.calls(v, "/run", get("https://entra.example/")); status != 200 || err != nil {
			t.Errorf("%d %v", status, err)
		}
		if entra.requests() != 2 || entra.tokens[0] == entra.tokens[1] ||
			audienceOf(t, entra.tokens[1]) != "[api://entra] api://entra/read" {
			t.Errorf("%d requests", entra.requests())
		}
		// a later refresh is none of this token
		if _, _, err := w.calls(v, "/run", get("https://auth0.example/")); err != nil {
			t.Error(err)
		}
		w.idp.Expect(idpmock.EndpointRefresh, "notes", 3)
		entra.answer = refuses(func(int, string) bool { return false })
		for range 5 {
			if _, _, err := w.calls(v, "/run", get("https://entra.example/")); !errors.Is(err, rp.ErrBlamedAPI) {
				t.Errorf("%v", err)
			}
		}
		w.idp.Expect(idpmock.EndpointRefresh, "notes", 4)
		for _, form := range x.forms[1:] { // after the log-in
			if form.Get("scope") != "api://entra/read" && form.Get("audience") == "" {
				t.Errorf("a refresh asked for %q", form.Get("scope"))
			}
		}
		if _, _, err := w.calls(v, "/run", whoami); err != nil {
			t.Error(err)
		}
		w.expectEnds()
	})
}

// RFC 8707 §2.1: the log-in names the resources, once each, unless the app says otherwise.
func TestResourcesOfTheLogin(t *testing.T) {
	more := func(c *rp.Config) {
		c.APIs = append(c.APIs, rp.API{Origin: "https://b.example", Resource: "urn:b"},
			rp.API{Origin: "https://c.example", Resource: "urn:b"})
	}
	inAPIs(t, setup{config: more, idp: func(c *idpmock.Config) {
		apis(c)
		c.APIs = append(c.APIs, idpmock.API{Audience: "urn:b"})
	}},
		func(t *testing.T, w *world, v *visitor, _ map[string]*api, _ *wire) {
			if got := query(v.start("/auth/login?anew=1"))["resource"]; !slices.Equal(got,
				[]string{"https://logto.example/api", "urn:b"}) {
				t.Errorf("%q", got)
			}
		})
	inAPIs(t, setup{config: func(c *rp.Config) {
		c.LoginParams = map[string]string{"resource": "api://entra"}
	}}, func(t *testing.T, w *world, v *visitor, _ map[string]*api, _ *wire) {
		if got := query(v.start("/auth/login?anew=1"))["resource"]; !slices.Equal(got, []string{"api://entra"}) {
			t.Errorf("%q", got)
		}
		if _, _, err := w.calls(v, "/run", get("https://logto.example/")); !errors.Is(err, rp.ErrNoAccessToken) {
			t.Errorf("an API that the log-in has not named: %v", err)
		}
		w.expectEnds()
	})
}

// APIs whose tokens are short are asked for often. That does not put off what only the
// session's own refresh brings: the next word of userinfo (Config.UserinfoAgain), and an ID
// token that says less (Config.ForgetClaims).
func TestClaimsBesideAPITokens(t *testing.T) {
	for name, want := range map[string]func(*rp.Config){
		"UserinfoAgain": func(c *rp.Config) {
			c.UserinfoClaims, c.UserinfoAgain, c.SignalEvery = true, true, 4*time.Minute
		},
		"ForgetClaims": func(c *rp.Config) { c.ForgetClaims, c.SignalEvery = true, 4*time.Minute },
	} {
		s := setup{config: want, client: func(c *idpmock.Client) { c.AccessTokenLifetime = 2 * time.Minute }}
		inAPIs(t, s, func(t *testing.T, w *world, v *visitor, _ map[string]*api, _ *wire) {
			w.groups(3)
			v.login()
			call := func(_ http.ResponseWriter, r *http.Request, s *rp.Session) {
				resp, err := s.Client().Get(ownOrigins[0] + "/")
				if err != nil {
					t.Error(err)
					return
				}
				resp.Body.Close()
			}
			if c := v.claimsOf(); c["groups"] == nil {
				t.Fatalf("%s: %v", name, c)
			}
			w.groups(0)
			for range 30 {
				time.Sleep(30 * time.Second)
				w.run = call
				v.get("/run")
			}
			if c := v.claimsOf(); c["groups"] != nil {
				t.Errorf("%s: after 15 minutes of calls the groups are still %v", name, c["groups"])
			}
			w.expectEnds(reason.Replaced)
		})
	}
}
