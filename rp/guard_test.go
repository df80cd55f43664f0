package rp_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/event"
	"github.com/tandem-sso/tandem/rp/reason"
)

// alarms counts mass-logout events.
type alarms struct {
	n    atomic.Int64
	last atomic.Pointer[event.MassLogout]
}

func (a *alarms) watch(c *rp.Config) {
	c.Events.MassLogout = func(e event.MassLogout) { a.n.Add(1); a.last.Store(&e) }
}

// refusedByIdP plants sessions whose refresh token the IdP does not know, as
// after a lost signing key or a restored backup.
func (w *world) refusedByIdP(n int) []*visitor {
	w.Helper()
	var all []*visitor
	for i := range n {
		id, err := w.auth[0].Plant(w.Context(), fmt.Sprint("person-", i), fmt.Sprint("sid-", i))
		if err != nil {
			w.Fatal(err)
		}
		v := w.visitor("")
		v.set(cookie, id)
		all = append(all, v)
	}
	return all
}

// statuses visits a page as each of them.
func statuses(all []*visitor) map[int]int {
	out := map[int]int{}
	for _, v := range all {
		out[v.fetch("/private").status]++
	}
	return out
}

// Without a pause the IdP is believed at once; the operator hears of it once.
func TestMassLogoutAlarm(t *testing.T) {
	var a alarms
	inBubble(t, setup{config: a.watch}, func(t *testing.T, w *world) {
		all := w.refusedByIdP(60)
		time.Sleep(6 * time.Minute)
		if got := statuses(all); got[http.StatusUnauthorized] != 60 {
			t.Errorf("statuses %v", got)
		}
		synctest.Wait()
		if n := len(w.reasons()); n != 60 {
			t.Errorf("%d ends", n)
		}
		e := a.last.Load()
		if a.n.Load() != 1 || e.Rejected != 20 || e.Asked != 20 || e.Paused != 0 || e.At.IsZero() {
			t.Errorf("%d events, the last one %+v", a.n.Load(), e)
		}
		if strings.Count(w.log.String(), "many sessions at once") != 1 {
			t.Error("the log does not say it once")
		}
	})
}

// A few, or the smaller part of many, are everyday life.
func TestNoAlarmForAFew(t *testing.T) {
	for name, row := range map[string]struct{ refused, good int }{
		"19 of 19": {19, 0}, "24 of 54": {24, 30},
	} {
		t.Run(name, func(t *testing.T) {
			var a alarms
			s := setup{idp: patient, config: func(c *rp.Config) { a.watch(c); c.MassLogoutPause = time.Hour }}
			inBubble(t, s, func(t *testing.T, w *world) {
				var good []*visitor
				for range row.good {
					v := w.visitor("ada")
					v.login()
					good = append(good, v)
				}
				refused := w.refusedByIdP(row.refused)
				time.Sleep(6 * time.Minute)
				if got := statuses(good); row.good > 0 && got[200] != row.good {
					t.Errorf("the good ones: %v", got)
				}
				if got := statuses(refused); got[http.StatusUnauthorized] != row.refused {
					t.Errorf("the refused ones: %v", got)
				}
				if a.n.Load() != 0 {
					t.Errorf("%d alarms", a.n.Load())
				}
			})
		})
	}
}

// Config.MassLogoutPause: those that are refused after the alarm are kept and not
// served, neither longer than trust nor once the pause is over; then the IdP is
// believed, and a second pause does not follow the first.
func TestMassLogoutPause(t *testing.T) {
	const pause = 20 * time.Minute
	var a alarms
	s := setup{config: func(c *rp.Config) { a.watch(c); c.MassLogoutPause = pause }}
	inBubble(t, s, func(t *testing.T, w *world) {
		all := w.refusedByIdP(100)
		time.Sleep(6 * time.Minute) // trust has run out
		began := time.Now()
		if got := statuses(all); got[401] != 19 || got[503] != 81 {
			t.Fatalf("statuses %v", got)
		}
		if e := a.last.Load(); a.n.Load() != 1 || e.Paused != pause {
			t.Fatalf("%d alarms, %+v", a.n.Load(), e)
		}
		for time.Since(began) < pause-time.Minute {
			time.Sleep(30 * time.Second)
			if got := statuses(all); got[200] > 0 || got[401] != 19 {
				t.Fatalf("%v into the pause: %v", time.Since(began), got)
			}
			// three times TrustFor
			if a := all[99].fetch("/passive"); (a.status == 200) != (w.age() <= 15*time.Minute) {
				t.Fatalf("a poll %v after the last confirmation: %v", w.age(), a)
			}
		}
		all[99].expect("live", "")
		time.Sleep(3 * time.Minute)
		if got := statuses(all); got[401] != 100 {
			t.Errorf("after the pause: %v", got)
		}
		synctest.Wait()
		if n := len(w.reasons()); n != 100 {
			t.Errorf("%d ends", n)
		}
	})
}

// The IdP was repaired during the pause: nobody who came later lost anything.
func TestMassLogoutPauseSaves(t *testing.T) {
	var a alarms
	s := setup{idp: patient, config: func(c *rp.Config) { a.watch(c); c.MassLogoutPause = 10 * time.Minute }}
	inBubble(t, s, func(t *testing.T, w *world) {
		var good []*visitor
		for range 30 {
			v := w.visitor("ada")
			v.login()
			good = append(good, v)
		}
		refused := w.refusedByIdP(40) // before them: the alarm
		time.Sleep(6 * time.Minute)
		statuses(refused)
		broken := w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointRefresh, Times: idpmock.Always,
			Error: "invalid_grant"})
		if got := statuses(good); got[503] != 30 {
			t.Errorf("during the trouble: %v", got)
		}
		broken.Remove()
		time.Sleep(2 * time.Minute)
		if got := statuses(good); got[200] != 30 {
			t.Errorf("after the repair: %v", got)
		}
	})
}

// The clocks of the app go on during a pause: who is idle is out.
func TestMassLogoutPauseKeepsClocks(t *testing.T) {
	var a alarms
	s := setup{config: func(c *rp.Config) { a.watch(c); c.MassLogoutPause, c.Idle = time.Hour, 10*time.Minute }}
	inBubble(t, s, func(t *testing.T, w *world) {
		all := w.refusedByIdP(60)
		time.Sleep(6 * time.Minute)
		statuses(all)
		time.Sleep(11 * time.Minute)
		for _, v := range all[30:] {
			v.expect("ended", reason.Idle)
		}
	})
}

// A new trouble much later gets a pause of its own.
func TestMassLogoutPauseComesAgain(t *testing.T) {
	var a alarms
	s := setup{config: func(c *rp.Config) { a.watch(c); c.MassLogoutPause = 10 * time.Minute }}
	inBubble(t, s, func(t *testing.T, w *world) {
		for range 2 {
			all := w.refusedByIdP(60)
			time.Sleep(6 * time.Minute)
			if got := statuses(all); got[503] != 41 {
				t.Errorf("statuses %v", got)
			}
			time.Sleep(3 * time.Hour)
		}
		if a.n.Load() != 2 {
			t.Errorf("%d alarms", a.n.Load())
		}
	})
}
