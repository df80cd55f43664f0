package otelrp

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/tandem-sso/tandem/rp/store"
)

// countEvery is how often an instance asks the store how many sessions there are: as often as
// a Prometheus looks. It is not asked when somebody looks, who might do so too often.
const countEvery = 15 * time.Second

// census says when to count. Claim is where it is asked: that comes each second, for nobody's
// request, and knows the client.
type census struct{ latest atomic.Int64 } // Unix nanoseconds

func (c *census) due(now time.Time) bool {
	latest := c.latest.Load()
	return now.UnixNano()-latest >= int64(countEvery) && c.latest.CompareAndSwap(latest, now.UnixNano())
}

// count measures how many sessions live, where the store can tell. A failure is counted as
// one of the store's.
func (s measuredStore) count(ctx context.Context, owner store.Key) {
	inner, ok := s.Store.(store.CountingStore)
	if !ok {
		return
	}
	began := time.Now()
	n, err := inner.Count(ctx, owner)
	s.record(ctx, began, "count", outcome(err))
	if err == nil {
		s.m.sessions.Record(context.WithoutCancel(ctx), int64(n), s.m.with())
	}
}
