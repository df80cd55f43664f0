package simulation

import (
	"context"
	"encoding/hex"
	"slices"
	"sync"
	"time"

	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/memstore"
)

// A store that fails over to a replica which is behind: ends that it had acknowledged are lost.
// Sessions that had ended live again, and the tombstones are gone. Everything else has reached
// the replica; leases too, because two holders of one are not what is to be shown here.

// behind is how far the replica is.
const behind = 2 * time.Second

// endsAgainWithin is how long after a failover a session may live that had ended: an instance
// listens again after a second or two, and repeats its ends one after the other.
const endsAgainWithin = 10 * time.Second

// replicated is a store with a replica.
type replicated struct {
	store.Store // where leases and once-ids are, always
	mu          sync.Mutex
	now         store.Store
	replica     store.Store // nil: it is the store now
	late        []lateWrite // that have not reached it
}

type lateWrite struct {
	at   time.Time
	keys []store.Key // that have ended
	ref  store.Key   // of all of whom
	do   func(store.Store)
}

func newReplicated() *replicated {
	first := memstore.New(memstore.Options{})
	return &replicated{Store: first, now: first, replica: memstore.New(memstore.Options{})}
}

// write makes a change, here and there. keys are those that have ended by it, ref is of all of whom.
func (s *replicated) write(
	ref store.Key, here func(store.Store) (keys []store.Key, late bool, err error), there func(store.Store),
) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.catchUp(behind)
	keys, late, err := here(s.now)
	switch {
	case s.replica == nil:
	case late:
		s.late = append(s.late, lateWrite{time.Now(), keys, ref, there})
	case err == nil:
		there(s.replica)
	}
	return err
}

func (s *replicated) catchUp(by time.Duration) {
	for s.replica != nil && len(s.late) > 0 && time.Since(s.late[0].at) >= by {
		s.late[0].do(s.replica)
		s.late = s.late[1:]
	}
}

// inOrder lets the end of all under these references reach the replica before what comes now: a
// session that began after a log-out is not ended by it there.
func (s *replicated) inOrder(refs []store.Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.ContainsFunc(s.late, func(w lateWrite) bool { return slices.Contains(refs, w.ref) }) {
		s.catchUp(0)
	}
}

// primary is the store that counts.
func (s *replicated) primary() store.Store {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

// failOver makes the replica the store, if it is behind and if that has not happened before. It
// returns the sessions whose end is lost.
func (s *replicated) failOver() (lost []store.Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.replica == nil {
		return nil
	}
	s.catchUp(behind)
	for _, w := range s.late {
		lost = append(lost, w.keys...)
	}
	if len(lost) > 0 {
		s.now, s.replica, s.late = s.replica, nil, nil
	}
	return lost
}

func (s *replicated) Load(ctx context.Context, key store.Key) (store.Record, error) {
	return s.primary().Load(ctx, key)
}

func (s *replicated) List(ctx context.Context, ref store.Key) ([]store.Record, error) {
	return s.primary().List(ctx, ref)
}

func (s *replicated) Watch(ctx context.Context, fn func(store.Change)) error {
	return s.primary().Watch(ctx, fn)
}

func (s *replicated) Create(ctx context.Context, rec store.Record) error {
	s.inOrder(rec.Refs)
	do := func(to store.Store) error { return to.Create(ctx, rec) }
	return s.write(store.Key{}, func(to store.Store) ([]store.Key, bool, error) { return nil, false, do(to) },
		func(to store.Store) { _ = do(to) })
}

func (s *replicated) Replace(ctx context.Context, rec store.Record) error {
	s.inOrder(rec.Refs)
	do := func(to store.Store) error { return to.Replace(ctx, rec) }
	return s.write(store.Key{}, func(to store.Store) ([]store.Key, bool, error) { return nil, false, do(to) },
		func(to store.Store) { _ = do(to) })
}

func (s *replicated) Touch(ctx context.Context, key store.Key, active, due time.Time) error {
	do := func(to store.Store) error { return to.Touch(ctx, key, active, due) }
	return s.write(store.Key{}, func(to store.Store) ([]store.Key, bool, error) { return nil, false, do(to) },
		func(to store.Store) { _ = do(to) })
}

func (s *replicated) End(ctx context.Context, sel store.Selector, end store.End) (ended []store.Record, err error) {
	err = s.write(sel.Ref, func(to store.Store) (keys []store.Key, late bool, err error) {
		ended, err = to.End(ctx, sel, end)
		for i := range ended {
			keys = append(keys, ended[i].Key)
		}
		return keys, err == nil, err
	}, func(to store.Store) { _, _ = to.End(context.Background(), sel, end) })
	return ended, err
}

// Settle is late too: its record has ended a moment ago.
func (s *replicated) Settle(ctx context.Context, key store.Key, sealed []byte, due time.Time) error {
	return s.write(store.Key{}, func(to store.Store) ([]store.Key, bool, error) {
		err := to.Settle(ctx, key, sealed, due)
		return nil, err == nil, err
	}, func(to store.Store) { _ = to.Settle(context.Background(), key, sealed, due) })
}

// Claim is not replicated: what is due is due again.
func (s *replicated) Claim(
	ctx context.Context, owner store.Key, now time.Time, hold time.Duration, limit int,
) ([]store.Record, error) {
	return s.primary().Claim(ctx, owner, now, hold, limit)
}

// failsOver says whether a history has a failover in it, which costs time.
func (h *history) failsOver() bool {
	return slices.ContainsFunc(h.Acts, func(a act) bool { return a.Kind == failover })
}

// failOver lets the store fail over, where that loses something. All instances are cut off.
func (w *world) failOver() {
	s, ok := w.store.(*replicated)
	if !ok {
		return
	}
	lost := s.failOver()
	if len(lost) == 0 {
		return
	}
	t := &trouble{path: pathWatch, of: everybody, tail: feltAfter, what: "the store fails over to a replica"}
	w.oracle.trouble(t)
	for _, a := range w.apps {
		for _, key := range lost {
			for _, in := range a.inst {
				in.late.written(key)
			}
		}
		a.gate.note(w.begin) // all that was claimed is due again
		for _, in := range a.inst {
			w.spoils.cut(in)
		}
	}
	w.oracle.endsLost(lost)
	w.oracle.over(t)
}

// endsLost: these sessions live again. Who has ended them does so once more, without a second
// event (C5, C8).
func (o *oracle) endsLost(keys []store.Key) {
	now := o.lock()
	defer o.unlock()
	for _, key := range keys {
		s := o.sessions[hex.EncodeToString(key[:6])]
		if s == nil || s.endAt == never {
			continue
		}
		s.backAt, s.back = now, true
		o.counts["ends that a store has lost"]++
		o.note("store", "has lost the end of %s", s.label)
		o.later(now+endsAgainWithin, func(time.Duration) {
			if s.back {
				o.breach("C5", "the store lost the end of %s at %s, and nobody has ended it again",
					s.label, stamp(s.backAt))
			}
		})
	}
}

// livesAgain: nobody can know yet that the end of s was lost, or somebody has ended it again in
// this second.
func (s *session) livesAgain(at time.Duration) bool {
	return s.backAt > 0 && at >= s.backAt && at <= s.backAt+endsAgainWithin
}
