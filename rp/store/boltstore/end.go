package boltstore

import (
	"bytes"
	"context"
	"iter"

	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/internal/storekit"
)

// End implements store.Store.
func (s *Store) End(ctx context.Context, sel store.Selector, end store.End) ([]store.Record, error) {
	if err := sel.Check(); err != nil {
		return nil, err
	}
	if err := end.Check(); err != nil {
		return nil, err
	}
	end.At, end.Until = whole(end.At), whole(end.Until)
	sel.BegunBy, sel.IssuedBy = whole(sel.BegunBy), whole(sel.IssuedBy)
	match := func(r *store.Record) bool {
		return (sel.Version == 0 || r.Version == sel.Version) &&
			(sel.IdleSince.IsZero() || storekit.Millis(r.Active) <= storekit.Millis(sel.IdleSince)) &&
			sel.Covers(r)
	}
	var ended []store.Record
	var damaged error
	err := s.write(ctx, func(t *txn) error {
		keys := []store.Key{sel.Key}
		if sel.Ref != (store.Key{}) {
			keys = under(t.refs, sel.Ref)
			t.bury(&sel.Ref, storekit.NewTombstone(&sel, &end))
		}
		for _, key := range keys {
			st, err := t.load(key)
			if err != nil {
				damaged = err
			}
			if st.rec == nil || st.rec.Ended() || !match(st.rec) {
				continue
			}
			r := *st.rec
			r.End = end
			ended = append(ended, r)
			r.Due = end.At
			st.rec = &r
			t.save(st)
			t.mark(storekit.Millis(end.Until), markSession, key[:])
			t.changes = append(t.changes, store.Change{Key: key, Version: r.Version, Reason: end.Reason})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return ended, damaged
}

// bury leaves a tombstone, unless one of the ref covers it; those that it covers go.
func (t *txn) bury(ref *store.Key, tomb storekit.Tombstone) {
	if tomb.Until < t.now {
		return
	}
	var covered [][]byte
	for k, old := range t.tombsOf(ref) {
		switch {
		case old.Covers(tomb):
			return
		case tomb.Covers(old):
			covered = append(covered, bytes.Clone(k))
		}
	}
	for _, k := range covered {
		t.del(t.tombs, k)
	}
	key := tombKey(ref, tomb)
	t.put(t.tombs, key, bytesOf(tomb.Until))
	t.mark(tomb.Until, markTomb, key)
}

// forbids reports whether a tombstone forbids r to be under ref.
func (t *txn) forbids(ref *store.Key, r *store.Record) bool {
	begun, issued := storekit.Millis(r.Begun), storekit.Millis(r.Issued)
	for _, tomb := range t.tombsOf(ref) {
		if tomb.Until >= t.now && tomb.Forbids(begun, issued) {
			return true
		}
	}
	return false
}

// tombsOf yields the tombstones of a ref, each with its key. The bucket must not
// change meanwhile.
func (t *txn) tombsOf(ref *store.Key) iter.Seq2[[]byte, storekit.Tombstone] {
	return func(yield func([]byte, storekit.Tombstone) bool) {
		c := t.tombs.Cursor()
		for k, v := c.Seek(ref[:]); bytes.HasPrefix(k, ref[:]); k, v = c.Next() {
			by := k[len(ref):]
			if len(by) == 16 && !yield(k, storekit.Tombstone{BegunBy: number(by), IssuedBy: number(by[8:]),
				Until: number(v)}) {
				return
			}
		}
	}
}

func tombKey(ref *store.Key, tomb storekit.Tombstone) []byte {
	return append(append(make([]byte, 0, 48), ref[:]...), bytesOf(tomb.BegunBy, tomb.IssuedBy)...)
}
