package memstore

import (
	"context"
	"errors"
	"time"

	"github.com/tandem-sso/tandem/rp"
)

// sweepStep bounds what is done under one hold of a shard's lock.
const sweepStep = 64

// Claim implements rp.Store. It looks at the shards one by one and then takes
// from the one with the most overdue entry, so that no lock is held for long.
func (s *Store) Claim(ctx context.Context, now time.Time, hold time.Duration, limit int) ([]rp.Record, error) {
	if hold < time.Millisecond {
		return nil, errors.New("memstore: Claim: hold is below 1 ms")
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c := claim{now: millis(now), clock: s.clock()}
	c.until = c.now + hold.Milliseconds()
	for i := range shardCount {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		s.refs[i].sweep(c.clock)
		s.ids[i].sweep(c.clock)
		if at := s.sessions[i].sweep(&c); at != 0 {
			c.tops.push(at, i)
		}
	}
	var out []rp.Record
	for len(out) < limit {
		i, ok := c.tops.pop(c.now + 1)
		if !ok {
			break
		}
		rec, ok, at := s.sessions[i].take(&c)
		if ok {
			out = append(out, rec)
		}
		if at != 0 {
			c.tops.push(at, i)
		}
	}
	return out, nil
}

type claim struct {
	now, until int64
	clock      int64         // what End.Until is compared with
	tops       expiries[int] // shards by their most overdue entry
}

// sweep forgets what is over and returns the Due of the most overdue entry, zero
// if none is.
func (sh *sessionShard) sweep(c *claim) int64 {
	for more := true; more; {
		sh.mu.Lock()
		more = sh.forgetSome(c.clock, sweepStep)
		sh.mu.Unlock()
	}
	for {
		sh.mu.Lock()
		e, more := sh.top(c)
		var at int64
		if e != nil {
			at = e.due
		}
		sh.mu.Unlock()
		if !more {
			return at
		}
	}
}

func (sh *sessionShard) top(c *claim) (e *entry, more bool) {
	return sh.due.first(c.now, sweepStep)
}

// take claims the most overdue entry and returns the Due of the next.
func (sh *sessionShard) take(c *claim) (rec rp.Record, ok bool, next int64) {
	sh.mu.Lock()
	e, more := sh.top(c)
	if e != nil && !e.forgotten(c.clock) {
		rec, ok = e.record(), true
	}
	if e != nil {
		e.due = c.until
		e, more = sh.top(c)
	}
	if e != nil {
		next = e.due
	}
	sh.mu.Unlock()
	if more {
		next = sh.sweep(c)
	}
	return rec, ok, next
}

func (r *refShard) sweep(now int64) {
	for more := true; more; {
		r.mu.Lock()
		more = r.forgetSome(now, sweepStep)
		r.mu.Unlock()
	}
}

func (sh *idShard) sweep(now int64) {
	for more := true; more; {
		sh.mu.Lock()
		more = sh.forgetSome(now, sweepStep)
		sh.mu.Unlock()
	}
}
