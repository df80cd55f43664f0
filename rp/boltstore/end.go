package boltstore

import (
	"bytes"
	"context"
	"errors"
	"time"

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
	end.At, end.Until = storekit.Time(storekit.Millis(end.At)), storekit.Time(storekit.Millis(end.Until))
	begunBy := storekit.Millis(sel.BegunBy)
	match := func(r *rp.Record) bool {
		return (sel.Version == 0 || r.Version == sel.Version) &&
			(sel.IdleSince.IsZero() || storekit.Millis(r.Active) <= storekit.Millis(sel.IdleSince)) &&
			(begunBy == 0 || storekit.Millis(r.Begun) <= begunBy)
	}
	var ended []rp.Record
	err := s.write(ctx, func(t *txn) error {
		keys := []rp.Key{sel.Key}
		if sel.Ref != (rp.Key{}) {
			keys = under(t.refs, sel.Ref)
			t.bury(&sel.Ref, begunBy, storekit.Millis(end.Until))
		}
		for _, key := range keys {
			st := t.load(key)
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
	return ended, nil
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

// Claim implements rp.Store.
func (s *Store) Claim(ctx context.Context, now time.Time, hold time.Duration, limit int) ([]rp.Record, error) {
	if hold < time.Millisecond {
		return nil, errors.New("boltstore: Claim: hold is below 1 ms")
	}
	at := storekit.Millis(now)
	var claimed []rp.Record
	err := s.write(ctx, func(t *txn) error {
		t.flush() // so that bucketDue is right
		t.forget(forgetPerClaim)
		for len(claimed) < limit && t.err == nil {
			keys := t.overdue(at, limit-len(claimed))
			if len(keys) == 0 {
				break
			}
			for _, key := range keys {
				st := t.load(key)
				if st.rec == nil || storekit.Millis(st.rec.Due) > at || st.rec.Due.IsZero() {
					continue // forgotten, or touched just now
				}
				claimed = append(claimed, *st.rec)
				r := *st.rec
				r.Due = storekit.Time(at + hold.Milliseconds())
				st.rec = &r
				t.save(st)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return claimed, nil
}

func (t *txn) overdue(now int64, limit int) (keys []rp.Key) {
	c := t.due.Cursor()
	for k, _ := c.First(); k != nil && number(k) <= now && len(keys) < limit; k, _ = c.Next() {
		keys = append(keys, rp.Key(k[8:]))
	}
	return keys
}
