package rp_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/event"
	"github.com/tandem-sso/tandem/rp/store"
)

// C1: a trailing signal that meets an outage of the IdP or of the store is sent once that is over,
// though nobody makes a request. One that would come too late is not sent (C2).
func TestTrailingSignalAfterAnOutage(t *testing.T) {
	for name, row := range map[string]struct {
		store  bool
		active time.Duration // after the log-in; the signal is due after 4 minutes
		lasts  time.Duration
		told   int
	}{
		"the IdP":             {false, 3 * time.Minute, 4 * time.Minute, 1},
		"the IdP, for long":   {false, 3 * time.Minute, time.Hour, 0},
		"the store":           {true, 3 * time.Minute, 4 * time.Minute, 1},
		"the store, for long": {true, 3 * time.Minute, time.Hour, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s, kept := flaky(func(c *rp.Config) {
				c.IdPWindow, c.SignalEvery, c.TrailingSignal = 2*time.Hour, 4*time.Minute, true
			})
			s.client, s.idp = longToken, patient
			inBubble(t, s, func(t *testing.T, w *world) {
				v := w.visitor("ada")
				v.login()
				time.Sleep(row.active)
				v.welcome()
				if row.store {
					kept.breaks("Load")
				} else {
					w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointRefresh, Status: 503, Times: idpmock.Always})
				}
				time.Sleep(row.lasts)
				kept.heals()
				w.idp.ClearFaults()
				w.idp.ResetRequests()
				time.Sleep(10 * time.Minute)
				w.idp.Expect(idpmock.EndpointRefresh, "notes", row.told)
				v.expect("live", "")
			})
		})
	}
}

// C7: the token endpoint is slow at a log-in, and then nobody does anything: polls report nothing.
func TestTrailingSignalAfterASlowLogIn(t *testing.T) {
	s := setup{client: longToken, idp: patient, config: func(c *rp.Config) {
		c.IdPWindow, c.SignalEvery, c.TrailingSignal = 2*time.Hour, 4*time.Minute, true
	}}
	inBubble(t, s, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointCode, DelayAfter: 3 * time.Second})
		v.get(v.authorize(v.start("/auth/login")))
		w.idp.ResetRequests()
		for range 600 {
			time.Sleep(time.Second)
			v.fetch("/passive")
		}
		w.idp.Expect(idpmock.EndpointRefresh, "notes", 0)
		v.expect("live", "")
	})
}

// Config.Events hears of the IdP's keys as they are read, and of how long a request has waited for
// the IdP.
func TestEventsOfTheIdP(t *testing.T) {
	var (
		mu    sync.Mutex
		read  []event.KeysRead
		waits []event.Timed
	)
	s := setup{client: longToken, idp: patient, config: func(c *rp.Config) {
		c.Events.KeysRead = func(e event.KeysRead) { mu.Lock(); defer mu.Unlock(); read = append(read, e) }
		c.Events.Timed = func(_ context.Context, e event.Timed) {
			mu.Lock()
			defer mu.Unlock()
			if e.What == event.TimedWait {
				waits = append(waits, e)
			}
		}
	}}
	inBubble(t, s, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		mu.Lock()
		if len(read) == 0 || len(read[0].KeyIDs) != 1 || read[0].KeyIDs[0] == "" || read[0].At.IsZero() ||
			len(waits) > 0 {
			t.Fatalf("%+v %+v", read, waits)
		}
		first := read[0].KeyIDs
		mu.Unlock()
		if err := w.idp.RotateKeys(true); err != nil {
			t.Fatal(err)
		}
		time.Sleep(6 * time.Minute)
		w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointRefresh, Delay: time.Second})
		v.welcome()
		mu.Lock()
		defer mu.Unlock()
		if ids := read[len(read)-1].KeyIDs; len(ids) != 2 || !slices.Contains(ids, first[0]) {
			t.Errorf("the keys: %q, before %q", ids, first)
		}
		if len(waits) != 1 || waits[0].Outcome != "ok" || waits[0].Took < time.Second || waits[0].Took > 2*time.Second {
			t.Errorf("the waits: %+v", waits)
		}
	})
}

// amnesiac is a store that has lost, in a failover, the activity that it had taken.
type amnesiac struct{ store.Store }

func (amnesiac) Touch(context.Context, store.Key, time.Time, time.Time) error { return nil }

// C1: the trailing signal reports what this instance has seen, not only what the store still knows.
func TestTrailingSignalOfLostActivity(t *testing.T) {
	s := setup{client: longToken, idp: patient, config: func(c *rp.Config) {
		c.Store = amnesiac{c.Store}
		c.IdPWindow, c.SignalEvery, c.TrailingSignal = 2*time.Hour, 4*time.Minute, true
	}}
	inBubble(t, s, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		time.Sleep(2 * time.Minute)
		v.welcome()
		w.idp.ResetRequests()
		time.Sleep(10 * time.Minute)
		w.idp.Expect(idpmock.EndpointRefresh, "notes", 1)
	})
}
