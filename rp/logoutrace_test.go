package rp_test

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/reason"
	"github.com/tandem-sso/tandem/rp/store"
)

// C5, BCL-18: a log-out that arrives before the log-in's callback has finished
// wins, by sid and by sub; the tokens that came too late are revoked.
func TestLogoutOvertakesLogin(t *testing.T) {
	for _, fault := range []idpmock.LogoutFault{"", idpmock.LogoutSidOnly, idpmock.LogoutSubOnly} {
		inBubble(t, setup{}, func(t *testing.T, w *world) {
			w.idp.FaultDelivery(idpmock.DeliveryFault{Times: idpmock.Always, Lose: true}) // ours is the only one
			v := w.visitor("ada")
			callback := v.authorize(v.start("/auth/login"))
			gate := make(chan struct{})
			exchange := w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointCode, GateAfter: gate})
			answer := make(chan *reply)
			go func() {
				a, err := v.try("GET", callback, nil, navigating)
				if err != nil {
					t.Error(err)
				}
				answer <- a
			}()
			<-exchange.Arrived()
			session := v.session()
			w.judged(w.deliver(w.logoutToken(session, fault)), true)
			close(gate)
			if a := <-answer; a == nil || a.status != http.StatusBadRequest || !strings.Contains(a.body, "logged out") {
				t.Errorf("%q: %v", fault, a)
			}
			if v.id() != "" {
				t.Errorf("%q: a session cookie was set", fault)
			}
			time.Sleep(time.Minute)
			w.expectEnds() // it never began
			w.idp.Expect(idpmock.EndpointRevoke, "notes", 2)
			if len(w.logins) > 0 {
				t.Errorf("%q: a log-in was announced", fault)
			}
		})
	}
}

// C5, BCL-19: a log-out beats the refresh in flight; what that brings is revoked.
func TestLogoutBeatsRefresh(t *testing.T) {
	for name, end := range map[string]func(w *world, v *visitor) reason.Reason{
		"back-channel": func(w *world, v *visitor) reason.Reason {
			w.judged(w.deliver(w.logoutToken(v.session())), true)
			return reason.BackchannelLogout
		},
		"front-channel": func(w *world, v *visitor) reason.Reason {
			w.visitor("").get("/auth/frontchannel-logout?iss=" + issuer + "&sid=" + v.session().SID)
			return reason.FrontchannelLogout
		},
		"user": func(_ *world, v *visitor) reason.Reason { v.submit("/auth/logout"); return reason.UserLogout },
		"admin": func(w *world, _ *visitor) reason.Reason {
			if n, err := w.auth[0].EndSessions(w.Context(), rp.Whose{Subject: "ada"}); n != 1 || err != nil {
				w.Errorf("EndSubject: %d, %v", n, err)
			}
			return reason.Admin
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, setup{}, func(t *testing.T, w *world) {
				w.idp.FaultDelivery(idpmock.DeliveryFault{Times: idpmock.Always, Lose: true})
				v := w.visitor("ada")
				v.login()
				time.Sleep(6 * time.Minute) // trust has run out: the page waits for the refresh
				gate := make(chan struct{})
				refresh := w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointRefresh, GateAfter: gate})
				answer := make(chan *reply)
				go func() { a, _ := v.try("GET", "/private", nil, fetching); answer <- a }()
				<-refresh.Arrived()
				synctest.Wait() // the IdP has rotated, and holds its answer back
				reason := end(w, v)
				w.expectEnds(reason)
				close(gate)
				if a := <-answer; a == nil || a.status != http.StatusUnauthorized ||
					!strings.Contains(a.body, string(reason)) {
					t.Errorf("the page: %v", a)
				}
				time.Sleep(5 * time.Minute)
				v.expect("ended", reason)
				w.expectEnds(reason)
				// Both pairs of tokens are gone: the record's and the late ones.
				w.idp.Expect(idpmock.EndpointRevoke, "notes", 4)
			})
		})
	}
}

// failingStore fails on demand, as a store does whose network is down.
type failingStore struct {
	store.Store
	fail atomic.Pointer[string] // the method that fails
	with error                  // nil: errDown
	late time.Duration          // what Replace takes, instead of failing
}

var errDown = errors.New("store: connection refused")

func (s *failingStore) down(method string) bool {
	f := s.fail.Load()
	return f != nil && (*f == method || *f == "*")
}

func (s *failingStore) Load(ctx context.Context, k store.Key) (store.Record, error) {
	if s.down("Load") {
		return store.Record{}, errDown
	}
	return s.Store.Load(ctx, k)
}

func (s *failingStore) Create(ctx context.Context, r store.Record) error {
	if s.down("Create") {
		return errDown
	}
	return s.Store.Create(ctx, r)
}

func (s *failingStore) Renew(ctx context.Context, l store.Lease, ttl time.Duration) error {
	if s.down("Renew") {
		return errDown
	}
	return s.Store.Renew(ctx, l, ttl)
}

func (s *failingStore) Replace(ctx context.Context, r store.Record) error {
	if s.down("Replace") {
		if s.late == 0 {
			return cmp.Or(s.with, errDown)
		}
		time.Sleep(s.late)
	}
	return s.Store.Replace(ctx, r)
}

func (s *failingStore) End(ctx context.Context, sel store.Selector, e store.End) ([]store.Record, error) {
	if s.down("End") {
		return nil, errDown
	}
	return s.Store.End(ctx, sel, e)
}

func (s *failingStore) Once(ctx context.Context, k store.Key, until time.Time) error {
	if s.down("Once") {
		return errDown
	}
	return s.Store.Once(ctx, k, until)
}

func (s *failingStore) Acquire(ctx context.Context, k store.Key, ttl time.Duration) (store.Lease, error) {
	if s.down("Acquire") {
		return store.Lease{}, errDown
	}
	return s.Store.Acquire(ctx, k, ttl)
}

func (s *failingStore) breaks(method string) { s.fail.Store(&method) }
func (s *failingStore) heals()               { s.fail.Store(nil) }

// flaky returns a setup whose store can be broken.
func flaky(change func(*rp.Config)) (setup, *failingStore) {
	kept := &failingStore{}
	return setup{config: func(c *rp.Config) {
		if kept.Store == nil { // one for all instances
			kept.Store = c.Store
		}
		c.Store = kept
		if change != nil {
			change(c)
		}
	}}, kept
}

// C6: trouble with the store is 503 with Retry-After and takes no cookie; when
// it passes, everybody is still there.
func TestStoreOutage(t *testing.T) {
	s, kept := flaky(nil)
	inBubble(t, s, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		callback := v.authorize(v.start("/auth/login"))
		unavailable := func(what string, a *reply) {
			t.Helper()
			if a.status != 503 || a.header.Get("Retry-After") == "" || len(setCookies(a)[cookie].String()) > 0 {
				t.Errorf("%s: %v", what, a)
			}
			if strings.Contains(a.body, "connection refused") {
				t.Errorf("%s tells the inside: %v", what, a)
			}
		}
		v.login()
		for _, method := range []string{"Load", "*"} {
			kept.breaks(method)
			unavailable("a page", v.get("/private"))
			unavailable("a script", v.fetch("/private"))
			unavailable("status", v.fetch("/auth/session"))
			unavailable("logout", v.submit("/auth/logout"))
			kept.heals()
			v.welcome()
		}
		kept.breaks("End")
		unavailable("logout that cannot end", v.submit("/auth/logout"))
		kept.heals()
		v.expect("live", "")
		kept.breaks("Once")
		unavailable("a callback whose state cannot be used up", v.get(callback))
		kept.heals()
		kept.breaks("Create")
		unavailable("a callback that cannot create", v.get(v.authorize(v.start("/auth/login"))))
		kept.heals()
		v.welcome()
		w.expectEnds()
		time.Sleep(time.Minute)
		w.idp.Expect(idpmock.EndpointRevoke, "notes", 2) // the tokens that found no place
		synctest.Wait()
	})
}

// BCL-21: by the letter 400 when the log-out failed, and 503 where the IdP is
// known to deliver again; the same token then works.
func TestBackchannelDuringAnOutage(t *testing.T) {
	for status, retry503 := range map[int]bool{400: false, 503: true} {
		s, kept := flaky(func(c *rp.Config) { c.LogoutRetry503, c.StrictLogoutToken = retry503, true })
		inBubble(t, s, func(t *testing.T, w *world) {
			v := w.visitor("ada")
			v.login()
			raw := w.logoutToken(v.session())
			kept.breaks("End")
			if a := w.deliver(raw); a.status != status || a.header.Get("Cache-Control") != "no-store" ||
				strings.Contains(a.body, "connection refused") {
				t.Errorf("%v, want %d", a, status)
			}
			kept.heals()
			v.expect("live", "")
			w.judged(w.deliver(raw), true) // also strictly: it had not been carried out
			v.expect("ended", reason.BackchannelLogout)
		})
		// An IdP that does not ask again: the log-out is carried out all the same, and ends
		// nothing that begins meanwhile.
		s, kept = flaky(func(c *rp.Config) { c.LogoutRetry503 = retry503 })
		inBubble(t, s, func(t *testing.T, w *world) {
			v, later := w.visitor("ada"), w.visitor("ada")
			v.login()
			raw := w.logoutToken(v.session())
			time.Sleep(2 * time.Second)
			kept.breaks("End")
			w.deliver(raw)
			later.login()
			time.Sleep(10 * time.Minute)
			kept.heals()
			time.Sleep(31 * time.Second)
			v.expect("ended", reason.BackchannelLogout)
			later.expect("live", "")
			w.expectEnds(reason.BackchannelLogout)
		})
	}
	for status, retry503 := range map[int]bool{400: false, 503: true} {
		inBubble(t, setup{config: func(c *rp.Config) { c.LogoutRetry503 = retry503 }}, func(t *testing.T, w *world) {
			v := w.visitor("ada")
			v.login()
			time.Sleep(time.Minute)
			raw := w.logoutToken(v.session(), idpmock.LogoutRotatedKey)
			w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointJWKS, Status: 500})
			if a := w.deliver(raw); a.status != status {
				t.Errorf("keys cannot be fetched: %v, want %d", a, status)
			}
			time.Sleep(11 * time.Second)
			w.judged(w.deliver(raw), true)
			v.expect("ended", reason.BackchannelLogout)
		})
	}
}

// BCL-25: 50 tokens with invented key ids cause one fetch of keys per interval. BCL-21:
// within it nobody knows whether they are junk: 503 and Retry-After.
func TestFloodOfJunkTokens(t *testing.T) {
	inBubble(t, setup{}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		before := w.idp.Count(idpmock.EndpointJWKS, "")
		time.Sleep(time.Minute)
		w.judged(w.deliver(w.logoutToken(v.session(), idpmock.LogoutUnknownKid)), false)
		time.Sleep(1500 * time.Millisecond)
		for range 49 {
			if a := w.deliver(w.logoutToken(v.session(), idpmock.LogoutUnknownKid)); a.status != 503 ||
				a.header.Get("Retry-After") != "9" || a.header.Get("Cache-Control") != "no-store" {
				t.Errorf("%v", a)
			}
		}
		if n := w.idp.Count(idpmock.EndpointJWKS, "") - before; n != 1 {
			t.Errorf("%d fetches of keys", n)
		}
		v.expect("live", "")
		w.judged(w.deliver(w.logoutToken(v.session())), true)
	})
}

// overtakingStore ends, right before a record is stored, every reference that is new
// in it: a log-out that wins the race by a hair.
type overtakingStore struct {
	store.Store
	armed atomic.Bool
}

func (s *overtakingStore) Replace(ctx context.Context, rec store.Record) error {
	if old, err := s.Load(ctx, rec.Key); err == nil && s.armed.Load() {
		for _, ref := range rec.Refs {
			if !slices.Contains(old.Refs, ref) {
				if _, err := s.End(ctx, store.Selector{Ref: ref}, store.End{Reason: string(reason.BackchannelLogout),
					At: time.Now(), Until: time.Now().Add(time.Hour)}); err != nil {
					return err
				}
			}
		}
	}
	return s.Store.Replace(ctx, rec)
}

// BCL-18: the IdP session goes on under another sid, which is logged out before the
// refresh that tells of it is stored: the app session is over, for good.
func TestLogoutOfTheNextSID(t *testing.T) {
	kept := &overtakingStore{}
	s := setup{client: longToken, idp: patient, config: func(c *rp.Config) { kept.Store, c.Store = c.Store, kept }}
	inBubble(t, s, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		time.Sleep(6 * time.Minute)
		w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointRefresh, IDToken: idpmock.IDTokenChangedSid})
		kept.armed.Store(true)
		if a := v.fetch("/private"); a.status != http.StatusUnauthorized ||
			!strings.Contains(a.body, "backchannel_logout") {
			t.Errorf("the page: %v", a)
		}
		v.expect("ended", reason.BackchannelLogout)
		w.expectEnds(reason.BackchannelLogout)
	})
}

// An IdP that sends a log-out again and again while the store fails does not push another
// one out of the memory.
func TestALateLogoutWaitsOnce(t *testing.T) {
	kept := &failingStore{}
	s := setup{idp: patient, config: func(c *rp.Config) { kept.Store, c.Store = c.Store, kept }}
	inBubble(t, s, func(t *testing.T, w *world) {
		v, other := w.visitor("ada"), w.visitor("bob")
		v.login()
		other.login()
		down := "End"
		kept.fail.Store(&down)
		again := w.logoutToken(v.session())
		for range 1001 {
			if a := w.deliver(again); a.status != http.StatusBadRequest {
				t.Fatal(a)
			}
		}
		w.deliver(w.logoutToken(other.session()))
		kept.fail.Store(nil)
		time.Sleep(time.Minute)
		w.expectEnds(reason.BackchannelLogout, reason.BackchannelLogout)
	})
}
