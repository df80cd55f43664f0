package otelrp

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/tandem-sso/tandem/rp/store"
)

// countEvery is how often an instance asks the store how many sessions there are: as often as
// a Prometheus looks. It is not asked when somebody looks, who might do so too often. Where
// counting takes long, as in PostgreSQL with millions, it takes a hundredth of the time.
const (
	countEvery = 15 * time.Second
	countShare = 100
)

// census says when to count. Claim is where it is asked: that comes each second, for nobody's
// request, and knows the client.
type census struct{ next atomic.Int64 } // Unix nanoseconds

func (c *census) due(now time.Time) bool {
	next := c.next.Load()
	return now.UnixNano() >= next && c.next.CompareAndSwap(next, now.Add(countEvery).UnixNano())
}

func (c *census) took(began, now time.Time) {
	c.next.Store(began.Add(max(countEvery, countShare*now.Sub(began))).UnixNano())
}

// count measures how many sessions live, where the store can tell. One that cannot count within
// its time-out serves sessions all the same, so the alert on failures leaves "count" out.
func (s measuredStore) count(ctx context.Context, owner store.Key) {
	inner, ok := s.Store.(store.CountingStore)
	if !ok {
		return
	}
	began := time.Now()
	n, err := inner.Count(ctx, owner)
	s.census.took(began, time.Now())
	s.record(ctx, began, "count", outcome(err))
	if err == nil {
		s.m.sessions.Record(context.WithoutCancel(ctx), int64(n), s.m.with())
	}
}
