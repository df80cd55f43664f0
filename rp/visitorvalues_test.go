package rp_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/store"
)

// What a visitor had stays outside of the session where the app does not carry it over: who
// used the browser before may have put it there.
func TestVisitorsValuesStayOutside(t *testing.T) {
	var h hook
	inBubble(t, hooked(&h), func(t *testing.T, w *world) {
		w.shop()
		v := w.visitor("ada")
		v.get("/shop?item=planted")
		v.login()
		if a := v.get("/shop"); a.body != "map[]" {
			t.Errorf("%v", a)
		}
		v.get("/shop?item=own")
		v.submit("/auth/logout")
		if a := v.get("/shop"); a.body != "map[item:planted]" {
			t.Errorf("what the session had is the visitor's now: %v", a)
		}
		v.login()
		w.run = func(rw http.ResponseWriter, r *http.Request, s *rp.Session) {
			if err := s.End(r.Context()); err != nil {
				t.Error(err)
			}
			cart, err := w.auth[0].Values().Get(r, "cart")
			if err != nil {
				t.Error(err)
			}
			cart.Values["item"] = "private"
			if err := cart.Save(r, rw); !errors.Is(err, store.ErrEnded) {
				t.Errorf("a save after the end: %v", err)
			}
		}
		v.get("/run")
		if a := v.get("/shop"); a.body != "map[item:planted]" {
			t.Errorf("what a request of the session has saved is the visitor's now: %v", a)
		}
	})
}

// Without a store for visitors nothing is kept of them, and a hook that asks is told so.
func TestVisitorsWithoutValues(t *testing.T) {
	var h hook
	s := hooked(&h)
	config := s.config
	s.config = func(c *rp.Config) { config(c); c.VisitorValues = nil }
	inBubble(t, s, func(t *testing.T, w *world) {
		h = func(_ http.ResponseWriter, _ *http.Request, l *rp.Login) error {
			if err := l.CarryOver("cart"); err == nil || !strings.Contains(err.Error(), "Config.VisitorValues") {
				t.Errorf("%v", err)
			}
			return nil
		}
		v := w.visitor("ada")
		v.login()
		mux := http.NewServeMux()
		mux.HandleFunc("/shop", func(rw http.ResponseWriter, r *http.Request) {
			cart, err := w.auth[0].Values().Get(r, "cart")
			if err != nil || len(cart.Values) > 0 {
				t.Errorf("%v, %v", cart.Values, err)
			}
			if err := cart.Save(r, rw); !errors.Is(err, rp.ErrAnonymous) {
				t.Errorf("%v", err)
			}
			io.WriteString(rw, "shop")
		})
		w.apps[0] = mux
		if a := w.visitor("bob").get("/shop"); a.body != "shop" {
			t.Errorf("%v", a)
		}
	})
}

// A visitor's cookie that nobody can read any more, after a change of its key, keeps nobody
// from logging in.
func TestCarryOverOfWhatCannotBeRead(t *testing.T) {
	var h hook
	inBubble(t, hooked(&h), func(t *testing.T, w *world) {
		h = func(_ http.ResponseWriter, _ *http.Request, l *rp.Login) error { return l.CarryOver("cart") }
		v := w.visitor("ada")
		v.set("cart", "MTYwMDAwMDAwMHxEdi1CQkFFQ180SUFBUkFCRUFBQUh2")
		if a := v.finish(); a.status != http.StatusSeeOther {
			t.Fatalf("%v", a)
		}
		v.welcome()
	})
}
