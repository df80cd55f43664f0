package boltstore

import (
	"bytes"
	"context"

	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/internal/storekit"
)

// End implements rp.Store.
func (s *Store) End(ctx context.Context, sel rp.Selector, end rp.End) ([]rp.Record, error) {
	if err := sel.Check(); err != nil {
		return nil, err
	}
	if err := end.Check(); err != nil {
		return nil, err
	}
	end.At, end.Until = whole(end.At), whole(end.Until)
	sel.BegunBy, sel.IssuedBy = whole(sel.BegunBy), whole(sel.IssuedBy)
	match := func(r *rp.Record) bool {
		return (sel.Version == 0 || r.Version == sel.Version) &&
			(sel.IdleSince.IsZero() || storekit.Millis(r.Active) <= storekit.Millis(sel.IdleSince)) &&
			sel.Covers(r)
	}
	var ended []rp.Record
	var damaged error
	err := s.write(ctx, func(t *txn) error {
		keys := []rp.Key{sel.Key}
		if sel.Ref != (rp.Key{}) {
			keys = under(t.refs, sel.Ref)
			t.bury(&sel.Ref, storekit.Millis(sel.BegunBy), storekit.Millis(end.Until))
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
			t.changes = append(t.changes, rp.Change{Key: key, Version: r.Version, Reason: end.Reason})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return ended, damaged
}

// bury leaves a tombstone, unless one of the ref covers all that it would; those
// that it covers go.
func (t *txn) bury(ref *rp.Key, begunBy, until int64) {
	if until < t.now {
		return
	}
	key := tombKey(ref, begunBy)
	var covered [][]byte
	c := t.tombs.Cursor()
	for k, v := c.Seek(ref[:]); bytes.HasPrefix(k, ref[:]); k, v = c.Next() {
		switch order := bytes.Compare(k, key); {
		case order >= 0 && number(v) >= until:
			return
		case order <= 0 && number(v) <= until:
			covered = append(covered, bytes.Clone(k))
		}
	}
	for _, k := range covered {
		t.del(t.tombs, k)
	}
	t.put(t.tombs, key, bytesOf(until))
	t.mark(until, markTomb, key)
}

// forbids reports whether a tombstone covers a session under ref.
func (t *txn) forbids(ref *rp.Key, begun int64) bool {
	c := t.tombs.Cursor()
	for k, v := c.Seek(tombKey(ref, max(begun, 1))); bytes.HasPrefix(k, ref[:]); k, v = c.Next() {
		if number(v) >= t.now {
			return true
		}
	}
	return false
}
