package boltstore

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"time"

	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/internal/storekit"
)

// What one Claim looks at, at most, to forget what is over: others wait for its
// transaction. The rest is for the next Claim.
const (
	forgetPerClaim    = 2000
	abandonedPerClaim = 1000
)

// Claim implements rp.Store.
func (s *Store) Claim(ctx context.Context, owner rp.Key, now time.Time, hold time.Duration, limit int) (
	[]rp.Record, error) {
	if hold < time.Millisecond {
		return nil, errors.New("boltstore: Claim: hold is below 1 ms")
	}
	at := storekit.Millis(now)
	var claimed []rp.Record
	err := s.write(ctx, func(t *txn) error {
		t.flush() // so that bucketDue is right
		t.forget(forgetPerClaim)
		t.forgetAbandoned(abandonedPerClaim)
		for len(claimed) < limit && t.err == nil {
			keys := t.overdue(&owner, at, limit-len(claimed))
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

// overdue lists what the owner has in bucketDue up to now, the most overdue first.
func (t *txn) overdue(owner *rp.Key, now int64, limit int) (keys []rp.Key) {
	c := t.due.Cursor()
	for k, _ := c.Seek(owner[:]); bytes.HasPrefix(k, owner[:]) && len(keys) < limit; k, _ = c.Next() {
		_, due, key := splitDue(k)
		if due > now {
			break
		}
		keys = append(keys, key)
	}
	return keys
}

// forgetAbandoned removes live sessions, of any owner, whose Due passed
// rp.Abandoned ago. It takes n steps through bucketDue, one for each session that
// is so old and one for each owner, and goes on there the next time.
func (t *txn) forgetAbandoned(n int) {
	before := t.now - rp.Abandoned.Milliseconds()
	c := t.due.Cursor()
	at, _ := c.Seek(t.s.abandonedFrom)
	for ; at != nil && n > 0 && t.err == nil; n-- {
		at = bytes.Clone(at) // a write may take bolt's bytes away
		owner, due, key := splitDue(at)
		if due > before {
			at, _ = c.Seek(append(owner[:], afterAnyDue...))
			continue
		}
		st := t.load(key) // which may have had a touch
		if st.rec != nil && !st.rec.Ended() && bytes.Equal(st.due, at) {
			t.remove(st)
		}
		at, _ = c.Seek(append(at, 0))
	}
	t.s.abandonedFrom = bytes.Clone(at) // nil: from the start
}

// afterAnyDue follows an owner in no key of bucketDue; what comes after it is the
// next owner's.
var afterAnyDue = bytes.Repeat([]byte{0xff}, 8)

// dueKey is where r stands in bucketDue; nil: nowhere. The owner comes first, so
// that nobody's overdue records are in the way of another's.
func dueKey(r *rp.Record) []byte {
	due := storekit.Millis(r.Due)
	if due == 0 {
		return nil
	}
	k := append(make([]byte, 0, 2*len(r.Key)+8), r.Owner[:]...)
	k = binary.BigEndian.AppendUint64(k, uint64(due))
	return append(k, r.Key[:]...)
}

func splitDue(k []byte) (owner rp.Key, due int64, key rp.Key) {
	rest := k[copy(owner[:], k):]
	return owner, number(rest), rp.Key(rest[8:])
}
