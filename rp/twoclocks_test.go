package rp_test

import (
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
)

// twoClocks lets the first of two instances have a clock 10 s ahead, and the second one
// 10 s behind.
func twoClocks(config func(*rp.Config)) func(*rp.Config) {
	ahead := -10 * time.Second
	return func(c *rp.Config) {
		ahead = -ahead
		mine := ahead
		c.Now = func() time.Time { return time.Now().Add(mine) }
		config(c)
	}
}

// The instance that asks has a clock ahead of the one that hears the answer: that is a yes
// all the same, and the next time nobody is sent to a whole log-in.
func TestSilentCheckWithTwoClocks(t *testing.T) {
	s := setup{kind: rp.NoToken, instances: 2, idp: patient, config: twoClocks(func(c *rp.Config) {
		c.SilentCheck, c.TrustFor, c.SignalEvery = true, 2*time.Minute, 4*time.Minute
	})}
	inBubble(t, s, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		id := v.id()
		for range 2 {
			time.Sleep(150 * time.Second)
			v.instance = "0"
			to := v.get(v.get("/private").location()).location()
			if query(to).Get("prompt") != "none" {
				t.Fatalf("after %v: sent to %s", w.age(), to)
			}
			v.instance = "1"
			v.get(v.authorize(to))
			v.welcome()
		}
		if v.id() != id {
			t.Error("the session is another one")
		}
	})
}

// The tokens are over by the clock of the instance that asks, and not yet by that of the
// one that hears the answer: what was fetched is kept, and nobody goes in circles.
func TestRenewalWithTwoClocks(t *testing.T) {
	life := func(c *idpmock.Client) { c.AccessTokenLifetime = 10 * time.Minute }
	s := setup{kind: rp.ReferenceToken, instances: 2, idp: patient, client: life,
		config: twoClocks(func(*rp.Config) {})}
	inBubble(t, s, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.instance = "0"
		v.login()
		time.Sleep(10*time.Minute - 4*time.Second)
		to := v.get(v.get("/private").location()).location()
		if q := query(to); q.Get("prompt") != "none" {
			t.Fatalf("sent to %s", to)
		}
		v.instance = "1"
		v.get(v.authorize(to))
		v.instance = "0"
		v.welcome()
		time.Sleep(9 * time.Minute) // with the token of the answer
		v.welcome()
		w.expectEnds()
	})
}

// RT-17, C3: the refresh token of a quiet app has run out, by another app the session goes
// on, and by the clock of the instance that shows the token it was good.
func TestRefreshTokenEndsBetweenTwoClocks(t *testing.T) {
	s := at(t, "keycloak", setup{instances: 2, client: longToken, config: twoClocks(func(*rp.Config) {})})
	inBubble(t, s, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.instance = "0"
		v.login()
		for range 9 {
			time.Sleep(100 * time.Second)
			if _, err := v.idp.Authorize(t.Context(), w.photosURL()); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(5 * time.Second) // W is 15 min
		v.instance = "1"
		if a, silently := v.follow("/private"); a.status != 200 || !silently {
			t.Errorf("silently: %v, %v", silently, a)
		}
		w.idp.Expect(idpmock.EndpointRefresh, "notes", 1)
		w.expectEnds()
	})
}

// RT-17: shortly before its announced end a refresh token may have run out by another clock. If
// the IdP takes it, its answer counts.
func TestGoodAnswerShortlyBeforeTheEndOfARefreshToken(t *testing.T) {
	inBubble(t, at(t, "keycloak", setup{client: longToken}), func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		for range 8 {
			time.Sleep(100 * time.Second)
			if _, err := v.idp.Authorize(t.Context(), w.photosURL()); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(70 * time.Second) // W is 15 min: 30 s before, which is less than Config.Skew
		if a, silently := v.follow("/private"); a.status != 200 || silently {
			t.Errorf("silently: %v, %v", silently, a)
		}
		w.idp.Expect(idpmock.EndpointRefresh, "notes", 1)
		w.expectEnds()
	})
}
