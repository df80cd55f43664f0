package memstore

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/internal/storekit"
)

// refShard finds live sessions by reference, and keeps the tombstones. A sid has
// one session as a rule, a subject a few; so the common case is one pointer.
// References that share the eight bytes share a set: whoever walks it looks at
// the entry's own refs.
type refShard struct {
	mu     sync.RWMutex
	busy   atomic.Bool // false: tombs is empty, so Claim need not take mu
	one    map[uint64]*entry
	many   map[uint64][]*entry // two or more, without order
	tombs  map[store.Key][]storekit.Tombstone
	forget expiries[store.Key] // exactly one item for each key of tombs
	_      [64]byte
}

// link is called for all refs of e in one go.
func (r *refShard) link(ref *store.Key, e *entry) {
	p := prefix(ref)
	if set := r.many[p]; set != nil {
		if set[len(set)-1] != e { // another ref of e with the same eight bytes
			r.many[p] = append(set, e)
		}
		return
	}
	switch other := r.one[p]; other {
	case e:
	case nil:
		r.one[p] = e
	default:
		delete(r.one, p)
		r.many[p] = []*entry{other, e}
	}
}

func (r *refShard) unlink(ref *store.Key, e *entry) {
	p := prefix(ref)
	if r.one[p] == e {
		delete(r.one, p)
		return
	}
	set := r.many[p]
	i, last := slices.Index(set, e), len(set)-1
	if i < 0 {
		return
	}
	set[i], set[last] = set[last], nil
	if last == 1 {
		delete(r.many, p)
		r.one[p] = set[0]
		return
	}
	r.many[p] = set[:last]
}

// under returns the entries that may be under ref.
func (r *refShard) under(ref *store.Key) []*entry {
	p := prefix(ref)
	if e := r.one[p]; e != nil {
		return []*entry{e}
	}
	return slices.Clone(r.many[p])
}

// bury leaves a tombstone. Those that it makes superfluous go.
func (r *refShard) bury(ref store.Key, t storekit.Tombstone) {
	old, known := r.tombs[ref]
	for _, o := range old {
		if o.Covers(t) {
			return
		}
	}
	r.tombs[ref] = append(slices.DeleteFunc(old, t.Covers), t)
	if !known {
		r.forget.push(t.Until, ref)
		r.busy.Store(true)
	}
}

// forbids reports whether a tombstone forbids e to be under ref.
func (r *refShard) forbids(ref store.Key, e *entry, now int64) bool {
	for _, t := range r.tombs[ref] {
		if t.Until >= now && t.Forbids(e.begun, e.issued) {
			return true
		}
	}
	return false
}

func (r *refShard) forgetSome(now int64, n int) (more bool) {
	for ; n > 0; n-- {
		ref, ok := r.forget.pop(now)
		if !ok {
			return false
		}
		left := slices.DeleteFunc(r.tombs[ref], func(t storekit.Tombstone) bool { return t.Until < now })
		if len(left) == 0 {
			delete(r.tombs, ref)
			continue
		}
		r.tombs[ref] = left
		first := left[0].Until
		for _, t := range left {
			first = min(first, t.Until)
		}
		r.forget.push(first, ref)
	}
	return true
}

func (s *Store) ref(ref *store.Key) *refShard { return &s.refs[ref[0]] }

// lockRefs locks the shards of all refs, in rising order, and returns how to
// unlock them.
func (s *Store) lockRefs(refs ...[]store.Key) (unlock func()) {
	var bits [shardCount / 64]uint64
	for _, list := range refs {
		for i := range list {
			bits[list[i][0]/64] |= 1 << (list[i][0] % 64)
		}
	}
	each := func(f func(*sync.RWMutex)) {
		for i := range shardCount {
			if bits[i/64]&(1<<(i%64)) != 0 {
				f(&s.refs[i].mu)
			}
		}
	}
	each((*sync.RWMutex).Lock)
	return func() { each((*sync.RWMutex).Unlock) }
}
