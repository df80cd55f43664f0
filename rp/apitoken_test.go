package rp_test

import (
	"context"
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

	"github.com/gorilla/sessions"
	"golang.org/x/oauth2"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/reason"
	"github.com/tandem-sso/tandem/rp/store"
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
					first, _ = s.AccessToken(r.Context())
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

// A token that cannot be had for one API is the error of that call alone: the session, its
// signals and the other APIs go on, and a page with ten such calls costs one refresh.
func TestDeniedAPI(t *testing.T) {
	for name, row := range map[string]struct {
		fault   idpmock.Fault
		code    string
		trouble bool // UnavailableError
	}{
		"RFC 8707 invalid_target":   {idpmock.Fault{Error: "invalid_target"}, "invalid_target", false},
		"invalid_scope":             {idpmock.Fault{Error: "invalid_scope"}, "invalid_scope", false},
		"interaction_required":      {idpmock.Fault{Error: "interaction_required"}, "interaction_required", false},
		"unauthorized_client":       {idpmock.Fault{Error: "unauthorized_client"}, "unauthorized_client", false},
		"a code that nobody knows":  {idpmock.Fault{Error: "pigeons"}, "pigeons", false},
		"no access token":           {idpmock.Fault{Response: idpmock.ResponseNoAccessToken}, "", false},
		"500":                       {idpmock.Fault{Status: 500}, "", true},
		"no JSON, but a good token": {idpmock.Fault{Status: 200, Body: "<html>"}, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			inAPIs(t, setup{}, func(t *testing.T, w *world, v *visitor, got map[string]*api, _ *wire) {
				row.fault.Endpoint = idpmock.EndpointRefresh
				w.idp.Fault(row.fault) // once
				for range 10 {
					_, _, err := w.calls(v, "/run", get("https://entra.example/"))
					var (
						told    *rp.APIError
						trouble *rp.UnavailableError
					)
					if !errors.As(err, &told) || !errors.Is(err, rp.ErrNoAccessToken) || told.Code != row.code ||
						errors.As(err, &trouble) != row.trouble {
						t.Fatalf("%v", err)
					}
				}
				w.idp.Expect(idpmock.EndpointRefresh, "notes", 1)
				for _, origin := range []string{"https://auth0.example", "https://api.example"} {
					if status, _, err := w.calls(v, "/run", get(origin+"/")); status != 200 || err != nil {
						t.Errorf("%s: %d %v", origin, status, err)
					}
				}
				w.idp.Expect(idpmock.EndpointRefresh, "notes", 2)
				time.Sleep(time.Minute)
				if status, _, err := w.calls(v, "/run", get("https://entra.example/")); status != 200 || err != nil {
					t.Errorf("a minute later: %d %v", status, err)
				}
				for range 10 {
					time.Sleep(4 * time.Minute)
					v.welcome()
				}
				w.expectEnds()
			})
		})
	}
}

// An IdP that knows no such API gives the log-in's token again (Auth0): it is not sent,
// because it opens another API.
func TestIgnoredAPI(t *testing.T) {
	inAPIs(t, setup{idp: patient}, func(t *testing.T, w *world, v *visitor, got map[string]*api, _ *wire) {
		for range 3 {
			if _, _, err := w.calls(v, "/run", get("https://auth0.example/")); !errors.Is(err, rp.ErrNoAccessToken) ||
				got["https://auth0.example"].requests() > 0 {
				t.Errorf("%v", err)
			}
		}
		w.idp.Expect(idpmock.EndpointRefresh, "notes", 1)
		v.welcome()
		w.expectEnds()
	})
}

// An API that is denied for ever keeps no session from being extended.
func TestDeniedForEver(t *testing.T) {
	inAPIs(t, setup{idp: func(c *idpmock.Config) {
		apis(c)
		c.IdleWindow = window
		c.APIs = nil
	}, config: func(c *rp.Config) {
		c.IdPWindow = window
		c.APIs = c.APIs[:3] // without Entra ID's: idp-mock without APIs knows no such scope
		c.APIs = append(c.APIs, rp.API{Origin: "https://entra.example", Scopes: []string{"api://nobody/read"}})
	}}, func(t *testing.T, w *world, v *visitor, _ map[string]*api, _ *wire) {
		for range 60 {
			time.Sleep(2 * time.Minute)
			if _, _, err := w.calls(v, "/run", get("https://entra.example/")); !errors.Is(err, rp.ErrNoAccessToken) {
				t.Fatalf("after %v: %v", w.age(), err)
			}
		}
		w.expectEnds()
	})
}

// Entra ID says invalid_grant where a consent is missing, as it does of a session that is
// over: a refresh that asks for nothing else tells which (RT-01).
func TestInvalidGrantOfAnAPI(t *testing.T) {
	inAPIs(t, setup{}, func(t *testing.T, w *world, v *visitor, _ map[string]*api, x *wire) {
		w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointRefresh, Error: "invalid_grant"})
		_, _, err := w.calls(v, "/run", get("https://entra.example/"))
		var told *rp.APIError
		if !errors.Is(err, rp.ErrNoAccessToken) || !errors.As(err, &told) || told.Code != "invalid_grant" {
			t.Errorf("%v", err)
		}
		w.idp.Expect(idpmock.EndpointRefresh, "notes", 2)
		if forms := x.forms; forms[len(forms)-1].Has("scope") {
			t.Error("the second look asks for the API, too")
		}
		v.expect("live", "")
		w.expectEnds()

		w.idp.FaultDelivery(idpmock.DeliveryFault{Times: idpmock.Always, Lose: true})
		if err := w.idp.EndSession(v.session().SID); err != nil {
			t.Fatal(err)
		}
		_, _, err = w.calls(v, "/run", get("https://auth0.example/"))
		var ended *rp.EndedError
		if !errors.As(err, &ended) || ended.Reason != reason.RefreshRejected {
			t.Errorf("%v", err)
		}
		w.expectEnds(reason.RefreshRejected)
	})
}

// The refresh token that came beside an API's token is spent if its answer is lost: then
// an invalid_grant is no verdict (RT-08).
func TestLostAnswerForAnAPI(t *testing.T) {
	inAPIs(t, setup{}, func(t *testing.T, w *world, v *visitor, _ map[string]*api, _ *wire) {
		w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointRefresh, DropAfterCommit: true})
		if _, _, err := w.calls(v, "/run", get("https://entra.example/")); !errors.Is(err, rp.ErrReauthenticate) {
			t.Errorf("%v", err)
		}
		v.expect("live", "")
		w.expectEnds()
	})
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

// What is too large for the record is not kept, and takes nothing along: one of 8 KB is
// the error of its call, and of four of 5 KB the oldest gives way.
func TestAPITokensAreBounded(t *testing.T) {
	s := setup{config: func(c *rp.Config) {
		c.APIs = append(c.APIs, rp.API{Origin: "https://four.example", Audience: "https://auth0.example/api",
			Scopes: []string{"read"}})
	}}
	inAPIs(t, s, func(t *testing.T, w *world, v *visitor, got map[string]*api, x *wire) {
		got["https://four.example"] = &api{}
		w.serve("four.example", got["https://four.example"])
		large := func(n int) func(map[string]any) {
			return func(fields map[string]any) {
				fields["access_token"] = strings.Repeat("x", n)
				delete(fields, "id_token") // at_hash would not fit
			}
		}
		x.edits("/token", large(9<<10))
		for range 3 {
			if _, _, err := w.calls(v, "/run", get("https://entra.example/")); !errors.Is(err, rp.ErrNoAccessToken) ||
				!strings.Contains(err.Error(), "8192") {
				t.Errorf("%v", err)
			}
		}
		w.idp.Expect(idpmock.EndpointRefresh, "notes", 1)
		time.Sleep(2 * time.Minute)
		x.edits("/token", large(5<<10))
		all := append(slices.Clone(ownOrigins), "https://four.example")
		for n, origin := range all {
			if status, _, err := w.calls(v, "/run", get(origin+"/")); status != 200 || err != nil {
				t.Errorf("%s: %d %v", origin, status, err)
			}
			w.idp.Expect(idpmock.EndpointRefresh, "notes", 2+n)
		}
		for _, origin := range all[1:] { // three fit
			if _, _, err := w.calls(v, "/run", get(origin+"/")); err != nil {
				t.Error(err)
			}
		}
		w.idp.Expect(idpmock.EndpointRefresh, "notes", 5)
		if _, _, err := w.calls(v, "/run", get(all[0]+"/")); err != nil {
			t.Error(err)
		}
		w.idp.Expect(idpmock.EndpointRefresh, "notes", 6)
		x.edits("", nil)
		time.Sleep(6 * time.Minute)
		v.welcome()
		w.expectEnds()
	})
}

// A record that is full keeps what is the person's and the app's: an API's token finds no
// room, and the refresh token beside it is not lost.
func TestNoRoomForAnAPIToken(t *testing.T) {
	inAPIs(t, setup{}, func(t *testing.T, w *world, v *visitor, _ map[string]*api, x *wire) {
		sized := func(n int) func(map[string]any) {
			return func(fields map[string]any) {
				fields["access_token"] = strings.Repeat("x", n)
				delete(fields, "id_token")
			}
		}
		x.edits("/token", sized(26<<10))
		time.Sleep(6 * time.Minute)
		v.welcome() // it refreshes
		var err error
		w.run = func(rw http.ResponseWriter, r *http.Request, s *rp.Session) {
			var cart *sessions.Session
			if cart, err = w.auth[0].Values().Get(r, "cart"); err == nil {
				cart.Values["apples"] = strings.Repeat("a", 31<<10)
				err = cart.Save(r, rw)
			}
		}
		if v.fetch("/run"); err != nil {
			t.Fatal(err)
		}
		x.edits("/token", sized(5<<10))
		for range 3 {
			if _, _, err := w.calls(v, "/run", get("https://entra.example/")); !errors.Is(err, rp.ErrNoAccessToken) ||
				!strings.Contains(err.Error(), "room") {
				t.Errorf("%v", err)
			}
		}
		w.idp.Expect(idpmock.EndpointRefresh, "notes", 2)
		time.Sleep(6 * time.Minute)
		v.welcome()
		w.run = func(_ http.ResponseWriter, r *http.Request, _ *rp.Session) {
			if cart, err := w.auth[0].Values().Get(r, "cart"); err != nil || cart.IsNew {
				t.Errorf("the values are lost: %v", err)
			}
		}
		v.fetch("/run")
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

// A TokenSource serves after the handler has returned; it says when a token ends, and at
// the end of the session it says so.
func TestTokenSource(t *testing.T) {
	inAPIs(t, setup{client: func(c *idpmock.Client) {
		c.AccessTokenLifetime = 20 * time.Minute
	}}, func(t *testing.T, w *world, v *visitor, _ map[string]*api, _ *wire) {
		var session *rp.Session
		w.run = func(_ http.ResponseWriter, _ *http.Request, s *rp.Session) { session = s }
		v.fetch("/run")
		own, of := session.TokenSource(t.Context()), session.TokenSource(t.Context(), "https://entra.example")
		a, err := own.Token()
		if err != nil || audienceOf(t, a.AccessToken) != "["+issuer+"] openid" || a.Type() != "Bearer" ||
			time.Until(a.Expiry) < 19*time.Minute || time.Until(a.Expiry) >= 20*time.Minute {
			t.Errorf("%v %v", a, err)
		}
		b, err := of.Token()
		if err != nil || audienceOf(t, b.AccessToken) != "[api://entra] api://entra/read" {
			t.Errorf("%v %v", b, err)
		}
		if c, err := of.Token(); err != nil || c.AccessToken != b.AccessToken {
			t.Errorf("%v %v", c, err)
		}
		w.idp.Expect(idpmock.EndpointRefresh, "notes", 1)
		for _, source := range [][]string{{"https://evil.example"}, {""},
			{"https://entra.example", "https://api.example"}} {
			if _, err := session.TokenSource(t.Context(), source...).Token(); err == nil {
				t.Errorf("%q has a token", source)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := session.TokenSource(ctx).Token(); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
		if err := w.idp.EndSession(v.session().SID); err != nil {
			t.Fatal(err)
		}
		w.idp.Settle()
		for _, source := range []oauth2.TokenSource{own, of} {
			var ended *rp.EndedError
			if _, err := source.Token(); !errors.As(err, &ended) || ended.Reason != reason.BackchannelLogout {
				t.Errorf("%v", err)
			}
		}
		w.expectEnds(reason.BackchannelLogout)
	})
}

// The app's own clocks end a session for a TokenSource, too, before the sweeper comes by.
func TestTokenSourceKnowsTheClocks(t *testing.T) {
	inAPIs(t, setup{config: func(c *rp.Config) {
		c.Idle = 10 * time.Minute
	}}, func(t *testing.T, w *world, v *visitor, _ map[string]*api, _ *wire) {
		var session *rp.Session
		w.run = func(_ http.ResponseWriter, _ *http.Request, s *rp.Session) { session = s }
		v.fetch("/run")
		source := session.TokenSource(t.Context())
		time.Sleep(10*time.Minute - time.Second)
		if _, err := source.Token(); err != nil {
			t.Errorf("a second before: %v", err)
		}
		time.Sleep(time.Second)
		var ended *rp.EndedError
		if _, err := source.Token(); !errors.As(err, &ended) || ended.Reason != reason.Idle {
			t.Errorf("then: %v", err)
		}
		w.expectEnds(reason.Idle)
	})
}

// C2: who holds on to a Session keeps nobody signed in. A connection that asks for a token
// each minute does not extend the session of a person who has gone; one on which somebody
// works does, by ReportActivity.
func TestHeldSessionKeepsNobody(t *testing.T) {
	s := setup{config: func(c *rp.Config) {
		c.SignalEvery, c.IdPWindow = 3*time.Minute, window
	}, idp: func(c *idpmock.Config) { apis(c); c.IdleWindow = window },
		client: func(c *idpmock.Client) { c.AccessTokenLifetime = time.Minute }}
	for _, works := range []bool{false, true} {
		inAPIs(t, s, func(t *testing.T, w *world, v *visitor, _ map[string]*api, _ *wire) {
			var session *rp.Session
			w.run = func(_ http.ResponseWriter, _ *http.Request, s *rp.Session) { session = s }
			v.fetch("/run")
			own, of := session.TokenSource(t.Context()), session.TokenSource(t.Context(), "https://entra.example")
			var err error
			good := time.Duration(0)
			for range 60 {
				time.Sleep(time.Minute)
				if works {
					if err := session.ReportActivity(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				_, err1 := own.Token()
				_, err2 := of.Token()
				if err = errors.Join(err1, err2); err == nil {
					good = w.age()
				} else if !errors.Is(err, rp.ErrNoAccessToken) && !errors.Is(err, store.ErrEnded) {
					t.Fatalf("after %v: %v", w.age(), err)
				}
			}
			w.idp.Settle()
			if works {
				if err != nil {
					t.Errorf("somebody works: %v", err)
				}
				w.expectEnds()
				return
			}
			if good > 4*time.Minute {
				t.Errorf("tokens were fetched until %v after the log-in", good)
			}
			if !errors.Is(err, store.ErrEnded) {
				t.Errorf("nobody is there for an hour: %v", err)
			}
		})
	}
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
