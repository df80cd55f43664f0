package rp_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/store"
)

// C1: what a person did last counts, also when nothing had been left to do for
// the session before, so that it had gone from the agenda.
func TestActivityAfterAPause(t *testing.T) {
	const idle = 30 * time.Minute
	s := setup{kind: rp.NoToken, config: func(c *rp.Config) { c.Idle = idle },
		idp: func(c *idpmock.Config) { c.IdleWindow = 8 * time.Hour }} // nobody tells it of activity
	inBubble(t, s, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		for pause := time.Minute; pause < idle; pause += 3 * time.Minute {
			v.welcome() // is stored at once
			time.Sleep(20 * time.Second)
			v.welcome() // is stored when a minute is over
			time.Sleep(pause)
		}
		v.welcome()
		time.Sleep(20 * time.Second)
		v.welcome()
		time.Sleep(idle - time.Millisecond)
		v.welcome()
		w.expectEnds()
	})
}

// noting is a store that may refuse activity, or take its time over it, and tells when it
// was last used.
type noting struct {
	store.Store
	refuses  atomic.Bool
	gate     atomic.Pointer[chan struct{}] // the next Touch waits for it; nil: it does not
	touches  atomic.Int64
	loads    atomic.Int64
	key      atomic.Pointer[store.Key] // of the latest Touch
	closed   atomic.Bool
	usedLate atomic.Bool // after closed
}

func (s *noting) Touch(ctx context.Context, k store.Key, active, due time.Time) error {
	s.touches.Add(1)
	s.key.Store(&k)
	if gate := s.gate.Swap(nil); gate != nil {
		<-*gate
	}
	if s.closed.Load() {
		s.usedLate.Store(true)
	}
	if s.refuses.Load() {
		return errDown
	}
	return s.Store.Touch(ctx, k, active, due)
}

func (s *noting) Load(ctx context.Context, k store.Key) (store.Record, error) {
	s.loads.Add(1)
	return s.Store.Load(ctx, k)
}

func withNoting(kept *noting) setup {
	return setup{kind: rp.NoToken, config: func(c *rp.Config) {
		kept.Store, c.Store, c.Idle = c.Store, kept, 30*time.Minute
	},
		idp: func(c *idpmock.Config) { c.IdleWindow = 8 * time.Hour }}
}

// stored is the activity that the store has of the session that was last touched.
func (s *noting) stored(t *testing.T) time.Time {
	t.Helper()
	rec, err := s.Load(t.Context(), *s.key.Load())
	if err != nil {
		t.Fatal(err)
	}
	return rec.Active
}

// C6: activity that the store did not take is stored as soon as it takes it again, though
// the person does nothing more: another instance would take them for idle. It is tried
// every 15 s, and no oftener.
func TestActivityIsStoredAgain(t *testing.T) {
	kept := &noting{}
	inBubble(t, withNoting(kept), func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		time.Sleep(5 * time.Minute)
		kept.refuses.Store(true)
		kept.touches.Store(0)
		clicked := time.Now()
		v.welcome()
		time.Sleep(31 * time.Second)
		if n := kept.touches.Load(); n != 3 {
			t.Errorf("tried %d times in 31 s, want 3", n)
		}
		if got := kept.stored(t); !got.Before(clicked) {
			t.Fatalf("this shows nothing: %v is stored", got)
		}
		kept.refuses.Store(false)
		time.Sleep(15 * time.Second)
		if got := kept.stored(t); got.Sub(clicked).Abs() > time.Second {
			t.Errorf("stored is %v, the person clicked at %v", got, clicked)
		}
		time.Sleep(10 * time.Minute)
		if n := kept.touches.Load(); n != 4 {
			t.Errorf("tried %d times in all, want 4", n)
		}
	})
}

// Activity after a pause costs the store the request's own look at the session and one write,
// which is not put off: a process that dies afterwards takes nothing along.
func TestActivityIsStoredAtOnce(t *testing.T) {
	kept := &noting{}
	inBubble(t, withNoting(kept), func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		time.Sleep(5 * time.Minute)
		kept.touches.Store(0)
		kept.loads.Store(0)
		v.welcome()
		time.Sleep(time.Second)
		if looks, writes := kept.loads.Load(), kept.touches.Load(); looks != 1 || writes != 1 {
			t.Errorf("%d looks and %d writes", looks, writes)
		}
	})
}

// Close returns when nothing uses the store any more: its owner closes it next. A timer
// that is storing activity at that moment is waited for.
func TestCloseWaitsForTheFlush(t *testing.T) {
	kept := &noting{}
	inBubble(t, withNoting(kept), func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		time.Sleep(5 * time.Minute)
		v.welcome() // is stored at once
		time.Sleep(20 * time.Second)
		v.welcome() // is stored when the minute is over
		gate := make(chan struct{})
		kept.gate.Store(&gate)
		kept.touches.Store(0)
		time.Sleep(41 * time.Second)
		if n := kept.touches.Load(); n != 1 {
			t.Fatalf("the timer has used the store %d times: this shows nothing", n)
		}
		done := make(chan error)
		go func() {
			err := w.auth[0].Close()
			kept.closed.Store(true)
			done <- err
		}()
		synctest.Wait()
		if kept.closed.Load() {
			t.Error("Close has returned while a timer uses the store")
		}
		close(gate)
		if err := <-done; err != nil {
			t.Error(err)
		}
		time.Sleep(10 * time.Minute)
		if kept.usedLate.Load() {
			t.Error("the store was used after Close")
		}
	})
}
