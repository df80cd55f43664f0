package engine

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/lifetime"
	"github.com/tandem-sso/tandem/rp/reason"
	"github.com/tandem-sso/tandem/rp/store"
)

// agenda is what this process has still to do for sessions that were active
// here: store the last activity, and report it to the IdP (trailing signal).
//
// Activity reaches the store at most once per session and granule. The first
// activity after a quiet granule is stored at once, later ones when the granule
// is over, so the store is never further behind than one granule, which is at most a tenth of
// an idle limit.
type agenda struct{ shards [64]agendaShard }

type agendaShard struct {
	mu     sync.Mutex
	items  map[store.Key]*Item
	closed bool
	_      [40]byte // keeps the locks of neighbours off one cache line
}

type Item struct {
	active   time.Time // latest activity here
	stored   time.Time // activity that is in the store or on its way
	flush    *time.Timer
	trailing *time.Timer
	gone     bool // no longer on the agenda
}

func newAgenda() *agenda {
	a := &agenda{}
	for i := range a.shards {
		a.shards[i].items = map[store.Key]*Item{}
	}
	return a
}

func (a *agenda) of(key *store.Key) *agendaShard { return &a.shards[int(key[0])%len(a.shards)] }

// latest returns the later of the stored activity and what is known here.
func (a *agenda) latest(key store.Key, stored time.Time) time.Time {
	s := a.of(&key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := s.items[key]; i != nil && i.active.After(stored) {
		return i.active
	}
	return stored
}

// Touch notes activity. stored is the activity that the store had; st.Rec.Active is not used,
// because st may be shared. known is the session's item of the last call, which saves the
// search; the shard's lock guards it.
func (p *Engine) Touch(st *State, known **Item, active, stored time.Time) {
	key := &st.Rec.Key
	every := lifetime.Granule(p.cfg.Idle)
	now := false
	a := p.agenda.of(key)
	a.mu.Lock()
	i := *known
	if i == nil || i.gone {
		if i = a.items[*key]; i == nil {
			i = &Item{stored: stored}
			a.items[*key] = i
		}
		*known = i
	}
	if i.stored.Before(stored) {
		i.stored = stored
	}
	if i.active.Before(active) {
		i.active = active
	}
	if a.closed || active.Sub(i.stored) >= every {
		now, i.stored = true, active
	}
	if i.flush == nil && !a.closed { // it also clears the item away
		key := *key
		i.flush = time.AfterFunc(max(i.stored.Add(every).Sub(active), 0), func() { p.flushBeside(key) })
	}
	if p.cfg.TrailingSignal && i.trailing == nil && !a.closed {
		if m := p.Means(st.Data); m == byRefresh || m == byUserinfo {
			key, at := *key, lifetime.NextSignal(st.at(active), p.Policy(st))
			i.trailing = time.AfterFunc(max(at.Sub(active), time.Second), func() { p.trail(key) })
		}
	}
	a.mu.Unlock()
	if now {
		key, due := *key, p.due(st, active)
		p.Go(func(ctx context.Context) { p.touched(key, active, p.store(ctx, key, active, due)) })
	}
}

// flushBeside is flush on a goroutine that Close waits for. Once closed, Close does it.
func (p *Engine) flushBeside(key store.Key) {
	p.Go(func(ctx context.Context) { _ = p.flush(ctx, key) })
}

// flush stores the latest activity of a session. Until that has worked it stays
// on the agenda, so that this instance does not take the person for idle.
func (p *Engine) flush(ctx context.Context, key store.Key) error {
	a := p.agenda.of(&key)
	a.mu.Lock()
	i := a.items[key]
	if i == nil {
		a.mu.Unlock()
		return nil
	}
	active := i.active
	pending := active.After(i.stored)
	i.flush = nil
	if !pending {
		a.tidy(key, i)
	}
	a.mu.Unlock()
	if !pending {
		return nil
	}
	var trouble *reason.UnavailableError
	st, err := p.Load(ctx, key)
	switch {
	case err == nil:
		err = p.store(ctx, key, active, p.due(st, active))
	case !errors.As(err, &trouble):
		err = nil // ended or unreadable: there is nothing to keep
	}
	p.touched(key, active, err)
	return err
}

// storeAgain is when an activity that could not be stored is tried again.
const storeAgain = 15 * time.Second

// touched notes that activity has been stored. If that failed, it plans the next try.
func (p *Engine) touched(key store.Key, active time.Time, err error) {
	a := p.agenda.of(&key)
	a.mu.Lock()
	defer a.mu.Unlock()
	i := a.items[key]
	if err == nil {
		if i != nil {
			if i.stored.Before(active) {
				i.stored = active
			}
			a.tidy(key, i)
		}
		return
	}
	if i == nil {
		i = &Item{active: active}
		a.items[key] = i
	}
	i.stored = time.Time{}
	if i.flush != nil {
		i.flush.Stop()
	}
	i.flush = nil
	if !a.closed {
		i.flush = time.AfterFunc(storeAgain, func() { p.flushBeside(key) })
	}
}

// tidy forgets an item of which nothing is left to do. The caller holds mu.
func (a *agendaShard) tidy(key store.Key, i *Item) {
	if i.flush == nil && i.trailing == nil && !i.active.After(i.stored) {
		delete(a.items, key)
		i.gone = true
	}
}

func (p *Engine) store(ctx context.Context, key store.Key, active, due time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, p.cfg.RequestTimeout)
	defer cancel()
	err := p.cfg.Store.Touch(ctx, key, active, due)
	if err != nil && !errors.Is(err, store.ErrEnded) && !errors.Is(err, store.ErrNotFound) {
		p.log.Warn("activity could not be stored", "session", key.Short(), "error", err)
		return err
	}
	return nil
}

// trail sends a signal that no request waits for, unless another one was sent meanwhile. It is
// the trailing signal, or a signal that was put off because a call of an API might have been
// one.
func (p *Engine) trail(key store.Key) {
	a := p.agenda.of(&key)
	a.mu.Lock()
	var active time.Time
	if i := a.items[key]; i != nil {
		active, i.trailing = i.active, nil
		a.tidy(key, i)
	}
	closed := a.closed
	a.mu.Unlock()
	if closed {
		return
	}
	p.Go(func(ctx context.Context) {
		var trouble *reason.UnavailableError
		st, err := p.Load(ctx, key)
		if err != nil {
			if errors.As(err, &trouble) {
				// Only the record says what δ is. When it can be read, a report that is too late is dropped.
				p.trailAgain(key, active, trouble.RetryAfter, cmp.Or(p.cfg.SignalEvery, lifetime.MaxSignalEvery))
			}
			return
		}
		if st.Rec.Active.Before(active) {
			st.Rec.Active = active
		}
		policy := p.Policy(st)
		at := lifetime.NextSignal(st.Clocks(), policy)
		if at.IsZero() {
			return
		}
		// Another signal was sent meanwhile, and the activity came after it; or
		// this timer was faster than a clock of whole milliseconds.
		if wait := at.Sub(p.Now()); wait > 0 {
			if p.cfg.TrailingSignal {
				p.trailAgain(key, st.Rec.Active, wait, policy.SignalEvery)
			}
			return
		}
		if _, err := p.tellBy(ctx, st, lifetime.TooLate(st.Rec.Active, policy.SignalEvery)); errors.As(err, &trouble) {
			p.trailAgain(key, st.Rec.Active, trouble.RetryAfter, policy.SignalEvery)
		}
	})
}

// trailAgain plans the next try for a signal that cannot be sent yet.
func (p *Engine) trailAgain(key store.Key, active time.Time, after, every time.Duration) {
	if p.Now().Add(after).After(lifetime.TooLate(active, every)) {
		return
	}
	a := p.agenda.of(&key)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return
	}
	i := a.items[key]
	if i == nil {
		i = &Item{active: active, stored: active}
		a.items[key] = i
	}
	if i.trailing == nil {
		i.trailing = time.AfterFunc(max(after, time.Second), func() { p.trail(key) })
	}
}

// due returns when the sweeper has to look at a session with that latest activity.
func (p *Engine) due(st *State, active time.Time) time.Time {
	return lifetime.Forget(st.at(active), p.Policy(st), store.Abandoned)
}

// close stops all timers and returns the sessions whose activity is still to be
// stored.
func (a *agenda) close() []store.Key {
	var late []store.Key
	for i := range a.shards {
		late = append(late, a.shards[i].close()...)
	}
	return late
}

func (a *agendaShard) close() []store.Key {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed = true
	var late []store.Key
	for key, i := range a.items {
		if i.flush != nil {
			i.flush.Stop()
		}
		if i.trailing != nil {
			i.trailing.Stop()
		}
		if i.active.After(i.stored) {
			late = append(late, key)
		}
	}
	return late
}

// Latest is the latest activity of a session, the stored one or one that this instance
// knows.
func (p *Engine) Latest(key store.Key, stored time.Time) time.Time {
	return p.agenda.latest(key, stored)
}
