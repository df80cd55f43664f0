package rp_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/reason"
	"github.com/tandem-sso/tandem/rp/store"
)

// patient is an IdP whose sessions outlive every outage here.
func patient(c *idpmock.Config) { c.IdleWindow, c.AbsoluteLifetime = 3*time.Hour, 24*time.Hour }

// C6: the IdP answers 500, or cannot be reached, for 30 min. Trust serves the
// person for a while, then it is 503 with Retry-After and never the cookie; after
// the repair everybody goes on without a new log-in.
func TestOutage(t *testing.T) {
	for _, kind := range []rp.Kind{rp.RefreshToken, rp.ReferenceToken} {
		for name, down := range map[string]func(*world) (repair func()){
			"500": func(w *world) func() {
				f := w.idp.Fault(idpmock.Fault{Times: idpmock.Always, Status: 500})
				return f.Remove
			},
			"502 of a proxy": func(w *world) func() {
				f := w.idp.Fault(idpmock.Fault{Times: idpmock.Always, Status: 502, Body: "<html>Bad gateway",
					ContentType: "text/html"})
				return f.Remove
			},
			"unreachable": func(w *world) func() {
				// Open connections go with it, as they do when a host dies.
				f := w.idp.Fault(idpmock.Fault{Times: idpmock.Always, DropBefore: true})
				w.idp.Net.Fail("idp.example", errors.New("no route to host"))
				return func() { f.Remove(); w.idp.Net.Fail("idp.example", nil) }
			},
		} {
			t.Run(fmt.Sprint(kind, " ", name), func(t *testing.T) {
				inBubble(t, setup{kind: kind, client: tokenOf(kind), idp: patient}, func(t *testing.T, w *world) {
					people := []*visitor{w.visitor("ada"), w.visitor("bob"), w.visitor("eve")}
					for _, v := range people {
						v.login()
					}
					repair := down(w)
					w.idp.ResetRequests()
					served := map[int]int{}
					for minute := range 30 {
						for _, v := range people {
							a := v.get("/private")
							served[a.status]++
							switch {
							case minute < 5 && a.status != 200:
								t.Fatalf("minute %d, trust has not run out: %v", minute, a)
							case minute > 6 && a.status != 503:
								t.Fatalf("minute %d, nobody vouches for the session: %v", minute, a)
							}
							if a.status == 503 {
								if n, err := strconv.Atoi(a.header.Get("Retry-After")); err != nil || n < 1 || n > 300 {
									t.Fatalf("Retry-After %q", a.header.Get("Retry-After"))
								}
							}
							if len(a.header["Set-Cookie"]) > 0 {
								t.Fatalf("a cookie was touched: %v", a)
							}
							v.expect("live", "")
						}
						time.Sleep(time.Minute)
					}
					// Backoff: 90 clicks must not become a storm.
					if n := w.idp.Count("", ""); n > 120 {
						t.Errorf("%d requests to an IdP that is down", n)
					}
					repair()
					time.Sleep(time.Minute)
					for _, v := range people {
						v.welcome()
					}
					w.expectEnds()
					if len(w.logins) != len(people) {
						t.Errorf("%d log-ins", len(w.logins))
					}
				})
			})
		}
	}
}

// When a refresh of one session succeeds, the outage is over for those that wait, too.
func TestOneRefreshEndsTheOutage(t *testing.T) {
	inBubble(t, setup{client: longToken, idp: patient}, func(t *testing.T, w *world) {
		ada, bob := w.visitor("ada"), w.visitor("bob")
		ada.login()
		bob.login()
		time.Sleep(6 * time.Minute) // beyond TrustFor
		down := w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointRefresh, Status: 500, Times: idpmock.Always})
		fails := func(v *visitor) (wait time.Duration) {
			a := v.get("/private")
			n, err := strconv.Atoi(a.header.Get("Retry-After"))
			if a.status != http.StatusServiceUnavailable || err != nil {
				t.Fatalf("%v", a)
			}
			return time.Duration(n) * time.Second
		}
		for range 4 { // the more failures, the longer is the pause
			time.Sleep(fails(bob) + time.Second)
		}
		wait := fails(ada)
		left := fails(bob)
		if left <= wait+time.Second {
			t.Fatalf("this shows nothing: bob waits for %v, ada for %v", left, wait)
		}
		down.Remove()
		time.Sleep(wait)
		ada.welcome()
		bob.welcome()
	})
}

func tokenOf(kind rp.Kind) func(*idpmock.Client) {
	if kind == rp.RefreshToken {
		return longToken
	}
	return nil
}

// RT-05, RT-06: Retry-After is honoured in both forms, also by those who click
// in between, and capped.
func TestRetryAfter(t *testing.T) {
	for _, kind := range []rp.Kind{rp.RefreshToken, rp.ReferenceToken} {
		for name, row := range map[string]struct {
			header func() string
			wait   time.Duration
		}{
			"seconds": {func() string { return "120" }, 2 * time.Minute},
			"a date": {func() string {
				return time.Now().Add(3 * time.Minute).UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT")
			}, 3 * time.Minute},
			"a day": {func() string { return "86400" }, 5 * time.Minute},
		} {
			inBubble(t, setup{kind: kind, client: tokenOf(kind), idp: patient}, func(t *testing.T, w *world) {
				v := w.visitor("ada")
				v.login()
				time.Sleep(6 * time.Minute)
				w.idp.ResetRequests()
				w.idp.Fault(idpmock.Fault{Status: 429, RetryAfter: row.header()})
				began := time.Now()
				for time.Since(began) < row.wait {
					a := v.get("/private")
					left := row.wait - time.Since(began)
					if n, _ := strconv.Atoi(a.header.Get("Retry-After")); a.status != 503 ||
						time.Duration(n)*time.Second < left || time.Duration(n)*time.Second > left+time.Second {
						t.Fatalf("%v %s, %v left: %v", kind, name, left, a)
					}
					if n := w.idp.Count(idpmock.EndpointRefresh, "") +
						w.idp.Count(idpmock.EndpointUserinfo, ""); n != 1 {
						t.Fatalf("%v %s: asked %d times within %v", kind, name, n, time.Since(began))
					}
					time.Sleep(5 * time.Second)
				}
				v.welcome()
			})
		}
	}
}

// A misconfiguration keeps all sessions and is tried again at least every
// minute, so that a repaired IdP needs no restart (RT-02, RT-03, RT-15).
func TestMisconfigurationHeals(t *testing.T) {
	for name, fault := range map[string]idpmock.Fault{
		"RT-02 invalid_client":         {Status: 401, Error: "invalid_client"},
		"RT-02 invalid_client 400":     {Error: "invalid_client"},
		"RT-03 unauthorized_client":    {Error: "unauthorized_client"},
		"RT-03 unsupported_grant_type": {Error: "unsupported_grant_type"},
		"RT-12 use_dpop_nonce":         {Error: "use_dpop_nonce", Header: map[string]string{"DPoP-Nonce": "x"}},
		"RT-15 302 to a portal":        {Status: 302, Header: map[string]string{"Location": "https://portal.example/"}},
		"RT-15 307 to another host": {Status: 307,
			Header: map[string]string{"Location": "https://evil.example/token"}},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, setup{client: longToken, idp: patient}, func(t *testing.T, w *world) {
				stolen := 0
				w.serve("evil.example", counting(&stolen))
				ada, bob := w.visitor("ada"), w.visitor("bob")
				ada.login()
				bob.login()
				fault.Endpoint, fault.Times = idpmock.EndpointRefresh, idpmock.Always
				f := w.idp.Fault(fault)
				w.idp.ResetRequests()
				for range 60 { // ten minutes of clicks
					time.Sleep(10 * time.Second)
					for _, v := range []*visitor{ada, bob} {
						if a := v.get("/private"); a.status != 200 && a.status != 503 {
							t.Fatalf("%v", a)
						}
					}
				}
				n := w.idp.Count(idpmock.EndpointRefresh, "notes")
				if n < 5 || n > 60 {
					t.Errorf("tried %d times in ten minutes", n)
				}
				ada.expect("live", "")
				f.Remove()
				time.Sleep(time.Minute)
				ada.welcome()
				bob.welcome()
				w.expectEnds()
				if stolen > 0 {
					t.Errorf("a redirect was followed %d times with a refresh token", stolen)
				}
				if !w.log.has("level=ERROR") {
					t.Error("nobody is alarmed")
				}
			})
		})
	}
}

// sayingNo stores new sessions and says that it has failed, as a database does whose
// answer is lost; it ends none while it is broken.
type sayingNo struct {
	store.Store
	broken  atomic.Bool
	created store.Record
	ends    atomic.Int64 // of sessions that were taken back
}

func (s *sayingNo) Create(ctx context.Context, rec store.Record) error {
	err := s.Store.Create(ctx, rec)
	if s.broken.Load() {
		err = errDown
		if rec.Owner != rec.Key { // a session, and not what is kept of the IdP
			s.created = rec
		}
	}
	return err
}

func (s *sayingNo) End(ctx context.Context, sel store.Selector, e store.End) ([]store.Record, error) {
	if e.Reason == "never_begun" {
		s.ends.Add(1)
	}
	if s.broken.Load() {
		return nil, errDown
	}
	return s.Store.End(ctx, sel, e)
}

// A session that was stored although its log-in has failed is nobody's: it goes as
// soon as the store answers again, and no event speaks of it.
func TestLogInStoredByAStoreThatSaidNo(t *testing.T) {
	kept := &sayingNo{}
	s := setup{config: func(c *rp.Config) { kept.Store, c.Store = c.Store, kept }}
	inBubble(t, s, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		kept.broken.Store(true)
		if a := v.get(v.authorize(v.start("/auth/login"))); a.status != 503 {
			t.Fatalf("the callback: %v", a)
		}
		time.Sleep(10 * time.Minute)
		if _, err := kept.Load(t.Context(), kept.created.Key); err != nil {
			t.Fatalf("this shows nothing: %v", err)
		}
		kept.broken.Store(false)
		time.Sleep(time.Minute)
		if _, err := kept.Load(t.Context(), kept.created.Key); !errors.Is(err, store.ErrEnded) {
			t.Errorf("it lives on: %v", err)
		}
		done := kept.ends.Load()
		time.Sleep(10 * time.Minute)
		if n := kept.ends.Load(); n != done {
			t.Errorf("ended %d times more", n-done)
		}
		v.login()
		w.expectEnds()
	})
}

// C2: tokens that the store takes only late prove what the IdP said before; whoever
// comes then, or has waited for it, is served on a newer word only.
func TestOldAnswerAfterAnOutage(t *testing.T) {
	for name, late := range map[string]time.Duration{"the store fails": 0, "the store hangs": 8 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			s, kept := flaky(nil)
			kept.late = late
			inBubble(t, s, func(t *testing.T, w *world) {
				w.idp.FaultDelivery(idpmock.DeliveryFault{Times: idpmock.Always, Lose: true})
				v := w.visitor("ada")
				v.login()
				time.Sleep(6 * time.Minute)
				kept.breaks("Replace")
				var all sync.WaitGroup
				ask := func() {
					all.Go(func() {
						if a, _ := v.try("GET", "/private", nil, fetching); a == nil || a.status == 200 {
							t.Errorf("served with an old word: %v", a)
						}
					})
				}
				all.Go(func() { _, _ = v.try("GET", "/private", nil, fetching) }) // asked when it was true
				time.Sleep(time.Minute)
				w.idp.EndUser("ada")
				time.Sleep(6 * time.Minute)
				ask()
				synctest.Wait()
				kept.heals()
				time.Sleep(10 * time.Second)
				ask()
				all.Wait()
				time.Sleep(10 * time.Minute)
				ask()
				all.Wait()
				v.expect("ended", reason.RefreshRejected)
			})
		})
	}
}

// C4, C6: the store takes no writes (a full disk, a replica), or refuses each as a
// conflict. A refresh token is not shown, because its successor could not be stored.
// Nobody hangs on it: that is 503. Soon after the repair everybody goes on.
func TestStoreThatTakesNoWrites(t *testing.T) {
	for name, refusal := range map[string]error{"failure": errDown, "conflict": store.ErrConflict} {
		t.Run(name, func(t *testing.T) {
			s, kept := flaky(nil)
			kept.with, s.idp = refusal, patient
			inBubble(t, s, func(t *testing.T, w *world) {
				v := w.visitor("ada")
				v.login()
				time.Sleep(6 * time.Minute)
				kept.breaks("Replace")
				defer time.AfterFunc(time.Hour, kept.heals).Stop() // so that one who hangs fails the test
				w.idp.ResetRequests()
				for range 60 {
					asked := time.Now()
					a := v.fetch("/private")
					if a.status != 503 || a.header.Get("Retry-After") == "" || len(setCookies(a)) > 0 {
						t.Errorf("%v", a)
					}
					if took := time.Since(asked); took > 6*time.Second {
						t.Errorf("the answer took %v", took)
					}
					time.Sleep(5 * time.Second)
				}
				if n := w.idp.Count(idpmock.EndpointToken, "notes"); n != 0 {
					t.Errorf("the IdP was asked %d times", n)
				}
				kept.heals()
				time.Sleep(11 * time.Second)
				v.welcome()
				w.expectEnds()
			})
		})
	}
}

// An instance that was killed in a refresh leaves its lease. Nobody can tell it from a
// slow one, so who needs the answer waits until the lease has run out, 10 s at most, and
// is served then. Who is trusted still does not wait.
func TestALeaseOfADeadInstance(t *testing.T) {
	inBubble(t, setup{idp: patient}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		dies := func() {
			t.Helper()
			if _, err := w.store.Acquire(t.Context(), w.auth[0].LeaseOf(v.id()), 10*time.Second); err != nil {
				t.Fatal(err)
			}
		}
		took := func() time.Duration {
			t.Helper()
			began := time.Now()
			v.welcome()
			return time.Since(began)
		}
		time.Sleep(4 * time.Minute)
		dies()
		if d := took(); d > time.Second {
			t.Errorf("somebody who is trusted waited %v", d)
		}
		time.Sleep(time.Minute)
		_ = took()
		time.Sleep(10 * time.Minute)
		dies()
		if d := took(); d < 9*time.Second || d > 11*time.Second {
			t.Errorf("somebody who needs the answer waited %v", d)
		}
		w.expectEnds()
	})
}
