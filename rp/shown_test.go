package rp_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/reason"
)

// twoInstances returns a world of two, and the way to the store of each.
func twoInstances(change func(*rp.Config)) (setup, [2]*failingStore) {
	kept := [2]*failingStore{{}, {}}
	n := 0
	return setup{instances: 2, idp: patient, client: longToken, config: func(c *rp.Config) {
		if n < 2 {
			kept[n].Store = c.Store
			c.Store = kept[n]
			n++
		}
		if change != nil {
			change(c)
		}
	}}, kept
}

// askAt has a visitor ask one instance, and returns when there is an answer.
func (v *visitor) askAt(instance string) (answered chan *reply) {
	answered = make(chan *reply, 1)
	go func() {
		answered <- v.do("GET", "/private", nil, with(navigating, "X-Instance", instance))
	}()
	return answered
}

// shown logs ada in and waits until a refresh is due. Instance 0 shows its refresh token to the IdP, which has these
// faults at its refreshes, and then is cut off from the store, or both instances are: it has been noted before that the
// token is shown.
func (w *world) shown(cut []*failingStore, faults ...idpmock.Fault) (v *visitor, first chan *reply, heal func()) {
	v = w.visitor("ada")
	v.login()
	time.Sleep(6 * time.Minute)
	for _, f := range faults {
		f.Endpoint = idpmock.EndpointRefresh
		w.idp.Fault(f)
	}
	first = v.askAt("0")
	time.Sleep(time.Second)
	for _, k := range cut {
		k.breaks("*")
	}
	return v, first, func() {
		for _, k := range cut {
			k.heals()
		}
	}
}

// C4: while one instance has fresh tokens and waits for the store, another one, which is
// asked the moment the store is back, does not show the spent one.
func TestTokensThatWaitForTheStore(t *testing.T) {
	s, kept := twoInstances(nil)
	inBubble(t, s, func(t *testing.T, w *world) {
		v, first, heal := w.shown(kept[:], idpmock.Fault{DelayAfter: 3 * time.Second})
		time.Sleep(time.Minute) // and the lease is over
		if a := <-first; a.status != http.StatusServiceUnavailable {
			t.Errorf("while the store is down: %v", a)
		}
		heal()
		if a := <-v.askAt("1"); a.status != http.StatusOK {
			t.Errorf("%v", a)
		}
		w.idp.Expect(idpmock.EndpointRefresh, "notes", 1)
		w.expectEnds()
	})
}

// C4: the same while the first instance still waits for the IdP: it takes its lease again
// when the store is back.
func TestLeaseIsTakenAgain(t *testing.T) {
	s, kept := twoInstances(func(c *rp.Config) { c.WaitFor = time.Minute })
	inBubble(t, s, func(t *testing.T, w *world) {
		v, first, heal := w.shown(kept[:], idpmock.Fault{DelayAfter: 25 * time.Second})
		time.Sleep(11 * time.Second) // the lease is over, the call is not
		heal()
		second := v.askAt("1")
		for _, answered := range []chan *reply{first, second} {
			if a := <-answered; a.status != http.StatusOK {
				t.Errorf("%v", a)
			}
		}
		w.idp.Expect(idpmock.EndpointRefresh, "notes", 1)
	})
}

// C6: once it is noted that no answer came, nobody waits for one: not in an outage of the
// IdP, and not after it.
func TestLostAnswerIsNotWaitedFor(t *testing.T) {
	for name, f := range map[string]idpmock.Fault{"before": {DropBefore: true},
		"trouble": {Status: http.StatusBadGateway}} {
		t.Run(name, func(t *testing.T) {
			s, _ := twoInstances(nil)
			inBubble(t, s, func(t *testing.T, w *world) {
				v := w.visitor("ada")
				v.login()
				time.Sleep(6 * time.Minute)
				f.Endpoint, f.Times = idpmock.EndpointRefresh, idpmock.Always
				fault := w.idp.Fault(f)
				for n, instance := range []string{"0", "1", "0", "1"} {
					began := time.Now()
					if a := <-v.askAt(instance); a.status != http.StatusServiceUnavailable ||
						time.Since(began) > time.Second {
						t.Errorf("%d: after %v: %v", n, time.Since(began), a)
					}
				}
				if last := w.signals[len(w.signals)-1]; last.Verdict != "retry" || last.Err == nil {
					t.Errorf("the event: %+v", last)
				}
				if again := w.log.has("the outcome of a refresh is unknown; one more try"); again != f.DropBefore {
					t.Errorf("the log tells of one more try: %v", again)
				}
				fault.Remove()
				time.Sleep(time.Minute)
				began := time.Now()
				if a := <-v.askAt("1"); a.status != http.StatusOK || time.Since(began) > time.Second {
					t.Errorf("after %v: %v", time.Since(began), a)
				}
				w.expectEnds()
			})
		})
	}
}

// C6: an instance died with the IdP's answer, and nobody asked for a while. Whoever comes
// first waits for its sign of life, but for Config.WaitFor at most.
func TestNoSignOfLife(t *testing.T) {
	for waitFor, want := range map[time.Duration]struct {
		after  time.Duration
		status int
	}{15 * time.Second: {5 * time.Second, http.StatusFound},
		3 * time.Second: {3 * time.Second, http.StatusServiceUnavailable}} {
		t.Run(waitFor.String(), func(t *testing.T) {
			first := &dying{at: 2} // the note before the token is shown, then the answer
			n := 0
			s := setup{instances: 2, idp: patient, client: longToken, config: func(c *rp.Config) {
				if c.WaitFor = waitFor; n == 0 {
					first.Store = c.Store
					c.Store = first
				}
				n++
			}}
			inBubble(t, s, func(t *testing.T, w *world) {
				v := w.visitor("ada")
				v.login()
				time.Sleep(6 * time.Minute)
				<-v.askAt("0")
				time.Sleep(time.Minute)
				if !first.dead.Load() {
					t.Fatal("this shows nothing")
				}
				began := time.Now()
				if a := <-v.askAt("1"); a.status != want.status || time.Since(began) != want.after {
					t.Errorf("after %v: %v", time.Since(began), a)
				}
				time.Sleep(time.Minute)
				w.idp.Expect(idpmock.EndpointRefresh, "notes", 2)
				w.expectEnds()
			})
		})
	}
}

// C6: an instance is cut off from the store with fresh tokens, and another one has to show
// the spent token: at an IdP that detects reuse the fresh ones are dead by then. That they
// are refused later on is no end; a navigation goes to the log-in.
func TestFreshTokensThatReuseHasTakenAlong(t *testing.T) {
	s, kept := twoInstances(nil)
	inBubble(t, s, func(t *testing.T, w *world) {
		v, first, heal := w.shown(kept[:1], idpmock.Fault{DelayAfter: 3 * time.Second})
		<-first
		time.Sleep(time.Minute)
		if a := <-v.askAt("1"); a.status != http.StatusFound {
			t.Errorf("%v", a)
		}
		heal()
		time.Sleep(6 * time.Minute) // the fresh tokens are stored
		if a := <-v.askAt("1"); a.status != http.StatusFound {
			t.Errorf("%v", a)
		}
		w.idp.Expect(idpmock.EndpointRefresh, "notes", 3)
		w.expectEnds()
	})
}

// C6: an instance loses its lease while the IdP takes its time, and another one sends the same
// refresh token. If that one gets the new tokens, the first one is refused. That is no end.
func TestRefusalBecauseAnotherInstanceRefreshes(t *testing.T) {
	s, kept := twoInstances(func(c *rp.Config) { c.WaitFor = time.Minute })
	inBubble(t, s, func(t *testing.T, w *world) {
		v, first, heal := w.shown(kept[:1], idpmock.Fault{Delay: 25 * time.Second},
			idpmock.Fault{DelayAfter: 20 * time.Second})
		time.Sleep(11 * time.Second) // the lease is over, the call is not
		second := v.askAt("1")
		time.Sleep(8 * time.Second)
		heal()
		if a := <-first; a.status != http.StatusServiceUnavailable {
			t.Errorf("who was refused: %v", a)
		}
		if a := <-second; a.status != http.StatusOK {
			t.Errorf("who has the new tokens: %v", a)
		}
		w.idp.Expect(idpmock.EndpointRefresh, "notes", 2)
		w.expectEnds()
	})
}

// C6: the same, and the second instance is quicker: its tokens are stored when the IdP reads the
// first request, takes it for reuse and revokes them. That they are refused later is no end.
func TestTokensThatALateRequestTakesAlong(t *testing.T) {
	s, kept := twoInstances(func(c *rp.Config) { c.WaitFor = time.Minute })
	inBubble(t, s, func(t *testing.T, w *world) {
		v, first, heal := w.shown(kept[:1], idpmock.Fault{Delay: 25 * time.Second})
		time.Sleep(11 * time.Second)
		if a := <-v.askAt("1"); a.status != http.StatusOK {
			t.Errorf("who has the new tokens: %v", a)
		}
		<-first
		heal()
		time.Sleep(6 * time.Minute)
		if a := <-v.askAt("1"); a.status != http.StatusFound {
			t.Errorf("when they are refused: %v", a)
		}
		w.idp.Expect(idpmock.EndpointRefresh, "notes", 3)
		w.expectEnds()
	})
}

// RT-01: an instance is refused because the first one, whose answer came late, has stored new
// tokens. They are used; nobody is sent to a log-in.
func TestRefusalWhileNewerTokensAreStored(t *testing.T) {
	s, kept := twoInstances(func(c *rp.Config) { c.WaitFor = time.Minute })
	inBubble(t, s, func(t *testing.T, w *world) {
		v, first, heal := w.shown(kept[:1], idpmock.Fault{DelayAfter: 20 * time.Second},
			idpmock.Fault{Delay: 15 * time.Second})
		time.Sleep(11 * time.Second) // the lease is over, the call is not
		second := v.askAt("1")
		time.Sleep(6 * time.Second)
		heal()
		for _, asked := range []<-chan *reply{first, second} {
			if a := <-asked; a.status != http.StatusOK {
				t.Errorf("%v", a)
			}
		}
		w.idp.Expect(idpmock.EndpointRefresh, "notes", 2)
		w.expectEnds()
	})
}

// C4, RT-08: an instance loses its lease while the IdP hangs, and another one shows the token. After
// the time-out the first one does not show it again: the IdP would take it for reuse.
func TestLeaseLostWhileTheIdPHangs(t *testing.T) {
	const gone = time.Hour
	dropped := idpmock.Fault{DropBefore: true, Times: 2}
	for name, c := range map[string]struct {
		back          time.Duration // when the store is
		then          []idpmock.Fault
		first, second int
		shown         int
	}{
		"the store is away":       {gone, nil, http.StatusServiceUnavailable, http.StatusOK, 2},
		"newer tokens are stored": {5 * time.Second, nil, http.StatusOK, http.StatusOK, 2},
		"the other one has none": {5 * time.Second, []idpmock.Fault{dropped}, http.StatusServiceUnavailable,
			http.StatusServiceUnavailable, 3},
	} {
		t.Run(name, func(t *testing.T) {
			s, kept := twoInstances(func(c *rp.Config) { c.WaitFor = time.Minute })
			inBubble(t, s, func(t *testing.T, w *world) {
				v, first, heal := w.shown(kept[:1], append([]idpmock.Fault{{Gate: make(chan struct{})}}, c.then...)...)
				time.Sleep(11 * time.Second) // the lease is over, the call is not
				if a := <-v.askAt("1"); a.status != c.second {
					t.Errorf("who has the lease: %v", a)
				}
				defer time.AfterFunc(c.back, heal).Stop()
				if a := <-first; a.status != c.first {
					t.Errorf("who had no answer: %v", a)
				}
				synctest.Wait() // the IdP notes a request that it does not answer when the client has gone
				w.idp.Expect(idpmock.EndpointRefresh, "notes", c.shown)
				if told := w.log.has("no second try, because the lease"); told != (c.back == gone || c.then != nil) {
					t.Errorf("the log tells why there was no second try: %v", told)
				}
				heal()
				w.expectEnds()
			})
		})
	}
}

// C6: the IdP reads a request when nobody waits for it any more, and takes it for reuse: the tokens of
// the answer that came meanwhile are dead. That they are refused is no end. The tokens after those are
// trusted again.
func TestRequestThatTheIdPReadsLate(t *testing.T) {
	dropped := idpmock.Fault{DropBefore: true}
	for name, c := range map[string]struct {
		then  []idpmock.Fault
		first int
	}{
		"the second try is answered": {nil, http.StatusOK},
		"the next request is":        {[]idpmock.Fault{dropped}, http.StatusServiceUnavailable},
	} {
		for late, read := range map[string]bool{"it is read": true, "it never is": false} {
			t.Run(name+", "+late, func(t *testing.T) {
				s, _ := twoInstances(func(c *rp.Config) { c.WaitFor = time.Minute })
				inBubble(t, s, func(t *testing.T, w *world) {
					queue := make(chan struct{})
					v, first, _ := w.shown(nil, append([]idpmock.Fault{{Gate: queue, ReadsLate: true}}, c.then...)...)
					if a := <-first; a.status != c.first {
						t.Errorf("%v", a)
					}
					time.Sleep(time.Minute)
					v.welcome()
					if read {
						close(queue)
					}
					time.Sleep(6 * time.Minute)
					if a := <-v.askAt("0"); read == (a.status == http.StatusOK) {
						t.Errorf("the new tokens: %v", a)
					}
					w.expectEnds()
					if read {
						return
					}
					time.Sleep(6 * time.Minute)
					w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointRefresh, Error: "invalid_grant"})
					<-v.askAt("0")
					w.expectEnds(reason.RefreshRejected)
				})
			})
		}
	}
}
