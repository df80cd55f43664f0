package rp_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/sessions"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/nethttpadapter"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/reason"
)

type hook func(http.ResponseWriter, *http.Request, *rp.Login) error

// hooked is a world whose app has a hook, and visitors with values.
func hooked(h *hook) setup {
	return setup{idp: people(map[string]any{"domain": "example.com"}), config: func(c *rp.Config) {
		visitors := sessions.NewCookieStore([]byte("a key of the app, of 32 bytes  ."))
		visitors.Options.SameSite, visitors.Options.HttpOnly = http.SameSiteLaxMode, true
		c.VisitorValues = visitors
		c.OnLogin = func(w http.ResponseWriter, r *http.Request, l *rp.Login) error {
			if *h == nil {
				return nil
			}
			return (*h)(w, r, l)
		}
	}}
}

// shop serves /shop, a public page with the values "cart": it adds what the query says.
func (w *world) shop() {
	web, values, rest := nethttpadapter.New(w.auth[0]), w.auth[0].Values(), w.apps[0]
	mux := http.NewServeMux()
	mux.Handle("/", rest)
	mux.Handle("/shop", web.OptionalLogin(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		cart, err := values.Get(r, "cart")
		if err != nil {
			w.Error(err)
			return
		}
		for name := range r.URL.Query() {
			cart.Values[name] = r.URL.Query().Get(name)
		}
		if r.URL.RawQuery != "" {
			if err := cart.Save(r, rw); err != nil {
				w.Error(err)
			}
		}
		fmt.Fprint(rw, cart.Values)
	})))
	w.apps[0] = mux
}

// finish comes back from the IdP.
func (v *visitor) finish() *reply {
	v.w.Helper()
	return v.get(v.authorize(v.start("/auth/login?return_to=/private")))
}

// Before the session begins the app sees who comes, leaves a message, gives the session its
// first values, carries the visitor's cart over, and chooses the page.
func TestOnLogin(t *testing.T) {
	var h hook
	inBubble(t, hooked(&h), func(t *testing.T, w *world) {
		w.shop()
		v := w.visitor("ada")
		if a := v.get("/shop?item=book"); a.body != "map[item:book]" || len(a.header["Set-Cookie"]) != 1 {
			t.Fatalf("a visitor has no cart: %v", a)
		}
		rows := map[string]string{}
		h = func(rw http.ResponseWriter, r *http.Request, l *rp.Login) error {
			if rp.FromContext(r.Context()) != nil || v.id() != "" || len(w.logins) > 0 {
				t.Error("the session has begun already")
			}
			var c struct{ Name string }
			if err := l.Claims(&c); err != nil || !l.HasClaim("domain", "example.com") ||
				l.HasClaim("domain", "evil.example") {
				t.Errorf("claims %+v, %v", c, err)
			}
			rows[l.Issuer()+" "+l.Subject()] = r.URL.Path
			http.SetCookie(rw, &http.Cookie{Name: "flash", Value: "hello", Path: "/", Secure: true})
			if cart, err := l.Visitor("cart"); err != nil || cart.Values["item"] != "book" {
				t.Errorf("the visitor's values: %v", err)
			}
			if err := l.CarryOver("cart", "nothing"); err != nil {
				t.Error(err)
			}
			first, err := l.Values("profile")
			if err != nil {
				t.Error(err)
			}
			first.Values["theme"] = "dark"
			if err := first.Save(r, rw); err != nil { // not needed, and no harm
				t.Error(err)
			}
			l.ReturnTo = "/private/welcome?from=" + strings.TrimPrefix(l.ReturnTo, "/")
			return nil
		}
		a := v.finish()
		if a.status != http.StatusSeeOther || a.location() != "/private/welcome?from=private" {
			t.Fatalf("%v", a)
		}
		if fmt.Sprint(rows) != "map["+issuer+" ada:/auth/callback]" {
			t.Errorf("the app's rows: %v", rows)
		}
		set := setCookies(a)
		if set["flash"] == nil || set["cart"] == nil || set["cart"].MaxAge >= 0 || set[cookie] == nil {
			t.Errorf("cookies %v", set)
		}
		v.welcome()
		if a := v.get("/shop"); a.body != "map[item:book]" {
			t.Errorf("the cart: %v", a)
		}
		w.run = func(_ http.ResponseWriter, r *http.Request, _ *rp.Session) {
			if s, err := w.auth[0].Values().Get(r, "profile"); err != nil || s.Values["theme"] != "dark" || s.IsNew {
				t.Errorf("the first values: %v, %v", s.Values, err)
			}
			if s, err := w.auth[0].Values().Get(r, "nothing"); err != nil || !s.IsNew {
				t.Errorf("values that the visitor did not have: %v, %v", s.Values, err)
			}
		}
		v.get("/run")
		v.submit("/auth/logout")
		if a := v.get("/shop"); a.body != "map[]" {
			t.Errorf("the cart after the log-out: %v", a)
		}
	})
}

// The hook leads to no other site.
func TestOnLoginReturnsHere(t *testing.T) {
	var h hook
	inBubble(t, hooked(&h), func(t *testing.T, w *world) {
		for to, want := range map[string]string{
			"https://evil.example/": "/", "//evil.example": "/", `/\evil.example`: "/", "": "/", "javascript:x": "/",
			"/ok?a=b#c": "/ok?a=b#c",
		} {
			h = func(_ http.ResponseWriter, _ *http.Request, l *rp.Login) error { l.ReturnTo = to; return nil }
			if a := w.visitor("ada").finish(); a.status != http.StatusSeeOther || a.location() != want {
				t.Errorf("%q leads to %v", to, a)
			}
		}
	})
}

// The same person's log-in goes on with the values, and the hook sees them and may change
// them; what another tab saves meanwhile is not lost. Another person starts without any.
func TestOnLoginOfTheSamePerson(t *testing.T) {
	var h hook
	inBubble(t, hooked(&h), func(t *testing.T, w *world) {
		w.shop()
		v := w.visitor("ada")
		v.login()
		v.get("/shop?item=book")
		save := func(name, value string) {
			w.run = func(rw http.ResponseWriter, r *http.Request, _ *rp.Session) {
				s, err := w.auth[0].Values().Get(r, name)
				if err == nil {
					s.Values["v"] = value
					err = s.Save(r, rw)
				}
				if err != nil {
					t.Error(err)
				}
			}
			if a := v.get("/run"); a.status != 200 {
				t.Errorf("%v", a)
			}
		}
		has := func(name string, want any) {
			t.Helper()
			w.run = func(_ http.ResponseWriter, r *http.Request, _ *rp.Session) {
				if s, err := w.auth[0].Values().Get(r, name); err != nil || s.Values["v"] != want {
					t.Errorf("%s is %v, %v, want %v", name, s.Values["v"], err, want)
				}
			}
			if a := v.get("/run"); a.status != 200 {
				t.Errorf("%v", a)
			}
		}
		save("draft", "old")
		save("gone", "x")
		calls := 0
		h = func(rw http.ResponseWriter, r *http.Request, l *rp.Login) error {
			calls++
			cart, err := l.Values("cart")
			if err != nil || cart.IsNew || cart.Values["item"] != "book" {
				t.Errorf("the person's cart: %v, %v", cart.Values, err)
			}
			cart.Values["gift"] = "pen"
			gone, err := l.Values("gone")
			if err != nil {
				t.Error(err)
			}
			gone.Options.MaxAge = -1
			if looked, err := l.Values("draft2"); err != nil || !looked.IsNew {
				t.Errorf("%v", err)
			}
			save("draft", "newer") // in another tab, meanwhile
			return nil
		}
		old := v.id()
		v.login()
		if calls != 1 || v.id() == old {
			t.Errorf("%d calls", calls)
		}
		if a := v.get("/shop"); a.body != "map[gift:pen item:book]" {
			t.Errorf("%v", a)
		}
		has("draft", "newer")
		has("gone", nil)
		h = func(_ http.ResponseWriter, _ *http.Request, l *rp.Login) error {
			if cart, err := l.Values("cart"); err != nil || !cart.IsNew || len(cart.Values) > 0 {
				t.Errorf("bob sees ada's cart: %v, %v", cart.Values, err)
			}
			return nil
		}
		v.idp = w.idp.Browser("bob")
		v.login()
		if a := v.get("/shop"); a.body != "map[]" {
			t.Errorf("%v", a)
		}
		has("draft", nil)
		w.expectEnds(reason.Replaced, reason.Replaced)
	})
}

// C5: who is logged out while the hook runs is not logged in, and keeps the cart.
func TestLogoutDuringOnLogin(t *testing.T) {
	var h hook
	inBubble(t, hooked(&h), func(t *testing.T, w *world) {
		w.shop()
		v := w.visitor("ada")
		v.get("/shop?item=book")
		h = func(_ http.ResponseWriter, _ *http.Request, l *rp.Login) error {
			time.Sleep(time.Second)
			w.idp.EndUser("ada")
			w.idp.Settle()
			return l.CarryOver("cart")
		}
		if a := v.finish(); a.status != 400 || !strings.Contains(a.body, "logged out while") {
			t.Errorf("%v", a)
		}
		v.expect("anonymous", "")
		if a := v.get("/shop"); a.body != "map[item:book]" {
			t.Errorf("the cart: %v", a)
		}
	})
}

// A hook may take long: it is the person who waits, and the answer counts all the same.
func TestSlowOnLogin(t *testing.T) {
	var h hook
	inBubble(t, hooked(&h), func(t *testing.T, w *world) {
		h = func(_ http.ResponseWriter, r *http.Request, _ *rp.Login) error {
			time.Sleep(40 * time.Second)
			return r.Context().Err()
		}
		v := w.visitor("ada")
		v.login()
		v.welcome()
	})
}

// A person who has gone begins no session.
func TestOnLoginOfWhoHasGone(t *testing.T) {
	var h hook
	inBubble(t, hooked(&h), func(t *testing.T, w *world) {
		h = func(_ http.ResponseWriter, r *http.Request, _ *rp.Login) error {
			<-r.Context().Done()
			return r.Context().Err()
		}
		v := w.visitor("ada")
		callback := v.authorize(v.start("/auth/login"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, "GET", callback, nil)
		if err != nil {
			t.Fatal(err)
		}
		if resp, err := v.http.Do(req); err == nil {
			t.Error("it was answered: ", readAll(t, resp))
		}
		time.Sleep(time.Minute)
		if len(w.logins) != 0 || w.idp.Count(idpmock.EndpointRevoke, "notes") == 0 {
			t.Errorf("%d log-ins; %s", len(w.logins), w.log)
		}
	})
}

// A silent check begins no session and asks no app.
func TestSilentCheckCallsNoHook(t *testing.T) {
	var h hook
	s := hooked(&h)
	config := s.config
	s.kind, s.config = rp.NoToken, func(c *rp.Config) { config(c); c.SilentCheck = true }
	inBubble(t, s, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		h = func(http.ResponseWriter, *http.Request, *rp.Login) error { t.Error("it was called"); return nil }
		time.Sleep(6 * time.Minute)
		a := v.get("/private")
		if a.status != http.StatusFound || !strings.Contains(a.location(), "silent=1") {
			t.Fatalf("no silent check: %v", a)
		}
		if a = v.get(v.authorize(v.start(a.location()))); a.location() != "/private" {
			t.Errorf("%v", a)
		}
		v.welcome()
	})
}
