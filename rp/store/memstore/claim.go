package memstore

import (
	"context"
	"errors"
	"time"

	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/internal/storekit"
)

// sweepStep bounds what is done under one hold of a shard's lock.
const sweepStep = 64

// Claim implements store.Store. It looks at the shards one by one and then takes
// from the one with the most overdue entry, so that no lock is held for long.
func (s *Store) Claim(ctx context.Context, owner store.Key, now time.Time, hold time.Duration, limit int) (
	[]store.Record, error) {
	if hold < time.Millisecond {
		return nil, errors.New("memstore: Claim: hold is below 1 ms")
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c := claim{owner: s.owned(owner), now: storekit.Millis(now), clock: s.clock()}
	c.until = c.now + hold.Milliseconds()
	for i := range shardCount {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		s.refs[i].sweep(c.clock)
		s.ids[i].sweep(c.clock)
		if !s.sessions[i].busy.Load() {
			continue
		}
		s.forgetAbandoned(&s.sessions[i], c.clock)
		if at := s.sessions[i].sweep(&c); at != 0 {
			c.tops.push(at, i)
		}
	}
	var out []store.Record
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

// Count implements store.CountingStore.
func (s *Store) Count(ctx context.Context, owner store.Key) (n int, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	o := s.owned(owner)
	if o == nil {
		return 0, nil
	}
	for i := range s.sessions {
		n += s.sessions[i].count(o)
	}
	return n, nil
}

func (sh *sessionShard) count(o *owner) int {
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	if o.n >= len(sh.due) {
		return 0
	}
	return len(sh.due[o.n].live)
}

type claim struct {
	owner      *owner // nil: it has nothing here
	now, until int64
	clock      int64         // what End.Until is compared with
	tops       expiries[int] // shards by their most overdue entry
}

// Each of the following steps is one hold of a lock, bounded by sweepStep
// whatever the number of sessions.

// sweep forgets what is over and returns the Due of the most overdue entry, zero
// if none is.
func (sh *sessionShard) sweep(c *claim) (at int64) {
	for more := true; more; {
		more = sh.forgetStep(c.clock)
	}
	for more := true; more; {
		at, more = sh.firstStep(c)
	}
	return at
}

func (sh *sessionShard) forgetStep(now int64) (more bool) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	more = sh.forgetSome(now, sweepStep)
	sh.busy.Store(len(sh.byKey) > 0)
	return more
}

func (sh *sessionShard) firstStep(c *claim) (at int64, more bool) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	e, more := sh.first(c)
	if e != nil {
		at = e.due
	}
	return at, more
}

// first returns the owner's most overdue entry. The caller holds mu.
func (sh *sessionShard) first(c *claim) (e *entry, more bool) {
	if c.owner == nil || c.owner.n >= len(sh.due) {
		return nil, false
	}
	n := sweepStep
	return sh.due[c.owner.n].first(c.now, &n)
}

// take claims the most overdue entry and returns the Due of the next.
func (sh *sessionShard) take(c *claim) (rec store.Record, ok bool, next int64) {
	rec, ok = sh.takeStep(c)
	for more := true; more; {
		next, more = sh.firstStep(c)
	}
	return rec, ok, next
}

func (sh *sessionShard) takeStep(c *claim) (rec store.Record, ok bool) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	e, _ := sh.first(c)
	if e == nil {
		return rec, false
	}
	if !e.forgotten(c.clock) {
		rec, ok = e.record(), true
	}
	e.due = c.until
	return rec, ok
}

// forgetAbandoned forgets the live sessions that nobody has claimed for so long.
func (s *Store) forgetAbandoned(sh *sessionShard, now int64) {
	for more := true; more; {
		var gone []*entry
		gone, more = sh.abandonStep(now - store.Abandoned.Milliseconds())
		for _, e := range gone {
			s.unlink(e.refs, e)
		}
	}
}

func (sh *sessionShard) abandonStep(before int64) (gone []*entry, more bool) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	n := sweepStep
	for i := range sh.due {
		for {
			e, more := sh.due[i].live.first(before, &n)
			if more || n == 0 {
				return gone, true
			}
			if e == nil {
				break
			}
			n--
			sh.remove(e)
			e.end = &ending{} // whoever still has it finds it over
			gone = append(gone, e)
		}
	}
	return gone, false
}

func (r *refShard) sweep(now int64) {
	for more := r.busy.Load(); more; {
		more = r.forgetStep(now)
	}
}

func (r *refShard) forgetStep(now int64) (more bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	more = r.forgetSome(now, sweepStep)
	r.busy.Store(len(r.tombs) > 0)
	return more
}

func (sh *idShard) sweep(now int64) {
	for more := sh.busy.Load(); more; {
		more = sh.forgetStep(now)
	}
}

func (sh *idShard) forgetStep(now int64) (more bool) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	more = sh.forgetSome(now, sweepStep)
	sh.busy.Store(len(sh.once)+len(sh.leases) > 0)
	return more
}
