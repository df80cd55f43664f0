package rp_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/event"
	"github.com/tandem-sso/tandem/rp/reason"
	"github.com/tandem-sso/tandem/rp/store"
)

// The order of an end: it is stored, everybody who waits is told, the IdP and the
// browser are answered, and only then come the event and the revocation, however
// long they take.
func TestAnswerBeforeTheRest(t *testing.T) {
	ends := map[string]func(w *world, v *visitor) *reply{
		"back-channel": func(w *world, v *visitor) *reply { return w.deliver(w.logoutToken(v.session())) },
		"front-channel": func(w *world, v *visitor) *reply {
			return w.visitor("").get("/auth/frontchannel-logout?iss=" + issuer + "&sid=" + v.session().SID)
		},
		"user": func(_ *world, v *visitor) *reply { return v.submit("/auth/logout") },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			gate := make(chan struct{})
			var told []event.End
			inBubble(t, setup{config: func(c *rp.Config) {
				c.Events.End = func(e event.End) { <-gate; told = append(told, e) }
			}}, func(t *testing.T, w *world) {
				gate = make(chan struct{}) // of this bubble
				v := w.visitor("ada")
				v.login()
				stuck := make(chan struct{})
				revocation := w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointRevoke, Gate: stuck,
					Times: idpmock.Always})
				began := time.Now()
				if a := end(w, v); a.status >= 400 {
					t.Fatalf("%v", a)
				}
				if took := time.Since(began); took > 0 {
					t.Errorf("the answer took %v", took)
				}
				synctest.Wait()
				if v.status().State != "ended" || len(told) != 0 || revocation.Hits() != 0 {
					t.Errorf("status %+v, %d events, %d revocations before the answer", v.status(), len(told),
						revocation.Hits())
				}
				close(gate)
				<-revocation.Arrived()
				close(stuck)
				time.Sleep(time.Minute)
				if len(told) != 1 {
					t.Errorf("%d events", len(told))
				}
				w.idp.Expect(idpmock.EndpointRevoke, "notes", 2)
			})
		})
	}
}

// Two clocks that differ by more than the head start do not report an end twice, be
// the app ever so slow to listen.
func TestOneReportWhereClocksDiffer(t *testing.T) {
	for _, ahead := range []time.Duration{90 * time.Second, -90 * time.Second} {
		var mu sync.Mutex
		told, n := 0, 0
		s := setup{instances: 2, config: func(c *rp.Config) {
			if n++; n == 2 {
				c.Now = func() time.Time { return time.Now().Add(ahead) }
			}
			c.Events.End = func(event.End) {
				time.Sleep(40 * time.Second)
				mu.Lock()
				defer mu.Unlock()
				told++
			}
		}}
		inBubble(t, s, func(t *testing.T, w *world) {
			w.visitor("ada").login()
			if n, err := w.auth[0].EndSessions(t.Context(), rp.Whose{Subject: "ada"}); n != 1 || err != nil {
				t.Fatal(n, err)
			}
			time.Sleep(10 * time.Minute)
			mu.Lock()
			defer mu.Unlock()
			if told != 1 {
				t.Errorf("%v ahead: %d events", ahead, told)
			}
		})
	}
}

// What the outbox has not done survives a restart: tokens are revoked by the next
// start, and nothing is reported twice.
func TestOutboxSurvivesARestart(t *testing.T) {
	s := setup{}
	inBubble(t, s, func(t *testing.T, w *world) {
		down := w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointRevoke, Status: 503, RetryAfter: "30",
			Times: idpmock.Always})
		var all []*visitor
		for range 20 {
			v := w.visitor("ada")
			v.login()
			all = append(all, v)
		}
		for _, v := range all {
			v.submit("/auth/logout")
		}
		time.Sleep(5 * time.Minute)
		if down.Hits() < 20 {
			t.Errorf("%d tries", down.Hits())
		}
		if err := w.auth[0].Close(); err != nil {
			t.Fatal(err)
		}
		tries := down.Hits()
		time.Sleep(5 * time.Minute)
		if down.Hits() != tries {
			t.Error("a closed instance goes on")
		}
		down.Remove()
		w.idp.ResetRequests()
		w.relyingParty(s)
		time.Sleep(5 * time.Minute)
		w.idp.Expect(idpmock.EndpointRevoke, "notes", 2*len(all))
		if n := len(w.reasons()); n != len(all) {
			t.Errorf("%d ends were reported for %d sessions", n, len(all))
		}
	})
}

// keyOf is the key under which a browser's session is stored.
func keyOf(v *visitor) store.Key { return v.w.auth[0].KeyOf(v.id()) }

// endAndDie is all that an instance does which ends a session and dies.
func (v *visitor) endAndDie() (now time.Time) {
	v.w.Helper()
	now = time.Now()
	if _, err := v.w.store.End(v.w.Context(), store.Selector{Key: keyOf(v)},
		store.End{Reason: string(reason.Admin), At: now, Until: now.Add(time.Hour)}); err != nil {
		v.w.Fatal(err)
	}
	return now
}

// An instance that dies right after the deletion is made up for: by another
// instance, or by the next start.
func TestEndOfADeadInstance(t *testing.T) {
	for _, instances := range []int{1, 3} {
		t.Run(fmt.Sprint(instances), func(t *testing.T) {
			s := setup{instances: instances}
			inBubble(t, s, func(t *testing.T, w *world) {
				v := w.visitor("ada")
				v.login()
				now := v.endAndDie()
				time.Sleep(30 * time.Second)
				w.expectEnds() // it may still be at it
				time.Sleep(5 * time.Minute)
				w.expectEnds(reason.Admin)
				w.idp.Expect(idpmock.EndpointRevoke, "notes", 2)
				if e := w.ends[0]; e.Subject != "ada" || !e.At.Equal(now.UTC().Truncate(time.Millisecond)) {
					t.Errorf("event %+v", e)
				}
				time.Sleep(time.Hour)
				w.expectEnds(reason.Admin)
			})
		})
	}
}

// Who makes up for it while the store fails says so. Nobody waits for that, so no 503 tells.
func TestStoreFailsAtTheReportOfAnEnd(t *testing.T) {
	for _, method := range []string{"Acquire", "Load"} {
		t.Run(method, func(t *testing.T) {
			s, kept := flaky(nil)
			inBubble(t, s, func(t *testing.T, w *world) {
				v := w.visitor("ada")
				v.login()
				v.endAndDie()
				kept.breaks(method)
				time.Sleep(5 * time.Minute)
				w.expectEnds()
				if !strings.Contains(w.log.String(), "the session store failed") {
					t.Errorf("nobody hears of it:\n%s", w.log)
				}
				kept.heals()
				time.Sleep(5 * time.Minute)
				w.expectEnds(reason.Admin)
			})
		})
	}
}

// An event for each end, on one instance only, whoever ends it; also while the
// IdP cannot be reached and thousands of tokens wait.
func TestEndsOfManyDuringAnOutage(t *testing.T) {
	inBubble(t, setup{instances: 2}, func(t *testing.T, w *world) {
		const n = 2000
		for i := range n {
			if _, err := w.auth[0].Plant(t.Context(), "ada", fmt.Sprint(i)); err != nil {
				t.Fatal(err)
			}
		}
		w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointRevoke, Delay: time.Hour, Times: idpmock.Always})
		bob := w.visitor("bob")
		bob.login()
		if ended, err := w.auth[1].EndSessions(t.Context(), rp.Whose{Subject: "ada"}); ended != n || err != nil {
			t.Fatalf("%d, %v", ended, err)
		}
		synctest.Wait()
		if got := len(w.reasons()); got != n {
			t.Errorf("%d events at once", got)
		}
		time.Sleep(10 * time.Minute)
		if got := len(w.reasons()); got != n {
			t.Errorf("%d events after ten minutes", got)
		}
		// Not more than a few calls at a time, each given up after 30 s.
		if calls := w.idp.Count(idpmock.EndpointRevoke, "notes"); calls > 2*8*21 {
			t.Errorf("%d calls", calls)
		}
		bob.expect("live", "")
	})
}

// BCL-20: refresh tokens granted offline_access outlive the IdP's session; every
// other end, and every other token, is revoked.
func TestOfflineAccess(t *testing.T) {
	for name, row := range map[string]struct {
		scopes []string
		end    func(w *world, v *visitor)
		want   []string
	}{
		"back-channel":                 {nil, backchannel, []string{"refresh_token", "access_token"}},
		"back-channel, offline_access": {[]string{"openid", "offline_access"}, backchannel, []string{"access_token"}},
		"front-channel, offline_access": {[]string{"openid", "offline_access"}, func(w *world, v *visitor) {
			w.visitor("").get("/auth/frontchannel-logout?iss=" + issuer + "&sid=" + v.session().SID)
		}, []string{"access_token"}},
		"the person, offline_access": {[]string{"openid", "offline_access"}, func(_ *world, v *visitor) {
			v.submit("/auth/logout")
		}, []string{"refresh_token", "access_token"}},
		"the app, offline_access": {[]string{"openid", "offline_access"}, func(w *world, v *visitor) {
			if _, err := w.auth[0].EndSessions(w.Context(), rp.Whose{Subject: "ada"}); err != nil {
				w.Error(err)
			}
		}, []string{"refresh_token", "access_token"}},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, setup{config: func(c *rp.Config) { c.Scopes = row.scopes }}, func(t *testing.T, w *world) {
				v := w.visitor("ada")
				v.login()
				row.end(w, v)
				time.Sleep(5 * time.Minute)
				var got []string
				for _, r := range w.idp.Requests() {
					if r.Endpoint == idpmock.EndpointRevoke {
						got = append(got, r.Params["token_type_hint"])
					}
				}
				if fmt.Sprint(got) != fmt.Sprint(row.want) {
					t.Errorf("revoked %v, want %v", got, row.want)
				}
			})
		})
	}
}

func backchannel(w *world, v *visitor) { w.judged(w.deliver(w.logoutToken(v.session())), true) }

// An IdP without a revocation endpoint is no error, and nothing waits for one.
func TestNoRevocationEndpoint(t *testing.T) {
	s := setup{}
	inBubble(t, s, func(t *testing.T, w *world) {
		w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointDiscovery, Times: idpmock.Always,
			Body: strings.ReplaceAll(discoveryDocument(t, w.idp), `"revocation_endpoint"`, `"x"`)})
		auth := w.relyingParty(s)
		w.serve("two.example", w.app(auth))
		v := w.visitor("ada")
		v.login()
		before := len(w.log.String())
		if n, err := auth.EndSessions(t.Context(), rp.Whose{Subject: "ada"}); n != 1 || err != nil {
			t.Fatalf("%d, %v", n, err)
		}
		time.Sleep(time.Hour)
		w.idp.Expect(idpmock.EndpointRevoke, "", 0)
		if log := w.log.String()[before:]; strings.Contains(log, "WARN") || strings.Contains(log, "ERROR") {
			t.Errorf("log:\n%s", log)
		}
		if due, err := w.store.Claim(t.Context(), auth.Owner(), time.Now(), time.Minute, 10); err != nil ||
			len(due) != 0 {
			t.Errorf("%d records wait, %v", len(due), err)
		}
	})
}

// FCL-04: the IdP's logout page may be served from another origin than its issuer.
func TestFrontchannelFramers(t *testing.T) {
	s := setup{}
	inBubble(t, s, func(t *testing.T, w *world) {
		w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointDiscovery, Times: idpmock.Always,
			Body: strings.ReplaceAll(discoveryDocument(t, w.idp), issuer+"/end_session",
				"https://sso.example:8443/logout")})
		w.serve("two.example", w.app(w.relyingParty(s)))
		for host, want := range map[string]string{base: issuer, "https://two.example": issuer +
			" https://sso.example:8443"} {
			a := w.visitor("").do("GET", host+"/auth/frontchannel-logout", nil, nil)
			_, framers, _ := strings.Cut(a.header.Get("Content-Security-Policy"), "frame-ancestors ")
			if framers != want {
				t.Errorf("%s: frame-ancestors %q, want %q", host, framers, want)
			}
		}
	})
}

// Whoever reports ends may be slow: a backlog of minutes is reported once all the
// same, though Claim hands its records out to every instance meanwhile.
func TestSlowListenerHearsOnce(t *testing.T) {
	const n = 300
	inBubble(t, setup{instances: 2, config: func(c *rp.Config) {
		end := c.Events.End
		c.Events.End = func(e event.End) { time.Sleep(time.Second); end(e) }
	}}, func(t *testing.T, w *world) {
		for i := range n {
			if _, err := w.auth[0].Plant(t.Context(), "ada", fmt.Sprint(i)); err != nil {
				t.Fatal(err)
			}
		}
		if ended, err := w.auth[0].EndSessions(t.Context(), rp.Whose{Subject: "ada"}); ended != n || err != nil {
			t.Fatalf("%d, %v", ended, err)
		}
		time.Sleep(30 * time.Minute)
		synctest.Wait()
		if got := len(w.reasons()); got != n {
			t.Errorf("%d events for %d ends", got, n)
		}
	})
}

// A listener that takes longer than a call of the store may.
func TestVerySlowListenerHearsOnce(t *testing.T) {
	inBubble(t, setup{config: func(c *rp.Config) {
		end := c.Events.End
		c.Events.End = func(e event.End) { time.Sleep(50 * time.Second); end(e) }
	}}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		v.submit("/auth/logout")
		time.Sleep(time.Hour)
		w.expectEnds(reason.UserLogout)
		w.idp.Expect(idpmock.EndpointRevoke, "notes", 2)
	})
}
