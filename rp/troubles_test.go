package rp_test

import (
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/event"
)

// A 503 says who fails: to the person in plain words, to the app by Cause. An IdP that
// has answered is not said to be out of reach.
func TestWhoFails(t *testing.T) {
	const (
		answers = "The log-in service has a problem right now. You are still logged in."
		silent  = "The log-in service does not answer right now. You are still logged in."
	)
	for name, row := range map[string]struct {
		fault idpmock.Fault
		want  string
	}{
		"500":            {idpmock.Fault{Status: 500}, answers},
		"429":            {idpmock.Fault{Status: 429}, answers},
		"no JSON":        {idpmock.Fault{Body: "<html>"}, answers},
		"invalid_client": {idpmock.Fault{Error: "invalid_client"}, answers},
		"no connection":  {idpmock.Fault{DropBefore: true}, silent},
		"no answer":      {idpmock.Fault{Delay: time.Hour}, silent},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, setup{idp: patient}, func(t *testing.T, w *world) {
				v := w.visitor("ada")
				v.login()
				row.fault.Endpoint, row.fault.Times = idpmock.EndpointToken, idpmock.Always
				f := w.idp.Fault(row.fault)
				defer f.Remove()
				time.Sleep(10 * time.Minute)
				for range 2 { // the second one finds the pause
					if a := v.get("/private"); a.status != http.StatusServiceUnavailable ||
						!strings.Contains(a.body, row.want) {
						t.Errorf("want %q: %v", row.want, a)
					}
				}
				time.Sleep(2 * time.Minute)
			})
		})
	}
}

// Every 503 that the store causes is an event, and the log says it within its budget.
// That a signal fails at the lease is not silent either.
func TestTheStoreFails(t *testing.T) {
	var (
		told   atomic.Int64
		broken failingStore
	)
	s := setup{idp: patient, config: func(c *rp.Config) {
		broken.Store = c.Store
		c.Store = &broken
		c.Events.StoreFailed = func(e event.StoreFailed) {
			told.Add(1)
			if !errors.Is(e.Err, errDown) {
				t.Errorf("the event says %v", e.Err)
			}
		}
	}}
	inBubble(t, s, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		broken.breaks("Load")
		for range 100 {
			a := v.get("/private")
			if a.status != http.StatusServiceUnavailable ||
				!strings.Contains(a.body, "cannot look up who is logged in right now. Nobody has been logged out.") ||
				strings.Contains(a.body, "still logged in") {
				t.Fatalf("the store fails: %v", a)
			}
		}
		if n := told.Load(); n != 100 {
			t.Errorf("%d events of 100 answers", n)
		}
		const line = "the session store failed; sessions are kept"
		if n := w.lines(line); n == 0 || n > 30 {
			t.Errorf("%d lines of 100 answers", n)
		}
		broken.heals()
		time.Sleep(3 * time.Minute) // a signal is due, and trust is not over
		before := w.lines(line)
		told.Store(0)
		broken.breaks("Acquire")
		v.welcome()
		time.Sleep(time.Second)
		if told.Load() == 0 || w.lines(line) == before {
			t.Error("a signal that failed at the lease is silent")
		}
		broken.heals()
	})
}
