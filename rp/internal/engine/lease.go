package engine

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/names"
	"github.com/tandem-sso/tandem/rp/internal/record"
	"github.com/tandem-sso/tandem/rp/store"
)

const (
	leaseTTL   = 10 * time.Second
	leaseRenew = leaseTTL / 3
	// signOfLife is longer than leaseRenew and storeTokensAgain.
	signOfLife = 5 * time.Second
)

// lead takes the lease of a session. It returns the session as it is then, and the lease. If that
// is nil, there is none, because another instance has done the work.
//
// If another instance sent a refresh token and did not note the outcome, the token is not
// sent again at once: if that instance lives, it stores its new tokens, or takes the lease
// again, within signOfLife after the store answers. The wait for the lease counts, because
// the store answers meanwhile; so after a death nobody waits longer.
func (p *Engine) lead(flight context.Context, key store.Key, want Errand,
	enough func(*record.Data) bool) (_ *State, held *lease, _ error) {
	ctx, cancel := context.WithTimeout(flight, 2*p.cfg.RequestTimeout+2*leaseTTL)
	defer cancel()
	t := p.hub.subscribe(key)
	defer t.Release()
	began := time.Now()
	for wait := 10 * time.Millisecond; ; wait = min(2*wait, 250*time.Millisecond) {
		changed := t.Change()
		granted, err := p.cfg.Store.Acquire(ctx, names.LeaseID("ask", key), leaseTTL)
		if err != nil && !errors.Is(err, store.ErrConflict) {
			return nil, nil, p.StoreFailed(err)
		}
		if held = nil; err == nil {
			held = p.keep(flight, granted)
		}
		st, err := p.Load(ctx, key) // under the lease it is the one that counts (C4)
		done := err != nil || enough(st.Data)
		left := signOfLife - time.Since(began)
		if !done && held != nil && (left <= 0 || !mayBeHeld(st.Data) || !p.refreshes(st.Data, want)) {
			return st, held, nil
		}
		if held != nil {
			held.release()
			wait = left
		}
		if done {
			return st, nil, err
		}
		timer := time.NewTimer(wait)
		select {
		case <-changed:
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, nil, Busy(time.Second, "another instance is asking the IdP: %w", ctx.Err())
		}
		timer.Stop()
	}
}

// lease is one that keep renews until release gives it back.
type lease struct {
	store   store.Store
	release func()
	mu      sync.Mutex
	granted store.Lease
	lost    bool // it ran out at least once
}

// unbroken renews the lease. It reports whether nobody else can have had it since it was granted.
func (l *lease) unbroken(ctx context.Context) bool {
	granted, lost := l.now()
	return !lost && l.store.Renew(ctx, granted, leaseTTL) == nil
}

func (l *lease) now() (granted store.Lease, lost bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.granted, l.lost
}

// renew takes a lease again that ran out while the store was away, if nobody else has taken it.
// Otherwise this instance gives it up: the version check at the commit protects the session.
func (l *lease) renew(ctx context.Context) error {
	granted, _ := l.now()
	err := l.store.Renew(ctx, granted, leaseTTL)
	if errors.Is(err, store.ErrConflict) {
		var again store.Lease
		if again, err = l.store.Acquire(ctx, granted.ID, leaseTTL); err == nil {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.granted, l.lost = again, true
		}
	}
	return err
}

// keep renews a lease until its release.
func (p *Engine) keep(ctx context.Context, granted store.Lease) *lease {
	l := &lease{store: p.cfg.Store, granted: granted}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(leaseRenew)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				if err := l.renew(ctx); err != nil && ctx.Err() == nil {
					p.log.Warn("the lease on a session could not be renewed", "error", err)
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	l.release = func() {
		cancel()
		<-done
		wait := leaseTTL
		if p.ctx.Err() != nil { // Close does not wait for a store that hangs
			wait = time.Second
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), wait)
		defer cancel()
		granted, _ := l.now()
		if err := p.cfg.Store.Release(ctx, granted); err != nil && !errors.Is(err, store.ErrConflict) {
			p.log.Warn("the lease on a session could not be given back; it runs out by itself", "error", err)
		}
	}
	return l
}
