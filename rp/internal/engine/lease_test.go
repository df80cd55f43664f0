package engine

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/names"
	"github.com/tandem-sso/tandem/rp/internal/record"
	"github.com/tandem-sso/tandem/rp/reason"
	"github.com/tandem-sso/tandem/rp/store"
)

// asks takes the lease of session 1, as who wants to ask the IdP about it.
func (p *withStore) asks(ctx context.Context) (*lease, error) {
	_, held, err := p.lead(ctx, numbered(1), Errand{}, func(*record.Data) bool { return false })
	return held, err
}

// hold has another instance hold the lease of session 1 for that long, and die then.
func (p *withStore) hold(t *testing.T, d time.Duration) {
	t.Helper()
	held, err := p.kept.Acquire(t.Context(), names.LeaseID("ask", numbered(1)), leaseTTL)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), d)
	p.keep(ctx, held)
	t.Cleanup(stop)
}

// Who waits for the lease waits as long as another instance may need for two calls of the IdP,
// and until its lease has run out if it dies after them. Nobody waits for ever.
func TestTheWaitForTheLease(t *testing.T) {
	for name, row := range map[string]struct {
		held time.Duration
		gets bool
	}{
		"two calls that time out, and a death": {20 * time.Second, true},
		"for ever":                             {time.Hour, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newWithStore(t, Config{})
				p.live(t, 1, record.Data{Subject: "ada"})
				p.hold(t, row.held)
				began := time.Now()
				held, err := p.asks(t.Context())
				took := time.Since(began)
				if busy := (*reason.UnavailableError)(nil); row.gets != (held != nil) || row.gets != (err == nil) ||
					!row.gets && (!errors.As(err, &busy) || busy.Cause != reason.Busy) {
					t.Errorf("after %v: %v, %v", took, held, err)
				}
				if held != nil {
					held.release()
				}
				// RequestTimeout is 10 s here, a lease lasts for 10 s.
				if took < row.held && row.gets || took > 40*time.Second {
					t.Errorf("it took %v", took)
				}
				p.stop()
			})
		})
	}
}

// An instance that dies leaves its lease for 10 s (docs/timeouts.md), and no longer.
func TestTheLeaseOfTheDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newWithStore(t, Config{})
		p.live(t, 1, record.Data{Subject: "ada"})
		ctx, dies := context.WithCancel(t.Context())
		if held, err := p.asks(ctx); held == nil || err != nil {
			t.Fatal(held, err)
		}
		dies()
		other := func() error {
			_, err := p.kept.Acquire(t.Context(), names.LeaseID("ask", numbered(1)), time.Second)
			return err
		}
		time.Sleep(10*time.Second - time.Millisecond)
		if err := other(); !errors.Is(err, store.ErrConflict) {
			t.Errorf("before its end: %v", err)
		}
		time.Sleep(2 * time.Millisecond)
		if err := other(); err != nil {
			t.Errorf("after its end: %v", err)
		}
		p.stop()
	})
}

// A lease that ran out, and that nobody else has taken, is taken again; its release gives that one
// back.
func TestTheReleaseOfALeaseThatWasTakenAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newWithStore(t, Config{})
		p.live(t, 1, record.Data{Subject: "ada"})
		held, err := p.asks(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		granted, _ := held.now()
		if err := p.kept.Release(t.Context(), granted); err != nil {
			t.Fatal(err)
		}
		time.Sleep(leaseRenew + time.Millisecond)
		if again, lost := held.now(); !lost || again == granted {
			t.Error("it was not taken again")
		}
		held.release()
		if _, err := p.kept.Acquire(t.Context(), granted.ID, time.Minute); err != nil {
			t.Errorf("after its release: %v", err)
		}
		if held.release(); p.said(notGivenBack) { // it is another one's now
			t.Errorf("the log: %s", p.lines)
		}
		p.stop()
	})
}

// A renewal that fails is told, and one that works is not, nor one that its release breaks off.
// The release waits for a renewal under way: it would take the lease again.
func TestRenewalsOfALease(t *testing.T) {
	const told = "could not be renewed"
	synctest.Test(t, func(t *testing.T) {
		p := newWithStore(t, Config{})
		p.live(t, 1, record.Data{Subject: "ada"})
		held, err := p.asks(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if time.Sleep(leaseRenew + time.Millisecond); p.said(told) {
			t.Error("one that works is told")
		}
		p.kept.fails(store.ErrNotFound) // any error
		if time.Sleep(leaseRenew); !p.said(told) {
			t.Error("one that fails is not told")
		}
		p.lines.Reset()
		p.kept.slow.Store(int64(time.Second))
		time.Sleep(leaseRenew) // another one is under way
		began := time.Now()
		held.release()
		if took := time.Since(began); took < time.Second-2*time.Millisecond {
			t.Errorf("the release has waited for %v", took)
		}
		if p.said(told) {
			t.Error("one that was broken off is told")
		}
		p.stop()
	})
}

const notGivenBack = "could not be given back"

// A store that hangs keeps the release waiting as long as the lease lasts, and Close for a second.
func TestTheReleaseWhileTheStoreHangs(t *testing.T) {
	for closing, want := range map[bool]time.Duration{false: leaseTTL, true: time.Second} {
		synctest.Test(t, func(t *testing.T) {
			p := newWithStore(t, Config{})
			p.live(t, 1, record.Data{Subject: "ada"})
			held, err := p.asks(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if p.kept.hangs = true; closing {
				p.stop()
			}
			began := time.Now()
			if held.release(); time.Since(began) != want {
				t.Errorf("closing %v: %v, want %v", closing, time.Since(began), want)
			}
			if !p.said(notGivenBack) {
				t.Error("that it was not given back is not told")
			}
			p.stop()
		})
	}
}
