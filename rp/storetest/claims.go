package storetest

import (
	"slices"
	"time"

	"github.com/tandem-sso/tandem/rp"
)

// due creates a session that is due after d.
func (e *env) due(d time.Duration) rp.Record {
	e.Helper()
	rec := e.session()
	rec.Due = e.now().Add(d)
	return e.create(rec)
}

var claimTests = []test{
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
		e.Advance(100 * 24 * time.Hour)
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
		want := make([]rp.Key, 60)
		for i := range 60 {
			j := i * 37 % 60 // mixed
			want[j] = e.due(time.Duration(j-60) * time.Second).Key
		}
		e.due(time.Second)
		var got []rp.Key
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
		recs, err := e.Store.Claim(e.ctx, rec.Due, time.Minute, 10)
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
		e.end(rp.Selector{Key: rec.Key})
		want := e.load(rec.Key, rp.ErrEnded)
		got := e.claim(time.Minute, 10)
		e.sameKeys(got, rec.Key)
		e.same(got[0], want)
		e.sameKeys(e.claim(time.Minute, 10))
		if ended := e.load(rec.Key, rp.ErrEnded); !ended.Due.Equal(e.now().Add(time.Minute)) {
			e.Fatalf("Due of an ended session is %v after Claim", ended.Due)
		}
		e.Advance(time.Minute)
		e.sameKeys(e.claim(time.Minute, 10), rec.Key)
	}},
	{"ForgottenIsNotHandedOut", func(e *env) {
		rec, stays := e.create(e.session()), e.due(time.Minute)
		e.endFor(rp.Selector{Key: rec.Key}, time.Minute)
		e.Advance(time.Minute + time.Second)
		e.sameKeys(e.claim(time.Minute, 10), stays.Key)
	}},
	{"ManyTurns", func(e *env) {
		// A sweep as rp does it: claim, end what is idle, settle.
		var keys []rp.Key
		for i := range 50 {
			keys = append(keys, e.due(time.Duration(i)*time.Second).Key)
		}
		ended := 0
		for range 100 {
			e.Advance(time.Second)
			for _, rec := range e.claim(30*time.Second, 5) {
				if !rec.Ended() {
					ended += len(e.end(rp.Selector{Key: rec.Key, Version: rec.Version, IdleSince: rec.Active}))
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
			e.load(k, rp.ErrNotFound)
		}
	}},
}
