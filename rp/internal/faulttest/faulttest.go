// Package faulttest checks what a store on a server does while the server is
// away, cut off, silent or slow (C6): it answers with system failures in bounded
// time, never with a wrong verdict, recovers by itself, and has lost nothing.
package faulttest

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/internal/servertest"
	"github.com/tandem-sso/tandem/rp/reason"
	"github.com/tandem-sso/tandem/rp/store"
)

// Timeout is what Open sets as the store's own timeout.
const Timeout = 500 * time.Millisecond

// Server is the back end, for this test alone.
type Server interface {
	Start() error
	Stop()
	Kill()
}

// Backend is the server and how to open an instance that reaches it by addr.
type Backend struct {
	Server Server
	Addr   string
	Open   func(t *testing.T, addr string) store.Store
}

// Run runs all tests on one server.
func Run(t *testing.T, b Backend) {
	for _, tt := range []struct {
		name string
		run  func(f *fault)
	}{
		{"ServerRestarted", func(f *fault) { f.restart(f.Server.Stop) }},
		{"ServerKilled", func(f *fault) { f.restart(f.Server.Kill) }},
		{"ConnectionCut", (*fault).cut},
		{"ConnectionSilent", (*fault).silent},
		{"SlowAnswers", (*fault).slow},
		{"CutAgainAndAgain", (*fault).storm},
	} {
		t.Run(tt.name, func(t *testing.T) {
			proxy, err := servertest.StartProxy(b.Addr)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(proxy.Close)
			tt.run(&fault{T: t, Backend: b, proxy: proxy, far: b.Open(t, proxy.Addr), near: b.Open(t, b.Addr)})
		})
	}
}

// fault has an instance behind the proxy and one that goes around it.
type fault struct {
	*testing.T
	Backend
	proxy     *servertest.Proxy
	far, near store.Store
}

func newKey() (k store.Key) {
	rand.Read(k[:])
	return k
}

func (f *fault) create() store.Record {
	f.Helper()
	rec := newRecord()
	if err := f.near.Create(f.Context(), rec); err != nil {
		f.Fatal(err)
	}
	rec.Version = 1
	return rec
}

// owner is the client whose all records here are.
var owner = store.Key{'o', 'w', 'n', 'e', 'r'}

func newRecord() store.Record {
	now := time.Now()
	return store.Record{Key: newKey(), Owner: owner, Refs: []store.Key{newKey(), newKey()}, Sealed: make([]byte, 100),
		Begun: now, Active: now, Due: now.Add(time.Hour)}
}

func ending() store.End {
	return store.End{Reason: string(reason.Admin), At: time.Now(), Until: time.Now().Add(time.Hour)}
}

func isAnswer(err error) bool {
	return errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrEnded)
}

// until waits until f has no error, for as long as a recovery may take.
func (f *fault) until(what string, within time.Duration, try func() error) {
	f.Helper()
	start := time.Now()
	for {
		err := try()
		if err == nil {
			f.Logf("%s after %v", what, time.Since(start).Round(time.Millisecond))
			return
		}
		if time.Since(start) > within {
			f.Fatalf("%s: not within %v: %v", what, within, err)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// down checks that every call is a system failure, within the store's timeout.
// What is sent into the silence may still arrive later; so it is about a session
// that does not exist.
func (f *fault) down(s store.Store) {
	f.Helper()
	ctx, rec, until := f.Context(), newRecord(), time.Now().Add(time.Hour)
	rec.Version = 1
	var wg sync.WaitGroup
	for what, call := range map[string]func() error{
		"Load":    func() error { _, err := s.Load(ctx, rec.Key); return err },
		"Create":  func() error { return s.Create(ctx, newRecord()) },
		"Replace": func() error { return s.Replace(ctx, rec) },
		"Touch":   func() error { return s.Touch(ctx, rec.Key, rec.Active, rec.Due) },
		"End":     func() error { _, err := s.End(ctx, store.Selector{Key: rec.Key}, ending()); return err },
		"EndRef":  func() error { _, err := s.End(ctx, store.Selector{Ref: rec.Refs[0]}, ending()); return err },
		"List":    func() error { _, err := s.List(ctx, rec.Refs[0]); return err },
		"Claim":   func() error { _, err := s.Claim(ctx, owner, time.Now(), time.Minute, 1); return err },
		"Settle":  func() error { return s.Settle(ctx, rec.Key, nil, time.Time{}) },
		"Once":    func() error { return s.Once(ctx, newKey(), until) },
		"Acquire": func() error { _, err := s.Acquire(ctx, newKey(), time.Minute); return err },
		"Release": func() error { return s.Release(ctx, store.Lease{ID: newKey(), Fence: 1}) },
		"Watch":   func() error { return s.Watch(ctx, func(store.Change) {}) },
	} {
		wg.Go(func() {
			start := time.Now()
			err := call()
			if err == nil || isAnswer(err) {
				f.Errorf("%s: %v, want a system failure", what, err)
			}
			if took := time.Since(start); took > 4*Timeout {
				f.Errorf("%s took %v, the timeout is %v", what, took, Timeout)
			}
		})
	}
	wg.Wait()
}

// watch watches s again and again, as rp does, and counts the zero Changes.
func (f *fault) watch(s store.Store) (zeros *atomic.Int32, seen func(store.Key) bool) {
	ctx, cancel := context.WithCancel(f.Context())
	zeros = new(atomic.Int32)
	var keys sync.Map
	var wg sync.WaitGroup
	wg.Go(func() {
		for ctx.Err() == nil {
			if err := s.Watch(ctx, func(c store.Change) {
				if c.Key == (store.Key{}) {
					zeros.Add(1)
				}
				keys.Store(c.Key, true)
			}); err == nil {
				f.Error("Watch returns without an error")
			}
			time.Sleep(5 * time.Millisecond)
		}
	})
	f.Cleanup(func() { cancel(); wg.Wait() })
	return zeros, func(k store.Key) bool { _, ok := keys.Load(k); return ok }
}

func (f *fault) restart(end func()) {
	ctx := f.Context()
	live, touched, gone := f.create(), f.create(), f.create()
	active := time.Now().Add(time.Minute).Truncate(time.Millisecond)
	if err := f.near.Touch(ctx, touched.Key, active, active.Add(time.Hour)); err != nil {
		f.Fatal(err)
	}
	if _, err := f.near.End(ctx, store.Selector{Ref: gone.Refs[0]}, ending()); err != nil {
		f.Fatal(err)
	}
	zeros, seen := f.watch(f.near)
	f.until("Watch listens", 5*time.Second, waitFor(func() bool { return zeros.Load() == 1 }))
	if _, err := f.near.Load(ctx, live.Key); err != nil { // into a cache, if there is one
		f.Fatal(err)
	}

	end()
	f.until("the hot session is a system failure", 5*time.Second, func() error {
		if _, err := f.near.Load(ctx, live.Key); err == nil || isAnswer(err) {
			return errors.Join(errors.New("still answered"), err)
		}
		return nil
	})
	f.down(f.near)
	if err := f.Server.Start(); err != nil {
		f.Fatal(err)
	}
	f.until("recovered", 10*time.Second, func() error { return f.near.Once(ctx, newKey(), time.Now().Add(time.Hour)) })
	if rec, err := f.near.Load(ctx, live.Key); err != nil || rec.Version != 1 {
		f.Errorf("a session after the restart: version %d, %v", rec.Version, err)
	}
	if rec, err := f.near.Load(ctx, touched.Key); err != nil || !rec.Active.Equal(active) {
		f.Errorf("a touched session after the restart: %v, %v", rec.Active, err)
	}
	if _, err := f.near.Load(ctx, gone.Key); !errors.Is(err, store.ErrEnded) {
		f.Errorf("an ended session after the restart: %v", err)
	}
	again := newRecord()
	again.Refs = gone.Refs[:1]
	if err := f.near.Create(ctx, again); !errors.Is(err, store.ErrEnded) {
		f.Errorf("the tombstone after the restart: %v", err)
	}
	f.until("Watch listens again", 10*time.Second, waitFor(func() bool { return zeros.Load() >= 2 }))
	f.until("Watch reports", 10*time.Second, func() error {
		rec := f.create()
		if err := f.near.Replace(ctx, rec); err != nil {
			return err
		}
		time.Sleep(50 * time.Millisecond)
		return waitFor(func() bool { return seen(rec.Key) })()
	})
}

func waitFor(cond func() bool) func() error {
	return func() error {
		if !cond() {
			return errors.New("not yet")
		}
		return nil
	}
}

func (f *fault) cut() {
	ctx := f.Context()
	live, gone := f.create(), f.create()
	zeros, _ := f.watch(f.far)
	f.until("Watch listens", 5*time.Second, waitFor(func() bool { return zeros.Load() == 1 }))
	for _, rec := range []store.Record{live, gone} {
		if _, err := f.far.Load(ctx, rec.Key); err != nil {
			f.Fatal(err)
		}
	}
	f.proxy.Cut()
	f.until("the hot session is a system failure", 5*time.Second, func() error {
		if _, err := f.far.Load(ctx, live.Key); err == nil || isAnswer(err) {
			return errors.Join(errors.New("still answered"), err)
		}
		return nil
	})
	f.down(f.far)
	if got, err := f.near.End(ctx, store.Selector{Key: gone.Key}, ending()); err != nil || len(got) != 1 {
		f.Fatalf("End: %d, %v", len(got), err)
	}
	f.proxy.Restore()
	f.until("recovered", 10*time.Second, func() error { _, err := f.far.Load(ctx, live.Key); return err })
	if _, err := f.far.Load(ctx, gone.Key); !errors.Is(err, store.ErrEnded) {
		f.Errorf("a session that was ended meanwhile: %v", err)
	}
	if err := f.far.Replace(ctx, live); err != nil {
		f.Errorf("Replace: %v", err)
	}
	f.until("Watch listens again", 10*time.Second, waitFor(func() bool { return zeros.Load() >= 2 }))
}

// silent: nothing passes, and nobody says so. What was ended elsewhere must not
// live on in the memory of this instance for more than a second.
func (f *fault) silent() {
	ctx := f.Context()
	live, gone := f.create(), f.create()
	for _, rec := range []store.Record{live, gone} {
		if _, err := f.far.Load(ctx, rec.Key); err != nil {
			f.Fatal(err)
		}
	}
	f.proxy.Stall()
	if _, err := f.near.End(ctx, store.Selector{Key: gone.Key}, ending()); err != nil {
		f.Fatal(err)
	}
	ended := time.Now()
	for time.Since(ended) < 2*time.Second {
		start := time.Now()
		_, err := f.far.Load(ctx, gone.Key)
		if err == nil && start.Sub(ended) > time.Second {
			f.Fatalf("an ended session is served %v after its end", start.Sub(ended))
		}
		if errors.Is(err, store.ErrNotFound) {
			f.Fatal(err)
		}
		if took := time.Since(start); took > 3*Timeout {
			f.Errorf("Load took %v", took)
		}
		time.Sleep(5 * time.Millisecond)
	}
	f.down(f.far)
	f.proxy.Restore()
	f.until("recovered", 10*time.Second, func() error { _, err := f.far.Load(ctx, live.Key); return err })
	if _, err := f.far.Load(ctx, gone.Key); !errors.Is(err, store.ErrEnded) {
		f.Errorf("the ended session: %v", err)
	}
}

func (f *fault) slow() {
	ctx := f.Context()
	rec := f.create()
	f.proxy.Delay(50 * time.Millisecond)
	if err := f.far.Touch(ctx, rec.Key, time.Now().Add(time.Second), time.Now().Add(time.Hour)); err != nil {
		f.Errorf("Touch with answers that take 50 ms: %v", err)
	}
	f.proxy.Delay(3 * Timeout)
	f.down(f.far)
	f.proxy.Restore()
	f.until("recovered", 10*time.Second, func() error { _, err := f.far.Load(ctx, newKey()); return onlyFailure(err) })
}

func onlyFailure(err error) error {
	if isAnswer(err) {
		return nil
	}
	return err
}
