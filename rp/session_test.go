package rp_test

import (
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/activity"
	"github.com/tandem-sso/tandem/rp/reason"
	"github.com/tandem-sso/tandem/rp/store"
)

// What a handler learns of its session.
func TestSessionTells(t *testing.T) {
	s := setup{idp: func(c *idpmock.Config) {
		c.Users = []idpmock.User{{Username: "ada", Subject: "248289761001", Name: "Ada",
			Claims: map[string]any{"role": "author"}}}
	}, config: func(c *rp.Config) { c.Scopes = []string{"openid", "profile"} }}
	inBubble(t, s, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		began := time.Now()
		time.Sleep(time.Minute)
		w.run = func(_ http.ResponseWriter, _ *http.Request, s *rp.Session) {
			var claims struct{ Sub, Role string }
			if err := s.Claims(&claims); err != nil || claims.Sub != "248289761001" || claims.Role != "author" {
				t.Errorf("claims %+v, %v", claims, err)
			}
			if s.Issuer() != issuer || s.Subject() != "248289761001" || s.SID() != v.session().SID ||
				s.Scope() != "openid profile" || !s.Started().Equal(began) || s.Class() != activity.Active {
				t.Errorf("%s %s %s %q %v %v", s.Issuer(), s.Subject(), s.SID(), s.Scope(), s.Started(), s.Class())
			}
			if s.Name() != w.logins[0].Session || s.Err() != nil {
				t.Errorf("%s, %v", s.Name(), s.Err())
			}
			select {
			case <-s.Done():
				t.Error("a live session is done")
			default:
			}
		}
		if a := v.get("/run"); a.status != 200 {
			t.Errorf("%v", a)
		}
	})
}

// C8: Done closes within a second on every instance, whichever hears of the end,
// and also for whoever asks only afterwards.
func TestDone(t *testing.T) {
	inBubble(t, setup{instances: 2}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		closed := make(chan time.Time, 2)
		w.run = func(_ http.ResponseWriter, r *http.Request, s *rp.Session) {
			select {
			case <-s.Done():
				var ended *rp.EndedError
				if err := s.Err(); !errors.As(err, &ended) || ended.Reason != reason.BackchannelLogout {
					t.Errorf("Err: %v", err)
				}
				select {
				case <-s.Done():
				default:
					t.Error("asked again, it is not done")
				}
				closed <- time.Now()
			case <-r.Context().Done():
			}
		}
		for _, instance := range []string{"0", "1"} {
			go v.try("GET", "/run", nil, with(fetching, "X-Instance", instance))
		}
		synctest.Wait()
		time.Sleep(time.Minute)
		began := time.Now()
		w.judged(w.deliver(w.logoutToken(v.session())), true) // instance 0
		for range 2 {
			if late := (<-closed).Sub(began); late > time.Second {
				t.Errorf("closed after %v", late)
			}
		}
		w.expectEnds(reason.BackchannelLogout)
	})
}

// ASVS 7.4.3, 7.4.5, 7.5.2: a person sees and ends their own sessions, and only
// those; an administrator ends all of them, but not later ones.
func TestOwnSessions(t *testing.T) {
	inBubble(t, setup{}, func(t *testing.T, w *world) {
		desktop, phone, bob := w.visitor("ada"), w.visitor("ada"), w.visitor("bob")
		for _, v := range []*visitor{bob, desktop, phone} {
			v.login()
			time.Sleep(time.Minute)
		}
		var bobs string
		w.run = func(_ http.ResponseWriter, _ *http.Request, s *rp.Session) { bobs = s.Name() }
		bob.get("/run")
		w.run = func(_ http.ResponseWriter, r *http.Request, s *rp.Session) {
			list, err := s.List(r.Context())
			if err != nil || len(list) != 2 || !list[0].Current || list[0].Name != s.Name() || list[1].Current ||
				list[1].Name == bobs {
				t.Fatalf("%+v, %v", list, err)
			}
			if err := s.EndOwn(r.Context(), bobs); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("another person's session: %v", err)
			}
			if n, err := s.EndOthers(r.Context()); n != 1 || err != nil {
				t.Errorf("EndOthers: %d, %v", n, err)
			}
		}
		desktop.get("/run")
		phone.expect("ended", reason.UserLogout)
		desktop.expect("live", "")
		bob.expect("live", "")
		if n, err := w.auth[0].EndSessions(w.Context(), rp.Whose{Subject: "ada"}); n != 1 || err != nil {
			t.Errorf("EndSubject: %d, %v", n, err)
		}
		desktop.expect("ended", reason.Admin)
		time.Sleep(time.Second)
		desktop.login()
		desktop.expect("live", "")
		bob.expect("live", "")
		w.expectEnds(reason.UserLogout, reason.Admin)
	})
}
