package rp_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/reason"
	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/memstore"
)

// failoverStore is a store whose replica takes over with what it had when replicate was
// called.
type failoverStore struct {
	store.Store // the first master, which goes on with leases and once-ids

	mu      sync.Mutex
	master  store.Store
	replica store.Store
	cut     chan struct{} // closed when the master is gone
	down    bool
	ends    int
	tell    func(store.Change) // the last Watch's
}

func (s *failoverStore) now() store.Store {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.master
}

func (s *failoverStore) Load(ctx context.Context, k store.Key) (store.Record, error) {
	return s.now().Load(ctx, k)
}
func (s *failoverStore) Create(ctx context.Context, r store.Record) error {
	return s.now().Create(ctx, r)
}
func (s *failoverStore) Replace(ctx context.Context, r store.Record) error {
	return s.now().Replace(ctx, r)
}
func (s *failoverStore) Touch(ctx context.Context, k store.Key, a, d time.Time) error {
	return s.now().Touch(ctx, k, a, d)
}
func (s *failoverStore) List(ctx context.Context, ref store.Key) ([]store.Record, error) {
	return s.now().List(ctx, ref)
}
func (s *failoverStore) Claim(ctx context.Context, o store.Key, now time.Time, hold time.Duration,
	n int) ([]store.Record, error) {
	return s.now().Claim(ctx, o, now, hold, n)
}
func (s *failoverStore) Settle(ctx context.Context, k store.Key, b []byte, due time.Time) error {
	return s.now().Settle(ctx, k, b, due)
}

func (s *failoverStore) End(ctx context.Context, sel store.Selector, e store.End) ([]store.Record, error) {
	s.mu.Lock()
	s.ends++
	down, tell := s.down, s.tell
	s.mu.Unlock()
	if down {
		return nil, errDown
	}
	ended, err := s.now().End(ctx, sel, e)
	for _, rec := range ended { // a report may overtake the answer
		tell(store.Change{Key: rec.Key, Reason: e.Reason})
	}
	return ended, err
}

func (s *failoverStore) Watch(ctx context.Context, fn func(store.Change)) error {
	s.mu.Lock()
	master, cut := s.master, s.cut
	s.tell = fn
	s.mu.Unlock()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	lost := make(chan struct{})
	go func() {
		defer close(lost)
		select {
		case <-cut:
			cancel()
		case <-ctx.Done():
		}
	}()
	err := master.Watch(ctx, fn)
	cancel()
	<-lost
	return err
}

// replicate makes a replica that has these live sessions and nothing else.
func (s *failoverStore) replicate(t *testing.T, keys ...store.Key) {
	t.Helper()
	s.replica = memstore.New(memstore.Options{})
	for _, key := range keys {
		rec, err := s.master.Load(t.Context(), key)
		if err == nil {
			err = s.replica.Create(t.Context(), rec)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// failOver cuts every Watch off and lets the replica take over. down: it does not end
// anything yet.
func (s *failoverStore) failOver(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.master, s.down = s.replica, down
	close(s.cut)
	s.cut = make(chan struct{})
}

func (s *failoverStore) up() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = false
}

func (s *failoverStore) endCalls() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ends
}

// failingOver returns a setup and its store.
func failingOver(instances int) (setup, *failoverStore) {
	kept := &failoverStore{}
	return setup{instances: instances, kind: rp.NoToken, idp: patient, config: func(c *rp.Config) {
		if kept.master == nil {
			kept.Store, kept.master = c.Store, c.Store
			kept.cut = make(chan struct{}) // of this bubble
		}
		c.Store = kept
	}}, kept
}

// C5, C8: a failover loses ends that were acknowledged. Each instance ends again what it
// has ended, with the tombstones and the same reason; nobody hears of it twice, and a
// log-in that starts later is let in.
func TestEndsSurviveAFailover(t *testing.T) {
	for _, down := range []bool{false, true} {
		s, kept := failingOver(2)
		inBubble(t, s, func(t *testing.T, w *world) {
			w.idp.FaultDelivery(idpmock.DeliveryFault{Times: idpmock.Always, Lose: true})
			var all []*visitor
			var keys []store.Key
			for _, subject := range []string{"ada", "bob", "eve", "kim"} {
				v := w.visitor(subject)
				v.login()
				all, keys = append(all, v), append(keys, w.auth[0].KeyOf(v.id()))
			}
			byToken, byPerson, byAdmin, stays := all[0], all[1], all[2], all[3]
			underWay := w.visitor("ada") // of the same session at the IdP
			underWay.idp = byToken.idp
			callback := underWay.authorize(underWay.start("/auth/login"))

			time.Sleep(time.Second)
			kept.replicate(t, keys...)
			w.judged(w.deliver(w.logoutToken(byToken.session())), true)
			synctest.Wait() // each tells of its own ends, in its own time
			byPerson.instance = "1"
			byPerson.submit("/auth/logout")
			synctest.Wait()
			if n, err := w.auth[1].EndSessions(t.Context(), rp.Whose{Subject: "eve"}); n != 1 || err != nil {
				t.Fatal(n, err)
			}
			w.expectEnds(reason.BackchannelLogout, reason.UserLogout, reason.Admin)
			first, err := kept.Load(t.Context(), keys[0])
			if !errors.Is(err, store.ErrEnded) {
				t.Fatal(err)
			}

			time.Sleep(4 * time.Minute)
			kept.failOver(down)
			if _, err := kept.Load(t.Context(), keys[0]); err != nil {
				t.Fatalf("the replica has the end: the test shows nothing: %v", err)
			}
			if down {
				time.Sleep(30 * time.Second)
				kept.up()
			}
			time.Sleep(3 * time.Second)
			for i, reason := range []reason.Reason{reason.BackchannelLogout, reason.UserLogout, reason.Admin} {
				rec, err := kept.Load(t.Context(), keys[i])
				if !errors.Is(err, store.ErrEnded) || rec.End.Reason != string(reason) {
					t.Errorf("session %d after the failover: %v, %q", i, err, rec.End.Reason)
				}
				if i == 0 && rec.End != first.End {
					t.Errorf("it ended at %+v, and now at %+v", first.End, rec.End)
				}
			}
			byToken.expect("ended", reason.BackchannelLogout)
			byAdmin.expect("ended", reason.Admin)
			stays.expect("live", "")
			if a := underWay.get(callback); a.status != http.StatusBadRequest {
				t.Errorf("a log-in under way: %v", a)
			}
			byToken.login()
			byToken.expect("live", "")
			byAdmin.login()
			byAdmin.expect("live", "")

			time.Sleep(10 * time.Minute) // the sweepers have been by many times
			w.expectEnds(reason.BackchannelLogout, reason.UserLogout, reason.Admin)
			byToken.expect("live", "")
		})
	}
}

// A session that no end has met before is ended by the repeated one and has its event:
// it came into being while the tombstone was lost.
func TestRepeatedEndOfANewSession(t *testing.T) {
	s, kept := failingOver(1)
	inBubble(t, s, func(t *testing.T, w *world) {
		w.idp.FaultDelivery(idpmock.DeliveryFault{Times: idpmock.Always, Lose: true})
		v := w.visitor("ada")
		callback := v.authorize(v.start("/auth/login"))
		time.Sleep(time.Second)
		kept.replicate(t)
		w.judged(w.deliver(w.logoutToken(v.session())), true)
		w.expectEnds()
		kept.failOver(true)
		time.Sleep(100 * time.Millisecond)
		if a := v.get(callback); a.status != http.StatusSeeOther {
			t.Fatalf("the tombstone is not lost: the test shows nothing: %v", a)
		}
		kept.up()
		time.Sleep(10 * time.Second)
		w.expectEnds(reason.BackchannelLogout)
		v.expect("ended", reason.BackchannelLogout)
	})
}

// Who logs in again in the second of the log-out is in: a repeated end is not for them.
func TestRepeatedEndAndANewLogin(t *testing.T) {
	s, kept := failingOver(1)
	inBubble(t, s, func(t *testing.T, w *world) {
		w.idp.FaultDelivery(idpmock.DeliveryFault{Times: idpmock.Always, Lose: true})
		v := w.visitor("ada")
		v.login()
		time.Sleep(time.Minute)
		w.judged(w.deliver(w.logoutToken(v.session())), true)
		w.expectEnds(reason.BackchannelLogout)
		time.Sleep(13 * time.Millisecond)
		v.login()
		time.Sleep(time.Minute)
		kept.replicate(t, w.auth[0].KeyOf(v.id()))
		kept.failOver(false)
		time.Sleep(10 * time.Second)
		v.expect("live", "")
		w.expectEnds(reason.BackchannelLogout)
	})
}

// Two instances have ended a session, the first of them for good. After a failover either
// may be first: no second event.
func TestRepeatedEndOfTwoInstances(t *testing.T) {
	for range 5 { // whoever is first
		s, kept := failingOver(2)
		inBubble(t, s, func(t *testing.T, w *world) {
			v := w.visitor("ada")
			v.login()
			time.Sleep(time.Second) // both listen
			kept.replicate(t, w.auth[0].KeyOf(v.id()))
			for i, want := range []int{1, 0} {
				if n, err := w.auth[i].EndSessions(t.Context(), rp.Whose{Subject: "ada"}); n != want || err != nil {
					t.Fatal(n, err)
				}
			}
			time.Sleep(time.Second)
			kept.failOver(false)
			time.Sleep(10 * time.Minute)
			v.expect("ended", reason.Admin)
			w.expectEnds(reason.Admin)
		})
	}
}

// Only the ends of the last minutes are repeated, and only if Watch was cut off.
func TestWhatIsNotRepeated(t *testing.T) {
	s, kept := failingOver(1)
	inBubble(t, s, func(t *testing.T, w *world) {
		old, young := w.visitor("ada"), w.visitor("bob")
		old.login()
		young.login()
		kept.replicate(t, w.auth[0].KeyOf(old.id()), w.auth[0].KeyOf(young.id()))
		old.submit("/auth/logout")
		time.Sleep(5 * time.Minute)
		young.submit("/auth/logout")
		time.Sleep(time.Second)
		before := kept.endCalls()
		kept.tell(store.Change{}) // reports may be missing, and that is all
		time.Sleep(5 * time.Second)
		if n := kept.endCalls() - before; n != 0 {
			t.Errorf("%d ends were repeated although Watch was not cut off", n)
		}
		kept.failOver(false)
		time.Sleep(5 * time.Second)
		if n := kept.endCalls() - before; n != 1 {
			t.Errorf("%d ends were repeated, want one", n)
		}
		young.expect("ended", reason.UserLogout)
		old.expect("live", "")
		time.Sleep(10 * time.Minute)
		kept.replicate(t)
		before = kept.endCalls()
		kept.failOver(false)
		time.Sleep(5 * time.Second)
		if n := kept.endCalls() - before; n != 0 {
			t.Errorf("%d ends were repeated long after", n)
		}
	})
}

// cutOff is a store that is slow to end a session and cuts Watch off every second.
type cutOff struct {
	store.Store
	slow      atomic.Bool
	now, most atomic.Int64 // ends under way
}

func (s *cutOff) Watch(ctx context.Context, fn func(store.Change)) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	return errors.Join(errDown, s.Store.Watch(ctx, fn))
}

func (s *cutOff) End(ctx context.Context, sel store.Selector, e store.End) ([]store.Record, error) {
	if s.slow.Load() {
		s.most.Store(max(s.most.Load(), s.now.Add(1)))
		defer s.now.Add(-1)
		time.Sleep(time.Second)
	}
	return s.Store.End(ctx, sel, e)
}

// A store that is slow and cut off again and again gets the ends once more by one goroutine,
// not by one more at each time.
func TestRepeatedEndsDoNotPileUp(t *testing.T) {
	kept := &cutOff{}
	inBubble(t, setup{config: func(c *rp.Config) {
		kept.Store, c.Store = c.Store, kept
	}}, func(t *testing.T, w *world) {
		for range 60 {
			v := w.visitor("ada")
			v.login()
			v.submit("/auth/logout")
		}
		kept.slow.Store(true)
		time.Sleep(4 * time.Minute)
		if n := kept.most.Load(); n != 1 {
			t.Errorf("%d ends at once", n)
		}
		kept.slow.Store(false)
	})
}
