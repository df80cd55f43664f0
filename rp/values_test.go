package rp_test

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/reason"
	"github.com/tandem-sso/tandem/rp/store"
)

// An app's own values live and die with the session, on every instance, and what
// others save meanwhile is kept.
func TestValues(t *testing.T) {
	inBubble(t, setup{instances: 2, client: longToken}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		save := func(rw http.ResponseWriter, r *http.Request, name string, value any) error {
			s, err := w.auth[0].Values().Get(r, name)
			if err != nil {
				return err
			}
			s.Values["v"] = value
			return s.Save(r, rw)
		}
		w.run = func(rw http.ResponseWriter, r *http.Request, _ *rp.Session) {
			if err := save(rw, r, "cart", "three apples"); err != nil {
				t.Error(err)
			}
		}
		if a := v.get("/run"); len(a.header["Set-Cookie"]) > 0 {
			t.Errorf("a second cookie: %v", a)
		}
		w.run = func(_ http.ResponseWriter, r *http.Request, _ *rp.Session) {
			s, err := w.auth[1].Values().Get(r, "cart")
			if err != nil || s.IsNew || s.Values["v"] != "three apples" {
				t.Errorf("on the other instance: %v, %v", s.Values, err)
			}
		}
		v.instance = "1"
		v.get("/run")
		v.instance = ""

		// Saves beside a refresh lose nothing, and the refresh neither (C4).
		time.Sleep(6 * time.Minute)
		var all sync.WaitGroup
		w.run = func(rw http.ResponseWriter, r *http.Request, _ *rp.Session) {
			if err := save(rw, r, r.URL.Query().Get("name"), "x"); err != nil {
				t.Error(err)
			}
		}
		for i := range 20 {
			all.Go(func() { v.try("GET", fmt.Sprint("/run?name=n", i), nil, fetching) })
		}
		all.Wait()
		w.idp.Expect(idpmock.EndpointRefresh, "notes", 1)
		w.run = func(rw http.ResponseWriter, r *http.Request, _ *rp.Session) {
			for i := range 20 {
				if s, err := w.auth[0].Values().Get(r, fmt.Sprint("n", i)); err != nil || s.Values["v"] != "x" {
					t.Errorf("n%d was lost: %v", i, err)
				}
			}
			if err := save(rw, r, "huge", strings.Repeat("x", 32<<10)); err == nil {
				t.Error("values of any size are kept")
			}
		}
		v.get("/run")

		// C5: no save brings an ended session back.
		w.run = func(rw http.ResponseWriter, r *http.Request, s *rp.Session) {
			if err := s.End(r.Context()); err != nil {
				t.Error(err)
			}
			if err := save(rw, r, "cart", "late"); !errors.Is(err, store.ErrEnded) {
				t.Errorf("a save after the end: %v", err)
			}
		}
		v.get("/run")
		v.expect("ended", reason.Admin)
		v.login()
		w.run = func(_ http.ResponseWriter, r *http.Request, _ *rp.Session) {
			if s, err := w.auth[0].Values().Get(r, "cart"); err != nil || !s.IsNew || len(s.Values) > 0 {
				t.Errorf("the next session has %v, %v", s.Values, err)
			}
		}
		v.get("/run")
	})
}

// Who saves what could not be read, without a look at the error of Get, replaces nothing.
func TestValuesThatCouldNotBeRead(t *testing.T) {
	failing := &failingStore{}
	s := setup{client: longToken, config: func(c *rp.Config) { failing.Store, c.Store = c.Store, failing }}
	inBubble(t, s, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		w.run = func(rw http.ResponseWriter, r *http.Request, _ *rp.Session) {
			cart, _ := w.auth[0].Values().Get(r, "cart")
			cart.Values["v"] = "three apples"
			if err := cart.Save(r, rw); err != nil {
				t.Error(err)
			}
		}
		v.get("/run")
		load, trouble := "Load", (*rp.UnavailableError)(nil)
		w.run = func(rw http.ResponseWriter, r *http.Request, _ *rp.Session) {
			failing.fail.Store(&load)
			cart, err := w.auth[0].Values().Get(r, "cart")
			failing.fail.Store(nil)
			if !errors.As(err, &trouble) || len(cart.Values) > 0 {
				t.Fatalf("while the store fails: %v, %v", cart.Values, err)
			}
			for _, save := range []func() error{
				func() error { return cart.Save(r, rw) },
				func() error { return w.auth[0].Values().Save(r, rw, cart) },
			} {
				if err := save(); !errors.As(err, &trouble) {
					t.Errorf("what could not be read is saved: %v", err)
				}
			}
		}
		v.get("/run")
		w.run = func(_ http.ResponseWriter, r *http.Request, _ *rp.Session) {
			if cart, err := w.auth[0].Values().Get(r, "cart"); err != nil || cart.Values["v"] != "three apples" {
				t.Errorf("the cart is now %v, %v", cart.Values, err)
			}
		}
		v.get("/run")
	})
}

// FuzzValues: what is read was written so, whatever is in it.
func FuzzValues(f *testing.F) {
	f.Add("")
	f.Add(rp.EncodeValues(map[string]string{"basket": "\x00\xff", "": "x", "long": strings.Repeat("x", 300)}))
	f.Add("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01x")
	f.Fuzz(func(t *testing.T, text string) {
		all, err := rp.DecodeValues(text)
		if err != nil {
			return
		}
		again, err := rp.DecodeValues(rp.EncodeValues(all))
		if err != nil || !maps.Equal(all, again) {
			t.Errorf("%q was read as %q, then as %q, %v", text, all, again, err)
		}
	})
}
