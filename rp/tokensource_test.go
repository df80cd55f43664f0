package rp_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/reason"
	"github.com/tandem-sso/tandem/rp/store"
)

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
