package rp_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/event"
	"github.com/tandem-sso/tandem/rp/reason"
	"github.com/tandem-sso/tandem/rp/store"
)

// ASVS 7.1.2: the least recently active session gives way, another person's never.
func TestMaxSessionsPerSubject(t *testing.T) {
	s := setup{idp: patient, config: func(c *rp.Config) { c.MaxSessionsPerSubject = 2 }}
	inBubble(t, s, func(t *testing.T, w *world) {
		first, second, third, bob := w.visitor("ada"), w.visitor("ada"), w.visitor("ada"), w.visitor("bob")
		for _, v := range []*visitor{bob, first, second} {
			v.login()
			time.Sleep(2 * time.Minute)
		}
		first.welcome() // so the second one rests
		time.Sleep(time.Second)
		third.login()
		first.expect("live", "")
		second.expect("ended", reason.SessionLimit)
		third.expect("live", "")
		bob.expect("live", "")
		w.expectEnds(reason.SessionLimit)

		// The same browser again is no session more.
		first.login()
		third.expect("live", "")
		w.expectEnds(reason.SessionLimit, reason.Replaced)
	})
}

// However many log in at the same moment, no more than the limit are left.
func TestMaxSessionsAtOnce(t *testing.T) {
	s := setup{instances: 2, config: func(c *rp.Config) { c.MaxSessionsPerSubject = 3 }}
	inBubble(t, s, func(t *testing.T, w *world) {
		const n = 12
		visitors := make([]*visitor, n)
		callbacks := make([]string, n)
		for i := range visitors {
			visitors[i] = w.visitor("ada")
			visitors[i].instance = fmt.Sprint(i % 2)
			callbacks[i] = visitors[i].authorize(visitors[i].start("/auth/login"))
		}
		var wait sync.WaitGroup
		for i, v := range visitors {
			wait.Go(func() {
				if _, err := v.try("GET", callbacks[i], nil, navigating); err != nil {
					t.Error(err)
				}
			})
		}
		wait.Wait()
		live := 0
		for _, v := range visitors {
			if v.status().State == "live" {
				live++
			}
		}
		if live > 3 || live == 0 {
			t.Errorf("%d sessions live, want at most 3", live)
		}
	})
}

// One account cannot take all places for streams, in however many browsers.
func TestMaxStreamsPerSubject(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newPageWorld(t, nil, func(c *rp.Config) { c.MaxStreamsPerSubject, c.MaxStreamsPerSession = 3, 2 })
		phone, desktop, bob := w.login("ada"), w.login("ada"), w.login("bob")
		phone.stream(nil)
		_, leave := phone.stream(nil)
		desktop.stream(nil)
		if a := desktop.do(http.MethodGet, "/auth/events", nil); a.StatusCode != http.StatusTooManyRequests ||
			a.Header.Get("Retry-After") != "30" {
			t.Errorf("one too many: %d %v", a.StatusCode, a.Header)
		}
		events, _ := bob.stream(nil)
		expect(t, events, "session", "")
		leave()
		synctest.Wait()
		events, _ = desktop.stream(nil)
		expect(t, events, "session", "")
	})
}

// A flood of one kind neither hides the other kinds nor its own size; events tell of
// each.
func TestRefusals(t *testing.T) {
	var mu sync.Mutex
	told := map[event.Refusal]int{}
	s := setup{config: func(c *rp.Config) {
		c.Events.Refused = func(e event.Refused) {
			mu.Lock()
			defer mu.Unlock()
			if e.Err == nil || e.At.IsZero() {
				t.Errorf("event %+v", e)
			}
			told[e.What]++
		}
	}}
	inBubble(t, s, func(t *testing.T, w *world) {
		const flood = 500
		junk := w.visitor("")
		for range flood {
			w.judged(w.deliver("junk"), false)
		}
		junk.get("/auth/callback?state=x")
		if n := strings.Count(w.log.String(), string(event.RefusedLogoutToken)); n < 10 || n > 30 {
			t.Errorf("%d lines about %d refused tokens", n, flood)
		}
		if !w.log.has(string(event.RefusedLogin)) {
			t.Error("the flood hides a refused log-in")
		}
		time.Sleep(time.Minute)
		w.judged(w.deliver("junk"), false)
		if !w.log.has(fmt.Sprintf("and_more=%d", flood-20)) {
			t.Errorf("the log does not say how many were left out:\n%.3000s", w.log)
		}
		mu.Lock()
		defer mu.Unlock()
		if told[event.RefusedLogoutToken] != flood+1 || told[event.RefusedLogin] != 1 {
			t.Errorf("events: %v", told)
		}
	})
}

// A record that cannot be read is said once, not at every request.
func TestUnreadableRecordIsSaidOnce(t *testing.T) {
	inBubble(t, setup{idp: patient}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		w.restart(setup{idp: patient}, rp.NewKey())
		for range 50 {
			v.fetch("/private")
		}
		if n := strings.Count(w.log.String(), "Config.Keys"); n != 1 {
			t.Errorf("%d lines", n)
		}
	})
}

// forger reports an end that nobody has written, as a role may that can only NOTIFY.
type forger struct {
	store.Store
	forge chan store.Change
}

func (f *forger) Watch(ctx context.Context, fn func(store.Change)) error {
	var mu sync.Mutex
	report := func(c store.Change) {
		mu.Lock()
		defer mu.Unlock()
		fn(c)
	}
	go func() {
		for {
			select {
			case c := <-f.forge:
				report(c)
			case <-ctx.Done():
				return
			}
		}
	}()
	return f.Store.Watch(ctx, report)
}

// C8, C9: a reported end is believed when the record says so, also if the store
// cannot say at once.
func TestForgedEnd(t *testing.T) {
	forged := &forger{}
	failing := &failingStore{Store: forged}
	s := setup{idp: patient, config: func(c *rp.Config) {
		forged.Store, c.Store = c.Store, failing
		forged.forge = make(chan store.Change) // of the bubble
	}}
	inBubble(t, s, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		var done <-chan struct{}
		entered, leave := make(chan struct{}), make(chan struct{})
		w.run = func(_ http.ResponseWriter, _ *http.Request, s *rp.Session) {
			done = s.Done()
			close(entered)
			<-leave
		}
		go v.try("GET", "/run", url.Values(nil), navigating)
		<-entered
		over := func() bool {
			synctest.Wait()
			select {
			case <-done:
				return true
			default:
				return false
			}
		}
		change := store.Change{Key: keyOf(v), Version: 1, Reason: string(reason.Admin)}
		forged.forge <- change
		if over() {
			t.Error("a forged end is believed")
		}
		load := "Load"
		failing.fail.Store(&load)
		forged.forge <- change
		time.Sleep(5 * time.Second)
		if over() {
			t.Error("a forged end is believed while the store cannot say")
		}
		if _, err := w.store.End(t.Context(), store.Selector{Key: change.Key},
			store.End{Reason: string(reason.Admin), At: time.Now(), Until: time.Now().Add(time.Hour)}); err != nil {
			t.Fatal(err)
		}
		failing.fail.Store(nil)
		time.Sleep(time.Second)
		if !over() {
			t.Error("a true end is not told")
		}
		close(leave)
		if err := w.auth[0].Close(); err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}
