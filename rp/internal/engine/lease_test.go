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
