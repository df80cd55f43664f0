package boltstore

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/internal/storekit"
)

// What one Claim looks at, at most, to forget what is over: others wait for its
// transaction. The rest is for the next Claim.
const (
	forgetPerClaim    = 2000
	abandonedPerClaim = 1000
)

// Claim implements store.Store.
func (s *Store) Claim(ctx context.Context, owner store.Key, now time.Time, hold time.Duration, limit int) (
	[]store.Record, error) {
	if hold < time.Millisecond {
		return nil, errors.New("boltstore: Claim: hold is below 1 ms")
	}
	at := storekit.Millis(now)
	var claimed []store.Record
	err := s.write(ctx, func(t *txn) error {
		t.flush() // so that bucketDue is right
		t.forget(forgetPerClaim)
		t.forgetAbandoned(abandonedPerClaim)
		for k := t.dueFrom(owner[:]); k != nil && len(claimed) < limit; k = t.dueFrom(append(k, 0)) {
			whose, due, key := splitDue(k)
			if whose != owner || due > at {
				break
			}
			st, err := t.load(key)
			if err != nil || !bytes.Equal(st.due, k) {
				continue // damaged, forgotten, or touched just now
			}
			claimed = append(claimed, *st.rec)
			r := *st.rec
			r.Due = storekit.Time(at + hold.Milliseconds())
			st.rec = &r
			t.save(st)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return claimed, nil
}

// Count implements store.CountingStore. It reads the client's part of an index.
func (s *Store) Count(ctx context.Context, owner store.Key) (n int, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	err = s.db.View(func(tx *bolt.Tx) error {
		c := tx.Bucket(bucketDue).Cursor()
		for k, _ := c.Seek(owner[:]); bytes.HasPrefix(k, owner[:]); k, _ = c.Next() {
			n++
		}
		return nil
	})
	return n, failure("read", err)
}

// forgetAbandoned removes live sessions, of any owner, whose Due passed
// store.Abandoned ago. It takes n steps through bucketDue, one for each session that
// is so old and one for each owner, and goes on there the next time.
func (t *txn) forgetAbandoned(n int) {
	before := t.now - store.Abandoned.Milliseconds()
	k := t.dueFrom(t.s.abandonedFrom)
	for ; k != nil && n > 0; n-- {
		owner, due, key := splitDue(k)
		if due > before {
			k = t.dueFrom(append(owner[:], afterAnyDue...))
			continue
		}
		if st, err := t.load(key); err == nil && bytes.Equal(st.due, k) && !st.rec.Ended() {
			t.remove(st)
		}
		k = t.dueFrom(append(k, 0))
	}
	t.s.abandonedFrom = k // nil: from the start
}

// dueFrom returns the first key of bucketDue that is not before k, nil after the
// last. It is a copy, because a write takes bolt's bytes away.
func (t *txn) dueFrom(k []byte) []byte {
	found, _ := t.due.Cursor().Seek(k)
	return bytes.Clone(found)
}

// afterAnyDue follows an owner in no key of bucketDue; what comes after it is the
// next owner's.
var afterAnyDue = bytes.Repeat([]byte{0xff}, 8)

// dueKey is where r stands in bucketDue; nil: nowhere. The owner comes first, so
// that nobody's overdue records are in the way of another's.
func dueKey(r *store.Record) []byte {
	due := storekit.Millis(r.Due)
	if due == 0 {
		return nil
	}
	k := append(make([]byte, 0, 2*len(r.Key)+8), r.Owner[:]...)
	k = binary.BigEndian.AppendUint64(k, uint64(due))
	return append(k, r.Key[:]...)
}

func splitDue(k []byte) (owner store.Key, due int64, key store.Key) {
	rest := k[copy(owner[:], k):]
	return owner, number(rest), store.Key(rest[8:])
}
