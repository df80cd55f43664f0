package engine

import (
	"bytes"
	"cmp"
	"context"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/names"
	"github.com/tandem-sso/tandem/rp/internal/record"
	"github.com/tandem-sso/tandem/rp/internal/seal"
	"github.com/tandem-sso/tandem/rp/internal/throttle"
	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/memstore"
)

// withStore is an engine that has a store and no IdP, and whose background work does not run.
type withStore struct {
	*Engine
	kept  *brokenStore
	lines *lines // the log
}

type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *lines) Reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Reset()
}

// brokenStore fails as fails has said; a Claim that fails ends in a call of closes.
type brokenStore struct {
	store.Store
	err     atomic.Pointer[error]
	closes  func()
	slow    atomic.Int64 // what Renew takes, a time.Duration, whatever its context says
	hangs   bool         // Release answers only when its context is done
	stays   error        // what End answers; nil: what the store does
	settled func()       // is told of each Settle that has worked
}

// fails has each call fail from now on; nil: none.
func (s *brokenStore) fails(err error) { s.err.Store(&err) }

func (s *brokenStore) failure() error {
	if err := s.err.Load(); err != nil {
		return *err
	}
	return nil
}

func (s *brokenStore) Load(ctx context.Context, key store.Key) (store.Record, error) {
	if err := s.failure(); err != nil {
		return store.Record{}, err
	}
	return s.Store.Load(ctx, key)
}

func (s *brokenStore) List(ctx context.Context, ref store.Key) ([]store.Record, error) {
	if err := s.failure(); err != nil {
		return nil, err
	}
	return s.Store.List(ctx, ref)
}

func (s *brokenStore) Claim(ctx context.Context, owner store.Key, now time.Time, hold time.Duration,
	limit int) ([]store.Record, error) {
	if err := s.failure(); err != nil {
		if s.closes != nil {
			s.closes()
		}
		return nil, err
	}
	return s.Store.Claim(ctx, owner, now, hold, limit)
}

func (s *brokenStore) Replace(ctx context.Context, rec store.Record) error {
	if err := s.failure(); err != nil {
		return err
	}
	return s.Store.Replace(ctx, rec)
}

func (s *brokenStore) Renew(ctx context.Context, l store.Lease, ttl time.Duration) error {
	time.Sleep(time.Duration(s.slow.Load()))
	if err := s.failure(); err != nil {
		return err
	}
	return s.Store.Renew(ctx, l, ttl)
}

func (s *brokenStore) Release(ctx context.Context, l store.Lease) error {
	if s.hangs {
		<-ctx.Done()
		return ctx.Err()
	}
	return s.Store.Release(ctx, l)
}

func (s *brokenStore) Settle(ctx context.Context, key store.Key, sealed []byte, due time.Time) error {
	if err := s.failure(); err != nil {
		return err
	}
	err := s.Store.Settle(ctx, key, sealed, due)
	if err == nil && s.settled != nil {
		s.settled()
	}
	return err
}

func (s *brokenStore) End(ctx context.Context, sel store.Selector, end store.End) ([]store.Record, error) {
	if err := cmp.Or(s.stays, s.failure()); err != nil {
		return nil, err
	}
	return s.Store.End(ctx, sel, end)
}

func leaseOf(key store.Key) store.Key { return names.LeaseID("report", key) }

func newWithStore(t *testing.T, c Config) *withStore {
	t.Helper()
	out := &lines{}
	kept := &brokenStore{Store: memstore.New(memstore.Options{})}
	c.Store, c.Logger, c.RequestTimeout = kept, slog.New(slog.NewTextHandler(out, nil)), 10*time.Second
	if c.Now == nil {
		c.Now = time.Now
	}
	keys := [][]byte{bytes.Repeat([]byte("k"), 32)}
	party, err := names.New("https://idp.example", "app", keys)
	if err != nil {
		t.Fatal(err)
	}
	ring, err := seal.NewRing("records", party.Owner[:], keys...)
	if err != nil {
		t.Fatal(err)
	}
	p := &Engine{private: &private{c}, party: party, ring: ring, log: c.Logger, hub: newHub(), cache: new(cache),
		flights: newFlights(), agenda: newAgenda(), unreadable: throttle.New(Remember, 1)}
	p.ctx, p.stop = context.WithCancel(t.Context())
	p.calls, p.abort = context.WithCancel(t.Context())
	p.untold = queue[untold]{handle: func(untold) {}, limit: 1}
	t.Cleanup(p.stop)
	return &withStore{p, kept, out}
}

// live stores a session.
func (p *withStore) live(t *testing.T, n int, d record.Data) store.Record {
	t.Helper()
	return p.issued(t, n, d, p.Now())
}

// issued is live with the time of its ID token.
func (p *withStore) issued(t *testing.T, n int, d record.Data, at time.Time) store.Record {
	t.Helper()
	now := p.Now()
	rec, err := p.sealed(store.Record{Key: numbered(n), Owner: p.party.Owner, Refs: p.party.RefsOf(&d), Begun: now,
		Issued: at.Truncate(time.Second), Active: now, Due: now.Add(time.Hour)}, &d)
	if err == nil {
		err = p.kept.Create(t.Context(), rec)
	}
	if err != nil {
		t.Fatal(err)
	}
	rec.Version = 1
	return rec
}

func (p *withStore) said(part string) bool { return strings.Contains(p.lines.String(), part) }
