package engine

import (
	"context"
	"errors"
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

// lead takes the lease of a session. It returns the session as it is then, and release, which
// gives the lease back. If release is nil, there is no lease, because another instance has done
// the work.
//
// If another instance sent a refresh token and did not note the outcome, the token is not
// sent again at once: if that instance lives, it stores its new tokens, or takes the lease
// again, within signOfLife after the store answers. The wait for the lease counts, because
// the store answers meanwhile; so after a death nobody waits longer.
func (p *Engine) lead(flight context.Context, key store.Key, want Errand,
	enough func(*record.Data) bool) (_ *State, release func(), _ error) {
	ctx, cancel := context.WithTimeout(flight, 2*p.cfg.RequestTimeout+2*leaseTTL)
	defer cancel()
	t := p.hub.subscribe(key)
	defer t.Release()
	began := time.Now()
	for wait := 10 * time.Millisecond; ; wait = min(2*wait, 250*time.Millisecond) {
		changed := t.Change()
		lease, err := p.cfg.Store.Acquire(ctx, names.LeaseID("ask", key), leaseTTL)
		if err != nil && !errors.Is(err, store.ErrConflict) {
			return nil, nil, p.StoreFailed(err)
		}
		if release = nil; err == nil {
			release = p.keep(flight, lease)
		}
		st, err := p.Load(ctx, key) // under the lease it is the one that counts (C4)
		done := err != nil || enough(st.Data)
		left := signOfLife - time.Since(began)
		if !done && release != nil && (left <= 0 || !mayBeHeld(st.Data) || !p.refreshes(st.Data, want)) {
			return st, release, nil
		}
		if release != nil {
			release()
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

// keep renews a lease until the returned function gives it back.
func (p *Engine) keep(ctx context.Context, lease store.Lease) (release func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(leaseRenew)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				err := p.cfg.Store.Renew(ctx, lease, leaseTTL)
				if errors.Is(err, store.ErrConflict) {
					// The lease ran out while the store was away. If nobody has taken it, this
					// instance takes it again. Otherwise it gives the lease up: the version
					// check at the commit protects the session.
					if again, took := p.cfg.Store.Acquire(ctx, lease.ID, leaseTTL); took == nil {
						lease, err = again, nil
					}
				}
				if err != nil && ctx.Err() == nil {
					p.log.Warn("the lease on a session could not be renewed", "error", err)
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	return func() {
		cancel()
		<-done
		wait := leaseTTL
		if p.ctx.Err() != nil { // Close does not wait for a store that hangs
			wait = time.Second
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), wait)
		defer cancel()
		if err := p.cfg.Store.Release(ctx, lease); err != nil && !errors.Is(err, store.ErrConflict) {
			p.log.Warn("the lease on a session could not be given back; it runs out by itself", "error", err)
		}
	}
}
