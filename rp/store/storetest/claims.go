package storetest

import (
	"slices"
	"time"

	"github.com/tandem-sso/tandem/rp/store"
)

// due creates a session that is due after d.
func (e *env) due(d time.Duration) store.Record {
	e.Helper()
	rec := e.session()
	rec.Due = e.now().Add(d)
	return e.create(rec)
}

// counts fails unless every instance counts n sessions of a client. A Store need not count.
func (e *env) counts(owner store.Key, n int) {
	e.Helper()
	for _, s := range e.stores() {
		c, ok := s.(store.CountingStore)
		if !ok {
			e.Skip("it is no CountingStore")
		}
		if got, err := c.Count(e.ctx, owner); err != nil || got != n {
			e.Errorf("Count: %d, %v, not %d", got, err, n)
		}
	}
}

var claimTests = []test{
	{"Count", func(e *env) {
		e.counts(owner, 0)
		recs := []store.Record{e.due(time.Minute), e.due(time.Hour), e.due(-time.Minute)}
		other := e.session()
		other.Owner, other.Due = newKey(), e.now().Add(time.Hour)
		other = e.create(other)
		e.counts(owner, 3)
		e.counts(other.Owner, 1)
		e.counts(newKey(), 0)
		e.want(e.Store.Touch(e.ctx, recs[0].Key, e.now().Add(time.Second), e.now().Add(2*time.Minute)), nil)
		e.claim(time.Second, 10) // it lives on
		e.counts(owner, 3)
		e.end(store.Selector{Key: recs[1].Key})
		e.want(e.Store.Settle(e.ctx, recs[1].Key, nil, time.Time{}), nil)
		e.counts(owner, 2)
		e.counts(other.Owner, 1)
	}},
	{"Due", func(e *env) {
		rec := e.due(time.Minute)
		never := e.session()
		never.Due = time.Time{}
		never = e.create(never)
		e.sameKeys(e.claim(time.Second, 10))
		e.Advance(time.Minute) // not after now
		got := e.claim(10*time.Second, 10)
		e.sameKeys(got, rec.Key)
		e.same(got[0], rec) // as it was, with the Due that it had
		rec.Due = e.now().Add(10 * time.Second)
		e.same(e.load(rec.Key, nil), rec)
		e.Advance(29 * 24 * time.Hour)
		e.sameKeys(e.claim(time.Second, 10), rec.Key)
		e.same(e.load(never.Key, nil), never)
	}},
	{"Hold", func(e *env) {
		rec := e.due(-time.Second)
		e.sameKeys(e.claim(10*time.Second, 10), rec.Key)
		e.Advance(9 * time.Second)
		e.sameKeys(e.claim(10*time.Second, 10))
		e.Advance(time.Second)
		e.sameKeys(e.claim(10*time.Second, 10), rec.Key)
	}},
	{"TheMostOverdueFirst", func(e *env) {
		want := make([]store.Key, 60)
		for i := range 60 {
			j := i * 37 % 60 // mixed
			rec, due := e.session(), e.now().Add(time.Duration(j-60)*time.Second)
			rec.Key[0], rec.Due = byte(j%5), due // a store may split by the key
			if want[j] = rec.Key; j%3 != 0 {
				e.create(rec)
				continue
			}
			rec.Due = e.now().Add(time.Hour) // that of an ended one is when it ended
			e.create(rec)
			_, err := e.Store.End(e.ctx, store.Selector{Key: rec.Key}, store.End{
				Reason: "idle", At: due, Until: e.now().Add(time.Hour),
			})
			e.want(err, nil)
		}
		e.due(time.Second)
		var got []store.Key
		for _, limit := range []int{1, 7, 30, 100} {
			recs := e.claim(time.Hour, limit)
			if len(recs) > limit {
				e.Fatalf("Claim returned %d records, limit %d", len(recs), limit)
			}
			got = append(got, keysOf(recs)...)
		}
		if !slices.Equal(got, want) {
			e.Fatalf("Claim gave %d records in another order than that of Due", len(got))
		}
	}},
	{"LimitZero", func(e *env) {
		rec := e.due(-time.Second)
		e.sameKeys(e.claim(time.Second, 0))
		e.sameKeys(e.claim(time.Second, 1), rec.Key)
	}},
	{"NowIsTheCallers", func(e *env) {
		rec := e.due(time.Hour)
		recs, err := e.Store.Claim(e.ctx, owner, rec.Due, time.Minute, 10)
		e.want(err, nil)
		e.sameKeys(recs, rec.Key)
		if got := e.load(rec.Key, nil); !got.Due.Equal(rec.Due.Add(time.Minute)) {
			e.Fatalf("Due is %v, want the caller's now + hold", got.Due)
		}
	}},
	{"TouchPutsItOff", func(e *env) {
		rec := e.due(time.Minute)
		e.Advance(time.Minute)
		e.want(e.Store.Touch(e.ctx, rec.Key, e.now(), e.now().Add(time.Minute)), nil)
		e.sameKeys(e.claim(time.Second, 10))
		e.Advance(time.Minute)
		e.sameKeys(e.claim(time.Second, 10), rec.Key)
		// Also after a claim: the hold gives way to the activity.
		e.want(e.Store.Touch(e.ctx, rec.Key, e.now(), e.now().Add(time.Minute)), nil)
		e.Advance(2 * time.Second)
		e.sameKeys(e.claim(time.Second, 10))
	}},
	{"DueComesNearer", func(e *env) {
		rec := e.due(time.Hour)
		rec.Due = e.now()
		e.want(e.Store.Replace(e.ctx, rec), nil)
		e.sameKeys(e.claim(time.Minute, 10), rec.Key)
		e.want(e.Store.Touch(e.ctx, rec.Key, rec.Active.Add(time.Second), e.now()), nil)
		e.sameKeys(e.claim(time.Minute, 10), rec.Key)
		e.want(e.Store.Touch(e.ctx, rec.Key, rec.Active.Add(2*time.Second), time.Time{}), nil)
		e.Advance(time.Hour)
		e.sameKeys(e.claim(time.Minute, 10))
	}},
	{"EndedIsDueAtOnce", func(e *env) {
		rec := e.create(e.session())
		e.end(store.Selector{Key: rec.Key})
		want := e.load(rec.Key, store.ErrEnded)
		got := e.claim(time.Minute, 10)
		e.sameKeys(got, rec.Key)
		e.same(got[0], want)
		e.sameKeys(e.claim(time.Minute, 10))
		if ended := e.load(rec.Key, store.ErrEnded); !ended.Due.Equal(e.now().Add(time.Minute)) {
			e.Fatalf("Due of an ended session is %v after Claim", ended.Due)
		}
		e.Advance(time.Minute)
		e.sameKeys(e.claim(time.Minute, 10), rec.Key)
	}},
	{"EachOwnerItsOwn", func(e *env) { // C9
		a, b := e.due(-time.Second), e.session()
		b.Owner, b.Due = newKey(), e.now().Add(-time.Minute)
		b = e.create(b)
		e.same(e.load(b.Key, nil), b)
		e.sameKeys(e.claimFor(newKey(), time.Minute, 10)) // has nothing here
		e.sameKeys(e.claim(time.Minute, 10), a.Key)
		if got := e.load(b.Key, nil); !got.Due.Equal(b.Due) {
			e.Fatalf("Due is %v after another owner's Claim, want %v", got.Due, b.Due)
		}
		e.sameKeys(e.claimFor(b.Owner, time.Minute, 10), b.Key)
		e.end(store.Selector{Key: b.Key})
		e.sameKeys(e.claim(time.Minute, 10))
		e.sameKeys(e.claimFor(b.Owner, time.Minute, 10), b.Key)
	}},
	{"ManyOwners", func(e *env) { // the others' overdue records are not in the way
		for range 300 {
			rec := e.session()
			rec.Owner, rec.Due = newKey(), e.now().Add(-time.Hour)
			e.create(rec)
		}
		mine := e.due(-time.Second)
		e.sameKeys(e.claim(time.Minute, 1), mine.Key)
	}},
	{"TheOwnerNeverChanges", func(e *env) {
		rec := e.due(time.Hour)
		next := rec
		next.Owner, next.Due = newKey(), e.now()
		e.want(e.Store.Replace(e.ctx, next), nil)
		e.sameKeys(e.claimFor(next.Owner, time.Minute, 10))
		next.Version, next.Owner = 2, rec.Owner
		e.same(e.load(rec.Key, nil), next)
		e.sameKeys(e.claim(time.Minute, 10), rec.Key)
	}},
	{"TheAbandonedAreForgotten", func(e *env) { // C9: by whoever comes by
		gone, moved, never, mine := e.session(), e.session(), e.session(), e.due(time.Minute)
		gone.Owner = newKey()
		gone.Due = e.now().Add(time.Minute)
		moved.Owner, moved.Due = gone.Owner, gone.Due
		never.Owner, never.Due = gone.Owner, time.Time{}
		gone, moved, never = e.create(gone), e.create(moved), e.create(never)
		moved.Active, moved.Due = moved.Active.Add(time.Second), moved.Due.Add(2*time.Second)
		e.want(e.Store.Touch(e.ctx, moved.Key, moved.Active, moved.Due), nil)

		e.Advance(time.Minute + store.Abandoned - time.Millisecond)
		e.sameKeys(e.claim(store.Abandoned/2, 10), mine.Key)
		e.same(e.load(gone.Key, nil), gone)
		e.Advance(1001 * time.Millisecond)
		e.sameKeys(e.claim(time.Minute, 10))
		e.load(gone.Key, store.ErrNotFound)
		for _, ref := range gone.Refs {
			e.sameKeys(e.list(ref))
			e.sameKeys(e.end(store.Selector{Ref: ref}))
		}
		e.sameKeys(e.claimFor(gone.Owner, time.Minute, 10), moved.Key) // claimed in time
		moved.Due = e.now().Add(time.Minute)
		e.same(e.load(moved.Key, nil), moved)
		e.same(e.load(never.Key, nil), never)
		e.load(mine.Key, nil)
	}},
	{"AnEndIsNotInTheWayOfTheAbandoned", func(e *env) { // it is remembered for longer, and its clean-up stays due
		ended, gone := e.session(), e.session()
		gone.Owner, gone.Key = ended.Owner, ended.Key
		gone.Key[31] ^= 1 // near it, for a store that splits by the key
		ended, gone = e.create(ended), e.create(gone)
		e.endFor(store.Selector{Key: ended.Key}, 2*store.Abandoned)
		e.Advance(time.Hour + store.Abandoned)
		e.sameKeys(e.claimFor(newKey(), time.Minute, 10))
		e.load(gone.Key, store.ErrNotFound)
		e.load(ended.Key, store.ErrEnded)
		e.sameKeys(e.claim(time.Minute, 10), ended.Key)
	}},
	{"ForgottenIsNotHandedOut", func(e *env) {
		rec, stays := e.create(e.session()), e.due(time.Minute)
		e.endFor(store.Selector{Key: rec.Key}, time.Minute)
		e.Advance(time.Minute + time.Second)
		e.sameKeys(e.claim(time.Minute, 10), stays.Key)
	}},
	{"ManyTurns", func(e *env) {
		// A sweep as rp does it: claim, end what is idle, settle.
		var keys []store.Key
		for i := range 50 {
			keys = append(keys, e.due(time.Duration(i)*time.Second).Key)
		}
		ended := 0
		for range 100 {
			e.Advance(time.Second)
			for _, rec := range e.claim(30*time.Second, 5) {
				if !rec.Ended() {
					ended += len(e.end(store.Selector{Key: rec.Key, Version: rec.Version, IdleSince: rec.Active}))
					continue
				}
				e.want(e.Store.Settle(e.ctx, rec.Key, rec.Sealed, time.Time{}), nil)
			}
		}
		if ended != len(keys) {
			e.Fatalf("%d of %d sessions were ended", ended, len(keys))
		}
		e.sameKeys(e.claim(time.Minute, 100))
		e.Advance(time.Hour)
		e.sameKeys(e.claim(time.Minute, 100))
		for _, k := range keys {
			e.load(k, store.ErrNotFound)
		}
	}},
}
