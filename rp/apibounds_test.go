package rp_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/sessions"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
)

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
