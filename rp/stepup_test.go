package rp_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/adapter"
)

// lands follows redirects as a browser does whose person has typed the address, and fails
// where they do not end.
func (v *visitor) lands(path string, atIdP func(callback string) string) *reply {
	v.w.Helper()
	a := v.get(path)
	for range 19 {
		if a.status != http.StatusFound && a.status != http.StatusSeeOther {
			return a
		}
		to := a.location()
		if strings.HasPrefix(to, v.w.idp.URL) {
			if to = v.authorize(to); atIdP != nil {
				to = atIdP(to)
			}
		}
		time.Sleep(time.Second)
		a = v.get(to)
	}
	v.w.Errorf("the redirects from %s do not end: %v", path, a)
	return a
}

func twoClasses(c *idpmock.Config) { patient(c); c.ACRValues = []string{"low", "gold"} }

// An API that asks for a log-in which does not help leads to a page, not round and round:
// one that does not say what it lacks, one that says too much, and one that asks for
// something else each time.
func TestAPIStepUpEnds(t *testing.T) {
	asked := 0
	for name, challenge := range map[string]func() string{
		"nothing in particular": func() string { return `Bearer error="insufficient_scope"` },
		"too much": func() string {
			return `Bearer error="insufficient_scope", acr_values="` + strings.Repeat("a", 520) + `", scope="` +
				strings.Repeat("s", 520) + `"`
		},
		"something else each time": func() string {
			asked++
			return `Bearer error="insufficient_scope", acr_values="` + strings.Repeat("x", asked) + ` low"`
		},
	} {
		api := http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("WWW-Authenticate", challenge())
			rw.WriteHeader(http.StatusForbidden)
		})
		inBubble(t, setup{api: api, idp: patient}, func(t *testing.T, w *world) {
			w.run = func(rw http.ResponseWriter, r *http.Request, s *rp.Session) {
				_, err := s.Client().Get("https://api.example/")
				w.auth[0].Answer(r, err).Write(rw)
			}
			v := w.visitor("ada")
			v.login()
			time.Sleep(2 * time.Minute)
			if a := v.lands("/run", nil); a.status != http.StatusForbidden {
				t.Errorf("%s: %v", name, a)
			}
			v.welcome()
		})
	}
}

// A page's demand is told by the error that an API's demand has.
func TestSatisfiesNamesTheStepUp(t *testing.T) {
	inBubble(t, setup{}, func(t *testing.T, w *world) {
		w.run = func(_ http.ResponseWriter, _ *http.Request, s *rp.Session) {
			if err := s.Satisfies(rp.ACR("gold")); !errors.Is(err, rp.ErrStepUp) || errors.Is(err, rp.ErrForbidden) {
				t.Errorf("%v", err)
			}
			if err := s.Satisfies(rp.RequireClaim("role", "x")); !errors.Is(err, rp.ErrForbidden) ||
				errors.Is(err, rp.ErrStepUp) {
				t.Errorf("%v", err)
			}
			if err := s.Satisfies(); err != nil {
				t.Errorf("%v", err)
			}
		}
		v := w.visitor("ada")
		v.login()
		if a := v.get("/run"); a.status != http.StatusOK {
			t.Errorf("%v", a)
		}
	})
}

// Two APIs that need a scope each do not send the person to and fro.
func TestTwoAPIsStepUp(t *testing.T) {
	inBubble(t, setup{idp: patient}, func(t *testing.T, w *world) {
		w.run = func(rw http.ResponseWriter, r *http.Request, s *rp.Session) {
			for _, scope := range []string{"profile", "email"} {
				if !strings.Contains(s.Scope(), scope) {
					w.auth[0].Answer(r, &rp.APIError{Scope: scope, Err: rp.ErrStepUp}).Write(rw)
					return
				}
			}
		}
		v := w.visitor("ada")
		v.login()
		if a := v.lands("/run", nil); a.status != http.StatusOK {
			t.Errorf("%v", a)
		}
	})
}

// An IdP that is temporarily unavailable to somebody who is logged in, and needs more for
// a page: one more try with the same demand, then a page.
func TestStepUpAtABusyIdP(t *testing.T) {
	inBubble(t, setup{idp: twoClasses}, func(t *testing.T, w *world) {
		w.guarded("/gold", rp.ACR("gold"))
		v := w.visitor("ada")
		v.login()
		time.Sleep(time.Second)
		tries := 0
		busy := func(callback string) string {
			tries++
			return edit(callback, func(q url.Values) { q.Del("code"); q.Set("error", "temporarily_unavailable") })
		}
		if a := v.lands("/gold", busy); a.status != http.StatusServiceUnavailable || tries != 2 {
			t.Errorf("after %d tries: %v", tries, a)
		}
		v.welcome()
		tries = 0
		if a := v.lands("/gold", func(callback string) string {
			if tries == 0 {
				return busy(callback)
			}
			return callback
		}); a.body != "gold" {
			t.Errorf("the second try: %v", a)
		}
	})
}

// The first log-in of a route with options asks for them, of a script and of htmx too.
func TestFirstLoginOfARoute(t *testing.T) {
	inBubble(t, setup{idp: twoClasses}, func(t *testing.T, w *world) {
		w.guarded("/gold", rp.ACR("gold"), rp.LoginParam("ui_locales", "de"))
		v := w.visitor("ada")
		asks := func(to string) {
			t.Helper()
			if q := query(v.start(to)); q.Get("acr_values") != "gold" || q.Get("ui_locales") != "de" {
				t.Errorf("%s asks for %v", to, q)
			}
		}
		asks(v.get("/gold").location())
		asks(v.do("GET", "/gold", nil, htmx).header.Get("HX-Redirect"))
		asks(v.do("GET", "/gold", nil, with(htmx, "Hx-Current-Url", "https://other.example/")).header.Get(
			"HX-Redirect"))
		var p adapter.Problem
		a := v.do("GET", "/gold", nil, with(fetching, "Referer", base+"/dashboard?day=2"))
		if json.Unmarshal([]byte(a.body), &p) != nil ||
			!strings.Contains(p.LoginURL, url.QueryEscape("/dashboard?day=2")) {
			t.Errorf("a script does not come back to its page: %v", a)
		}
		asks(p.LoginURL)
		v.login()
		asks(v.do("GET", "/gold", nil, htmx).header.Get("HX-Redirect"))
		v.submit("/auth/logout")
		asks(v.get("/gold").location())
	})
}

// C7: a page that loads itself again is not led to the IdP, whatever its route demands.
func TestStepUpOfNobody(t *testing.T) {
	inBubble(t, setup{idp: twoClasses}, func(t *testing.T, w *world) {
		w.guarded("/gold", rp.ACR("gold"))
		v := w.visitor("ada")
		v.login()
		click := with(navigating, "Sec-Fetch-User", "?1")
		v.do("GET", "/private", nil, click)
		time.Sleep(time.Second)
		if a := v.get("/gold"); a.status != http.StatusUnauthorized || a.location() != "" {
			t.Errorf("%v", a)
		}
		if a := v.do("GET", "/gold", nil, click); a.status != http.StatusFound {
			t.Errorf("a click: %v", a)
		}
	})
}

// A log-in is possible however much is asked for and however long the page's address is;
// what a stranger adds to an address cannot make it too much.
func TestLargeLogin(t *testing.T) {
	s := setup{idp: twoClasses, config: func(c *rp.Config) {
		c.LoginQuery = []string{"login_hint", "ui_locales", "claims"}
	}}
	inBubble(t, s, func(t *testing.T, w *world) {
		w.guarded("/gold", rp.ACR("gold"), rp.LoginParam("kc_idp_hint", strings.Repeat("x", 900)))
		v := w.visitor("ada")
		if a := v.lands("/gold?"+strings.Repeat("y", 900), nil); a.status != http.StatusOK {
			t.Errorf("%v", a)
		}
		if a := v.get("/gold"); a.body != "gold" {
			t.Errorf("%v", a)
		}
		long := strings.Repeat("z", 1000)
		v.start("/auth/login?login_hint=" + long + "&ui_locales=" + long + "&claims=" + long)
		w.guarded("/platinum", rp.ACR(strings.Repeat("p", 1100)))
		if a := v.lands("/platinum", nil); a.status != http.StatusForbidden {
			t.Errorf("a demand that fits nowhere: %v", a)
		}
	})
}

// A silent renewal asks for what the log-in has asked for: the new token can do as much.
func TestRenewalKeepsTheScopes(t *testing.T) {
	s := setup{kind: rp.ReferenceToken, idp: patient, client: func(c *idpmock.Client) {
		c.AccessTokenLifetime = 10 * time.Minute
	}}
	inBubble(t, s, func(t *testing.T, w *world) {
		w.run = func(rw http.ResponseWriter, r *http.Request, s *rp.Session) {
			w.auth[0].Answer(r, &rp.APIError{Scope: "profile", Err: rp.ErrStepUp}).Write(rw)
		}
		v := w.visitor("ada")
		v.login()
		v.get(v.authorize(v.start(v.get("/run").location())))
		time.Sleep(12 * time.Minute)
		q := query(v.start(v.get("/private").location()))
		if q.Get("prompt") != "none" || q.Get("scope") != "openid profile" {
			t.Errorf("the renewal asks for %v", q)
		}
	})
}
