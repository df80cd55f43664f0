package rp_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
)

// A quiet app learns from the IdP's session API that another app keeps the session
// alive, and extends nothing by asking (C3, C7).
func TestVouchedByTheIdP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w *pageWorld
		asked, broken := 0, false
		w = newPageWorld(t, nil, func(c *rp.Config) {
			c.IdPSessionEnd = func(_ context.Context, sid string) (time.Time, error) {
				asked++
				if broken {
					return time.Time{}, errors.New("429")
				}
				s, err := w.idp.Session(sid)
				return s.IdleDeadline, err
			}
		})
		ada := w.login("ada")
		look := func() time.Duration {
			t.Helper()
			return limit(ada.do(http.MethodGet, "/auth/session", nil).status(t), "trust")
		}
		time.Sleep(50 * time.Minute)
		sid := w.idp.Sessions()[0].SID
		if _, err := w.idp.Extend(sid, ""); err != nil { // another app
			t.Fatal(err)
		}
		if left := look(); left != 10*time.Minute || asked != 0 {
			t.Errorf("%v left, asked %d times before the time to warn", left, asked)
		}
		time.Sleep(9*time.Minute + 30*time.Second)
		if left := look(); left != 50*time.Minute+30*time.Second || asked != 1 {
			t.Errorf("%v left, asked %d times", left, asked)
		}
		before, err := w.idp.Session(sid)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Minute)
		broken = true
		for range 100 {
			if left := look(); left != 30*time.Second {
				t.Errorf("%v left", left)
			}
		}
		if asked != 1+5 {
			t.Errorf("asked %d times", asked)
		}
		if after, err := w.idp.Session(sid); err != nil || !after.IdleDeadline.Equal(before.IdleDeadline) {
			t.Errorf("asking has moved the end from %v to %v (%v)", before.IdleDeadline, after.IdleDeadline, err)
		}
		w.idp.Expect(idpmock.EndpointRefresh, "notes", 0)
	})
}

// An IdP whose clock is ahead names an end that is further away than its window. That
// confirms the present and not the future (C2).
func TestVouchedForTheFuture(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newPageWorld(t, nil, func(c *rp.Config) {
			c.IdPSessionEnd = func(context.Context, string) (time.Time, error) {
				return time.Now().Add(time.Hour + 3*time.Minute), nil
			}
		})
		ada := w.login("ada")
		time.Sleep(59*time.Minute + 30*time.Second)
		if left := limit(ada.do(http.MethodGet, "/auth/session", nil).status(t), "trust"); left != time.Hour {
			t.Errorf("%v left, want W", left)
		}
	})
}

// What the IdP has confirmed stays confirmed: an answer that is older than that, or an end that
// comes sooner than the configured window says, takes nothing away (C1).
func TestVouchedForThePast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		w := newPageWorld(t, nil, func(c *rp.Config) {
			c.IdPSessionEnd = func(context.Context, string) (time.Time, error) {
				asked++
				return time.Now().Add(10 * time.Second), nil
			}
		})
		ada := w.login("ada")
		time.Sleep(59*time.Minute + 30*time.Second)
		left := limit(ada.do(http.MethodGet, "/auth/session", nil).status(t), "trust")
		if left != 30*time.Second || asked != 1 {
			t.Errorf("%v left, asked %d times", left, asked)
		}
	})
}
