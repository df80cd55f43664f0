package rp_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/nethttpadapter"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/adapter"
	"github.com/tandem-sso/tandem/rp/reason"
)

// guarded serves /gold, a route with demands, beside the app of world.
func (w *world) guarded(path string, opts ...rp.LoginOption) {
	web := nethttpadapter.New(w.auth[0])
	rest := w.apps[0]
	mux := http.NewServeMux()
	mux.Handle("/", rest)
	mux.Handle(path, web.RequireLogin(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		_, _ = rw.Write([]byte("gold"))
	}), opts...))
	mux.Handle("/switch", web.Login(rp.LoginParam("prompt", "select_account"), rp.LoginParam("ui_locales", "de"),
		rp.LoginParam("client_id", "evil"), rp.Scopes("photos")))
	w.apps[0] = mux
}

// A route that demands a context class asks for it, comes back, keeps what the app has
// stored, and checks every session: what the address of a log-in says opens nothing.
func TestACR(t *testing.T) {
	s := setup{idp: func(c *idpmock.Config) {
		patient(c)
		c.ACRValues = []string{"low", "gold"}
	}, config: func(c *rp.Config) { c.LoginQuery = []string{"acr_values"} }}
	inBubble(t, s, func(t *testing.T, w *world) {
		w.guarded("/gold", rp.ACR("gold", "platinum"))
		v := w.visitor("ada")
		v.login()
		w.run = func(rw http.ResponseWriter, r *http.Request, _ *rp.Session) {
			values, err := w.auth[0].Values().Get(r, "notes")
			if err == nil {
				values.Values["draft"] = "x"
				err = values.Save(r, rw)
			}
			if err != nil {
				t.Error(err)
			}
		}
		v.submit("/run")
		a := v.get("/gold?tab=2")
		if a.status != http.StatusFound ||
			!strings.HasPrefix(a.location(), "/auth/login?return_to=%2Fgold%3Ftab%3D2&wish=") ||
			strings.Contains(a.location(), "platinum") {
			t.Fatalf("%v", a)
		}
		at := v.start(a.location())
		if got := query(at).Get("acr_values"); got != "gold platinum" {
			t.Errorf("acr_values %q", got)
		}
		if a = v.get(v.authorize(at)); a.location() != "/gold?tab=2" {
			t.Fatalf("%v", a)
		}
		if a = v.get("/gold?tab=2"); a.body != "gold" {
			t.Errorf("%v", a)
		}
		w.run = func(_ http.ResponseWriter, r *http.Request, _ *rp.Session) {
			if values, err := w.auth[0].Values().Get(r, "notes"); err != nil || values.Values["draft"] != "x" {
				t.Errorf("the app's own value is gone: %v", err)
			}
		}
		v.submit("/run")

		low := w.visitor("bob")
		low.get(low.authorize(low.start("/auth/login?acr_values=low&return_to=/private")))
		if a := low.get("/gold"); a.status != http.StatusFound {
			t.Errorf("the address of a log-in opens it: %v", a)
		}
		var p adapter.Problem
		if a := low.fetch("/gold"); json.Unmarshal([]byte(a.body), &p) != nil || a.status != 401 ||
			p.Error != "insufficient_user_authentication" ||
			!strings.HasPrefix(p.LoginURL, "/auth/login?return_to=%2Fgold&wish=") {
			t.Errorf("a script: %v", a)
		}
	})
	// An IdP that does not give it: a page, no loop, and the session stays.
	inBubble(t, setup{idp: func(c *idpmock.Config) {
		patient(c)
		c.ACRValues = []string{"low"}
	}}, func(t *testing.T, w *world) {
		w.guarded("/gold", rp.ACR("gold"))
		v := w.visitor("ada")
		v.login()
		id := v.id()
		a := v.get(v.authorize(v.start(v.get("/gold").location())))
		if a.status != http.StatusForbidden && a.status != http.StatusBadRequest ||
			!strings.Contains(a.body, "log-in") {
			t.Errorf("%v", a)
		}
		if v.id() != id {
			t.Error("the session was replaced")
		}
		v.expect("live", "")
		v.welcome()
	})
}

// A route that demands a fresh log-in lets it through for so long, and no longer.
func TestMaxAgeOfARoute(t *testing.T) {
	inBubble(t, setup{idp: patient}, func(t *testing.T, w *world) {
		w.guarded("/transfer", rp.MaxAge(5*time.Minute))
		v := w.visitor("ada")
		v.login()
		if a := v.get("/transfer"); a.status != http.StatusOK {
			t.Errorf("a fresh log-in: %v", a)
		}
		time.Sleep(7 * time.Minute)
		a := v.get("/transfer")
		if a.status != http.StatusFound {
			t.Fatalf("a log-in of 7 minutes ago: %v", a)
		}
		at := v.start(a.location())
		if got := query(at).Get("max_age"); got != "300" {
			t.Errorf("max_age %q", got)
		}
		v.get(v.authorize(at))
		if a := v.get("/transfer"); a.status != http.StatusOK {
			t.Errorf("after the log-in: %v", a)
		}
		v.welcome()
	})
}

// Options of a log-in, of Config and of the query, and what none of them can set.
func TestLoginParams(t *testing.T) {
	s := setup{config: func(c *rp.Config) {
		c.LoginParams = map[string]string{"audience": "https://api.example"}
		c.LoginQuery = []string{"login_hint", "max_age"}
	}}
	inBubble(t, s, func(t *testing.T, w *world) {
		w.guarded("/gold")
		v := w.visitor("ada")
		q := query(v.start("/switch"))
		for name, want := range map[string]string{"prompt": "select_account", "ui_locales": "de", "client_id": "notes",
			"scope": "openid photos", "audience": "https://api.example", "login_hint": ""} {
			if q.Get(name) != want || len(q[name]) > 1 {
				t.Errorf("%s is %q, want %q", name, q[name], want)
			}
		}
		q = query(v.start("/auth/login?login_hint=ada%40example.com&max_age=60&prompt=none&scope=admin&wish=AAAA" +
			"&ui_locales=fr"))
		for name, want := range map[string]string{"login_hint": "ada@example.com", "max_age": "60", "prompt": "",
			"scope": "openid", "ui_locales": ""} {
			if q.Get(name) != want {
				t.Errorf("%s is %q, want %q", name, q[name], want)
			}
		}
	})
	for field, change := range map[string]func(*rp.Config){
		"LoginParams": func(c *rp.Config) { c.LoginParams = map[string]string{"redirect_uri": "https://evil.example"} },
		"LoginQuery":  func(c *rp.Config) { c.LoginQuery = []string{"scope"} },
	} {
		c := goodConfig()
		change(&c)
		if _, err := rp.New(t.Context(), c); strings.Join(faults(err), "") != field {
			t.Errorf("%s: %v", field, err)
		}
	}
}

// An API asks for more (RFC 9470): Answer leads to such a log-in and back, once.
func TestAPIStepUp(t *testing.T) {
	asks := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("WWW-Authenticate",
			`Bearer error="insufficient_user_authentication", acr_values="gold", max_age="60"`)
		rw.WriteHeader(http.StatusUnauthorized)
	})
	s := setup{api: asks, idp: func(c *idpmock.Config) { patient(c); c.ACRValues = []string{"low", "gold"} }}
	inBubble(t, s, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		w.run = func(rw http.ResponseWriter, r *http.Request, s *rp.Session) {
			req, _ := http.NewRequestWithContext(context.Background(), "GET", "https://api.example/", nil)
			_, err := s.Client().Do(req)
			w.auth[0].Answer(r, err).Write(rw)
		}
		a := v.get("/run")
		at := v.start(a.location())
		if q := query(at); q.Get("acr_values") != "gold" || q.Get("max_age") != "60" {
			t.Errorf("%v", q)
		}
		if a = v.get(v.authorize(at)); a.location() != "/run" {
			t.Fatalf("%v", a)
		}
		if a = v.get("/run"); a.status != http.StatusForbidden {
			t.Errorf("an API that is never content is a loop: %v", a)
		}
		w.expectEnds(reason.Replaced)
	})
}
