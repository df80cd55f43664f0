package engine

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/tandem-sso/tandem/rp/store"
)

// A store that fails over may lose writes that it has just acknowledged (asynchronous
// replication in Redis and PostgreSQL): sessions that ended live again, and tombstones are
// gone. Nothing else would end them while they are trusted, which for NoToken is
// Config.Absolute. So each instance remembers the ends that it made in the last minutes, and
// repeats them when its Watch was cut off and listens again. If the store lost nothing, this
// changes nothing.
//
// A repeated end causes no second event: an instance reports the end of a session once, and
// not at all if Watch reported that another instance ended it. One case is left: the store has
// lost an end, and before it is repeated, another end of that session reaches an instance that
// had only heard of the first. Then there are two events. An instance that died
// remembers nothing: the ends that it made shortly before its death stay lost, and so do
// older ends that the store lost.
const (
	pastFor  = 5 * time.Minute
	pastMost = 10_000 // ends; then the oldest are forgotten
	pastTry  = 60     // times, a second apart, if the store fails once more
)

// pastEnd is an end that this instance has made.
type pastEnd struct {
	sel    store.Selector
	end    store.End
	detail string
}

type pastEnds struct {
	mu    sync.Mutex
	list  []pastEnd // the oldest first
	cut   bool      // Watch has been cut off since
	busy  bool      // endAgain is at work
	more  bool      // and is to start over
	mine  keySet    // sessions that this instance has ended
	told  keySet    // those whose end it has reported, or need not
	heard keySet    // those that Watch has reported to have ended
	known keySet    // those that it had when it was cut off
}

// made notes what a call of Store.End has done. What it has returned it has ended for
// good, whatever may become of the record's version, references and activity.
func (l *pastEnds) made(e pastEnd, ended []store.Record, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil && e.sel.Ref != (store.Key{}) { // for its tombstone
		l.list = append(l.list, e)
	}
	for i := range ended {
		l.list = append(l.list, pastEnd{store.Selector{Key: ended[i].Key}, e.end, e.detail})
		l.mine.add(ended[i].Key, e.end.At)
	}
	l.forget(e.end.At)
}

// forget drops what is too old or too much.
func (l *pastEnds) forget(now time.Time) {
	n := max(0, len(l.list)-pastMost)
	for n < len(l.list) && now.Sub(l.list[n].end.At) > pastFor {
		n++
	}
	l.list = l.list[n:]
}

// recent returns what is to be repeated: first the sessions of which this instance knows
// why they ended, then the tombstones, which may end what another instance has ended.
func (l *pastEnds) recent(now time.Time) []pastEnd {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.forget(now)
	list := slices.Clone(l.list)
	slices.SortStableFunc(list, func(a, b pastEnd) int { return bytes.Compare(a.sel.Ref[:], b.sel.Ref[:]) })
	return list
}

// tell reports whether this instance is the first to speak of the end of a session,
// and that it does so now.
func (l *pastEnds) tell(key store.Key, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.told.has(key) {
		return false
	}
	l.told.add(key, now)
	return true
}

func (l *pastEnds) hear(key store.Key, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.heard.add(key, now)
}

// repeated notes that a session has been ended again. If another instance has ended it
// before, that one speaks of it.
func (l *pastEnds) repeated(key store.Key, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.known.has(key) && !l.mine.has(key) {
		l.told.add(key, now)
	}
}

// cutOff notes that Watch has returned. listens reports whether that has happened since the
// last call of listens: only then are ends repeated, so that nobody can provoke that by false
// reports.
func (l *pastEnds) cutOff() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut, l.known = true, l.heard.clone()
}

func (l *pastEnds) listens() (again bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	again, l.cut = l.cut, false
	return again
}

// begin reports whether the caller may start. If a goroutine is at work already, that one
// starts over.
func (l *pastEnds) begin() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.more = l.busy
	l.busy = true
	return !l.more
}

func (l *pastEnds) over() (again bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.busy, l.more = l.more, false
	return l.busy
}

// keySet keeps keys for pastFor at least, unless there are too many.
type keySet struct {
	young, old map[store.Key]struct{}
	since      time.Time // of young
}

func (s *keySet) add(key store.Key, now time.Time) {
	if s.young == nil || now.Sub(s.since) > pastFor || len(s.young) >= pastMost {
		s.young, s.old, s.since = map[store.Key]struct{}{}, s.young, now
	}
	s.young[key] = struct{}{}
}

func (s *keySet) has(key store.Key) bool {
	_, young := s.young[key]
	_, old := s.old[key]
	return young || old
}

func (s *keySet) clone() keySet {
	return keySet{maps.Clone(s.young), maps.Clone(s.old), s.since}
}

// endAgain ends once more what this instance has ended in the last minutes. However often
// a slow store is cut off meanwhile, one goroutine does it.
func (p *Engine) endAgain() {
	if !p.past.begin() {
		return
	}
	for again := true; again; again = p.past.over() {
		p.repeatEnds()
	}
}

func (p *Engine) repeatEnds() {
	lost := 0
	for _, e := range p.past.recent(p.Now()) {
		for n := 1; p.ctx.Err() == nil; n++ {
			ended, err := p.endOnceMore(e)
			lost += len(ended)
			if err == nil {
				break
			}
			if n == pastTry {
				p.log.Warn("after an outage of the store, the session ends of the last minutes could not be repeated",
					"error", err)
				return
			}
			sleep(p.ctx, time.Second)
		}
	}
	if lost > 0 {
		p.log.Warn("the store had lost session ends that it had acknowledged; they were repeated", "sessions", lost)
	}
}

func (p *Engine) endOnceMore(e pastEnd) ([]store.Record, error) {
	ctx, cancel := p.Detached(context.Background())
	defer cancel()
	ended, err := p.endUntied(ctx, e)
	for i := range ended {
		p.past.repeated(ended[i].Key, p.Now())
	}
	p.ended(ended, e)
	return ended, err
}

// endUntied makes an end once more. A logout token also ends sessions whose ID token the IdP
// issued in the same second. But by now that may be a log-in that began after the log-out,
// which its tombstone would have let in. So for ID tokens of that second the start of the
// log-in decides.
func (p *Engine) endUntied(ctx context.Context, e pastEnd) ([]store.Record, error) {
	sel := e.sel
	if sel.IssuedBy.IsZero() {
		return p.cfg.Store.End(ctx, sel, e.end)
	}
	sel.IssuedBy = sel.IssuedBy.Add(-time.Millisecond)
	ended, err := p.cfg.Store.End(ctx, sel, e.end)
	if err != nil {
		return ended, err
	}
	left, err := p.cfg.Store.List(ctx, sel.Ref)
	for i := range left {
		if rec := &left[i]; rec.Issued.Equal(e.sel.IssuedBy) && !rec.Begun.After(sel.BegunBy) && err == nil {
			var more []store.Record
			more, err = p.cfg.Store.End(ctx, store.Selector{Key: rec.Key}, e.end)
			ended = append(ended, more...)
		}
	}
	return ended, err
}
