package rp_test

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/reason"
)

const window = 15 * time.Minute // W

// longToken is a client whose access token outlives W: 60 min.
func longToken(c *idpmock.Client) { c.AccessTokenLifetime = time.Hour }

// C1, C2: an access token of 60 min, W of 15 min. A person clicking every 4 min
// for 3 h stays signed in; gone, they are out after at most W + δ, whether or not
// the IdP says so, and no poll of the open page postpones it.
func TestActiveStaysIdleEnds(t *testing.T) {
	const δ = 5*time.Minute + 30*time.Second // the longest default, jitter included
	configs := map[string]func(*rp.Config){
		"W unknown":       nil,
		"W configured":    func(c *rp.Config) { c.IdPWindow = window },
		"trailing signal": func(c *rp.Config) { c.IdPWindow, c.TrailingSignal = window, true },
	}
	for name, config := range configs {
		for _, kind := range []rp.Kind{rp.RefreshToken, rp.ReferenceToken} {
			for _, told := range []bool{true, false} {
				if told && name != "W configured" {
					continue // what the IdP says does not depend on it
				}
				t.Run(fmt.Sprintf("%s, %v, told %v", name, kind, told), func(t *testing.T) {
					s := setup{kind: kind, config: config, idp: func(c *idpmock.Config) {
						c.SweepEvery = 10 * time.Second
					}, client: func(c *idpmock.Client) {
						if kind == rp.RefreshToken {
							longToken(c)
						}
					}}
					inBubble(t, s, func(t *testing.T, w *world) {
						if !told {
							w.idp.FaultDelivery(idpmock.DeliveryFault{Times: idpmock.Always, Lose: true})
						}
						v := w.visitor("ada")
						v.login()
						for range 3 * 60 / 4 {
							time.Sleep(4 * time.Minute)
							v.welcome()
						}
						w.expectEnds()
						gone := time.Now()
						var served time.Time
						for time.Since(gone) < time.Hour {
							time.Sleep(20 * time.Second)
							if a := v.fetch("/passive"); a.status == 200 {
								served = time.Now()
							}
						}
						if after := served.Sub(gone); after > window+δ+10*time.Second {
							t.Errorf("a poll was served %v after the last click", after)
						} else if after < 9*time.Minute {
							t.Errorf("the open page lost its session %v after the last click", after)
						}
						if _, err := v.idp.Session(); err == nil {
							t.Error("the IdP session lives")
						}
						if a := v.fetch("/private"); a.status != http.StatusUnauthorized {
							t.Errorf("a click after an hour: %v", a)
						}
						want := reason.BackchannelLogout
						if !told {
							want = map[rp.Kind]reason.Reason{rp.RefreshToken: reason.RefreshRejected,
								rp.ReferenceToken: reason.APIUnauthorized}[kind]
						}
						v.expect("ended", want)
						w.expectEnds(want)
					})
				})
			}
		}
	}
}

// C1 with the trailing signal: the bound is W, not W − δ.
func TestTrailingSignal(t *testing.T) {
	s := setup{client: longToken, config: func(c *rp.Config) {
		c.IdPWindow, c.SignalEvery, c.TrailingSignal = window, 4*time.Minute, true
	}}
	inBubble(t, s, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		// Clicks just before each signal is due, then nothing for almost W.
		for range 6 {
			time.Sleep(3 * time.Minute)
			v.welcome()
			time.Sleep(window - 2*time.Second)
			if a := v.get("/private"); a.status != 200 {
				t.Fatalf("after %v of reading: %v", window-2*time.Second, a)
			}
		}
		w.expectEnds()
		n := w.idp.Count(idpmock.EndpointRefresh, "notes")
		if n > 14 {
			t.Errorf("%d signals for 12 clicks: the absent are reported", n)
		}
	})
}

// C1 with the trailing signal: an instance that is stopped takes its timers along. The next poll
// of a page brings the signal, once, and not later than δ after the activity (C2).
func TestTrailingSignalAfterARestart(t *testing.T) {
	const every = 4 * time.Minute
	for _, row := range []struct {
		name     string
		trailing bool
		poll     time.Duration // after the click
		signals  int
	}{
		{"not due", true, time.Minute, 0}, {"due", true, 150 * time.Second, 1},
		{"too late", true, every + 30*time.Second, 0}, {"not wanted", false, 150 * time.Second, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := setup{client: longToken, config: func(c *rp.Config) {
				c.IdPWindow, c.SignalEvery, c.TrailingSignal = window, every, row.trailing
			}}
			inBubble(t, s, func(t *testing.T, w *world) {
				v := w.visitor("ada")
				v.login()
				time.Sleep(2 * time.Minute)
				v.welcome()
				w.restart(s, w.keys...)
				w.idp.ResetRequests() // of the log-in
				time.Sleep(row.poll)
				for range 3 {
					v.fetch("/passive")
					synctest.Wait()
				}
				w.idp.Expect(idpmock.EndpointRefresh, "notes", row.signals)
			})
		})
	}
}

// C7: polling every second for an hour without a person: not one signal, and the
// IdP session ends on time, to the second.
func TestPollingKeepsNobody(t *testing.T) {
	for _, kind := range kinds {
		inBubble(t, setup{kind: kind, client: longToken, config: func(c *rp.Config) {
			c.TrailingSignal = true
		}}, func(t *testing.T, w *world) {
			v := w.visitor("ada")
			v.login()
			ends := v.session().IdleDeadline
			w.idp.ResetRequests() // of the log-in
			for range 3600 {
				time.Sleep(time.Second)
				v.fetch("/passive")
			}
			w.idp.Expect(idpmock.EndpointRefresh, "notes", 0)
			w.idp.Expect(idpmock.EndpointUserinfo, "notes", 0)
			w.expectEnds(reason.BackchannelLogout)
			if late := w.ends[0].At.Sub(ends); late < 0 || late > 2*time.Second {
				t.Errorf("%v: the end came %v after the IdP's deadline", kind, late)
			}
		})
	}
}

// C4: 200 requests at the moment when a confirmation is overdue, rotation with
// strict reuse detection: one token request, no failure, the session lives.
// Slow IdP, browsers that hang up, one instance or two.
func TestOneRefresh(t *testing.T) {
	for _, latency := range []time.Duration{100 * time.Millisecond, 2500 * time.Millisecond, 12 * time.Second} {
		for _, instances := range []int{1, 2} {
			for _, hangUps := range []int{0, 50} {
				t.Run(fmt.Sprintf("%v, %d instances, %d hang up", latency, instances, hangUps), func(t *testing.T) {
					inBubble(t, setup{client: longToken, instances: instances}, func(t *testing.T, w *world) {
						v := w.visitor("ada")
						v.login()
						time.Sleep(6 * time.Minute)
						// Half of it before the token is rotated, half of it after.
						w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointRefresh, Times: idpmock.Always,
							Delay: latency / 2, DelayAfter: latency / 2})
						began := time.Now()
						failed := w.crowd(v, 200, instances, hangUps, latency/3)
						if failed > 0 {
							t.Errorf("%d requests failed", failed)
						}
						if took := time.Since(began); took > latency+time.Second {
							t.Errorf("the last one waited %v", took)
						}
						time.Sleep(time.Minute)
						w.idp.Expect(idpmock.EndpointRefresh, "notes", 1)
						v.welcome()
						w.expectEnds()
					})
				})
			}
		}
	}
}

// crowd makes n requests at once, the first hangUps of which give up after
// patience, and returns how many of the others failed.
func (w *world) crowd(v *visitor, n, instances, hangUps int, patience time.Duration) int {
	var all sync.WaitGroup
	var mu sync.Mutex
	failed := 0
	for i := range n {
		all.Go(func() {
			ctx := w.Context()
			if i < hangUps {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, patience)
				defer cancel()
			}
			req, _ := http.NewRequestWithContext(ctx, "GET", base+"/private", nil)
			req.Header = with(fetching, "Cookie", cookie+"="+v.id(), "X-Instance", strconv.Itoa(i%instances))
			resp, err := (&http.Client{Transport: v.http.Transport}).Do(req)
			if err == nil {
				readAll(w.T, resp)
			}
			if i >= hangUps && (err != nil || resp.StatusCode != 200) {
				mu.Lock()
				defer mu.Unlock()
				if failed++; failed == 1 {
					w.Logf("request %d: %v %v", i, resp, err)
				}
			}
		})
	}
	all.Wait()
	return failed
}

// A signal that is merely due never delays a page, however slow the IdP is.
func TestDueSignalDoesNotDelay(t *testing.T) {
	s := setup{client: longToken, config: func(c *rp.Config) {
		c.SignalEvery, c.TrustFor = time.Minute, 10*time.Minute
	}}
	inBubble(t, s, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointRefresh, Delay: 20 * time.Second})
		time.Sleep(2 * time.Minute)
		began := time.Now()
		for range 5 {
			v.welcome()
		}
		if took := time.Since(began); took > 0 {
			t.Errorf("the pages waited %v", took)
		}
		synctest.Wait()
		w.idp.Expect(idpmock.EndpointRefresh, "notes", 0) // it is recorded when it is answered
		time.Sleep(21 * time.Second)
		w.idp.Expect(idpmock.EndpointRefresh, "notes", 1)
		// Once trust has run out, the page does wait.
		time.Sleep(11 * time.Minute)
		w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointRefresh, Delay: 3 * time.Second})
		began = time.Now()
		v.welcome()
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("an overdue signal held the page for %v", took)
		}
	})
}

// C3: activity in one app keeps the person's other apps signed in; the quiet app
// asks before it gives up, and nobody is asked for in vain.
func TestOneClock(t *testing.T) {
	inBubble(t, setup{client: longToken, config: func(c *rp.Config) {
		c.IdPWindow = window
	}}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		session := v.session()
		for range 12 { // two hours in photos
			time.Sleep(10 * time.Minute)
			if _, err := w.idp.Extend(session.SID, "photos"); err != nil {
				t.Fatal(err)
			}
		}
		w.idp.Expect(idpmock.EndpointRefresh, "notes", 0)
		v.welcome()
		w.idp.Expect(idpmock.EndpointRefresh, "notes", 1)
		w.expectEnds()
	})
}
