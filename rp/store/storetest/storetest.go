package storetest

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/rp/store"
)

// Backend is a fresh back end for one test.
type Backend struct {
	Store   store.Store
	Second  store.Store         // another instance on the same back end; nil if there can be none
	Now     func() time.Time    // the clock of both
	Advance func(time.Duration) // moves it
}

// Factory opens an empty back end. It closes it with t.Cleanup.
type Factory func(t *testing.T) Backend

// Clock is a clock that moves only by Advance. It is safe for concurrent use.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock returns a Clock that shows the present, in whole milliseconds.
func NewClock() *Clock { return &Clock{now: time.Now().UTC().Truncate(time.Millisecond)} }

// Now returns the time of the clock; use it as Options.Now of a store.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock forward.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Run runs the suite. Its tests can be chosen with go test -run.
func Run(t *testing.T, f Factory) {
	for _, g := range []struct {
		name  string
		tests []test
	}{
		{"Sessions", sessionTests},
		{"Ends", endTests},
		{"Tombstones", tombstoneTests},
		{"Claims", claimTests},
		{"Once", onceTests},
		{"Leases", leaseTests},
		{"Watch", watchTests},
		{"Calls", callTests},
		{"Races", raceTests},
		{"KeysRoll", rollTests},
		{"TwoInstances", twoTests},
		{"Fresh", freshTests},
	} {
		t.Run(g.name, func(t *testing.T) {
			for _, tt := range g.tests {
				t.Run(tt.name, func(t *testing.T) { tt.run(newEnv(t, f)) })
			}
		})
	}
}

type test struct {
	name string
	run  func(e *env)
}

// env is one test's back end with short ways to use it. Every method that can
// fail ends the test; use it from the test's own goroutine.
type env struct {
	*testing.T
	Backend
	ctx context.Context
}

func newEnv(t *testing.T, f Factory) *env {
	t.Helper()
	b := f(t)
	if b.Store == nil || b.Now == nil || b.Advance == nil {
		t.Fatal("storetest: the Factory must set Store, Now and Advance")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return &env{t, b, ctx}
}

// stores returns the instances there are.
func (e *env) stores() []store.Store {
	if e.Second == nil {
		return []store.Store{e.Store}
	}
	return []store.Store{e.Store, e.Second}
}

// now is the store's clock as a Store keeps it.
func (e *env) now() time.Time { return e.Now().UTC().Truncate(time.Millisecond) }

func newKey() (k store.Key) {
	rand.Read(k[:])
	return k
}

func newBytes(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

// owner is the client whose the sessions are, where a test does not say otherwise.
var owner = store.Key{'o', 'w', 'n', 'e', 'r'}

// session returns a record that is not stored yet: begun a minute ago, active
// now, due in half an hour. Without refs it gets two of its own.
func (e *env) session(refs ...store.Key) store.Record {
	if len(refs) == 0 {
		refs = []store.Key{newKey(), newKey()}
	}
	now := e.now()
	return store.Record{
		Key: newKey(), Owner: owner, Refs: slices.Clone(refs), Sealed: newBytes(200),
		Begun: now.Add(-time.Minute), Issued: now.Add(-50 * time.Second), Active: now, Due: now.Add(30 * time.Minute),
	}
}

// create stores rec and returns it as Load is to return it.
func (e *env) create(rec store.Record) store.Record {
	e.Helper()
	if err := e.Store.Create(e.ctx, rec); err != nil {
		e.Fatalf("Create: %v", err)
	}
	rec.Version = 1
	return rec
}

// load is Load that must answer want.
func (e *env) load(key store.Key, want error) store.Record {
	e.Helper()
	return e.loadFrom(e.Store, key, want)
}

func (e *env) loadFrom(s store.Store, key store.Key, want error) store.Record {
	e.Helper()
	rec, err := s.Load(e.ctx, key)
	e.want(err, want)
	return rec
}

// end is End with a memory of ten minutes.
func (e *env) end(sel store.Selector) []store.Record {
	e.Helper()
	return e.endFor(sel, 10*time.Minute)
}

func (e *env) endFor(sel store.Selector, memory time.Duration) []store.Record {
	e.Helper()
	recs, err := e.Store.End(e.ctx, sel, e.ending(memory))
	e.want(err, nil)
	return recs
}

func (e *env) ending(memory time.Duration) store.End {
	return store.End{Reason: "user_logout", At: e.now(), Until: e.now().Add(memory)}
}

func (e *env) list(ref store.Key) []store.Record {
	e.Helper()
	recs, err := e.Store.List(e.ctx, ref)
	e.want(err, nil)
	return recs
}

func (e *env) claim(hold time.Duration, limit int) []store.Record {
	e.Helper()
	return e.claimFor(owner, hold, limit)
}

func (e *env) claimFor(owner store.Key, hold time.Duration, limit int) []store.Record {
	e.Helper()
	recs, err := e.Store.Claim(e.ctx, owner, e.now(), hold, limit)
	e.want(err, nil)
	return recs
}

// want checks an answer. Sentinels may be wrapped.
func (e *env) want(got, want error) {
	e.Helper()
	if !errors.Is(got, want) {
		e.Fatalf("answer: %v, want %v", got, want)
	}
}

// refused checks for an error that is none of the three answers.
func (e *env) refused(err error, what string) {
	e.Helper()
	if err == nil || isAnswer(err) {
		e.Fatalf("%s: %v, want an error that is not one of the Store's answers", what, err)
	}
}

func isAnswer(err error) bool {
	return errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrEnded)
}

// same compares two records field by field.
func (e *env) same(got, want store.Record) {
	e.Helper()
	if d := difference(got, want); d != "" {
		e.Fatalf("record differs in %s:\n got %+v\nwant %+v", d, brief(got), brief(want))
	}
}

func difference(got, want store.Record) string {
	switch {
	case got.Key != want.Key:
		return "Key"
	case got.Owner != want.Owner:
		return "Owner"
	case got.Version != want.Version:
		return "Version"
	case !slices.Equal(got.Refs, want.Refs):
		return "Refs"
	case !got.Begun.Equal(want.Begun):
		return "Begun"
	case !got.Issued.Equal(want.Issued):
		return "Issued"
	case !got.Active.Equal(want.Active):
		return "Active"
	case !got.Due.Equal(want.Due):
		return "Due"
	case !slices.Equal(got.Sealed, want.Sealed):
		return "Sealed"
	case got.End.Reason != want.End.Reason:
		return "End.Reason"
	case !got.End.At.Equal(want.End.At):
		return "End.At"
	case !got.End.Until.Equal(want.End.Until):
		return "End.Until"
	}
	return ""
}

// brief makes a record readable in a message.
func brief(r store.Record) store.Record {
	r.Sealed = r.Sealed[:min(8, len(r.Sealed))]
	return r
}

func keysOf(recs []store.Record) []store.Key {
	keys := make([]store.Key, len(recs))
	for i, r := range recs {
		keys[i] = r.Key
	}
	return keys
}

// sameKeys compares without order.
func (e *env) sameKeys(got []store.Record, want ...store.Key) {
	e.Helper()
	have := make(map[store.Key]int)
	for _, k := range keysOf(got) {
		have[k]++
	}
	for _, k := range want {
		have[k]--
	}
	for k, n := range have {
		if n != 0 {
			e.Fatalf("got %d records, want %d; key %x is in there %+d times", len(got), len(want), k[:4], n)
		}
	}
}

// soon waits for a condition, for as long as a change may take to reach another
// instance.
func (e *env) soon(what string, cond func() bool) {
	e.Helper()
	deadline := time.Now().Add(time.Second)
	for !cond() {
		if time.Now().After(deadline) {
			e.Fatalf("not within a second: %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}
