package storetest

import (
	"slices"
	"time"

	"github.com/tandem-sso/tandem/rp/store"
)

var endTests = []test{
	{"EndByKey", func(e *env) {
		rec, other := e.create(e.session()), e.create(e.session())
		end := store.End{Reason: "idle", At: e.now().Add(-time.Second), Until: e.now().Add(time.Hour)}
		got, err := e.Store.End(e.ctx, store.Selector{Key: rec.Key}, end)
		e.want(err, nil)
		if len(got) != 1 {
			e.Fatalf("End returned %d records, want 1", len(got))
		}
		rec.End = end
		e.same(got[0], rec) // as it was before, Due included, with End set
		rec.Due = end.At
		e.same(e.load(rec.Key, store.ErrEnded), rec)
		e.same(e.load(other.Key, nil), other)
	}},
	{"EndOfNothing", func(e *env) {
		e.sameKeys(e.end(store.Selector{Key: newKey()}))
		e.sameKeys(e.end(store.Selector{Ref: newKey()}))
	}},
	{"EndTwice", func(e *env) {
		rec := e.create(e.session())
		e.sameKeys(e.end(store.Selector{Key: rec.Key}), rec.Key)
		first := e.load(rec.Key, store.ErrEnded)
		later := store.End{Reason: "admin", At: e.now().Add(time.Second), Until: e.now().Add(time.Hour)}
		for _, sel := range []store.Selector{{Key: rec.Key}, {Ref: rec.Refs[0]}, {Ref: rec.Refs[1]}} {
			got, err := e.Store.End(e.ctx, sel, later)
			e.want(err, nil)
			e.sameKeys(got)
		}
		e.same(e.load(rec.Key, store.ErrEnded), first)
	}},
	{"EndByKeyLeavesNoTombstone", func(e *env) {
		rec := e.create(e.session())
		e.end(store.Selector{Key: rec.Key})
		e.create(e.session(rec.Refs...))
	}},
	{"EndAtVersion", func(e *env) {
		rec := e.create(e.session())
		e.sameKeys(e.end(store.Selector{Key: rec.Key, Version: 2}))
		e.want(e.Store.Replace(e.ctx, rec), nil)
		e.sameKeys(e.end(store.Selector{Key: rec.Key, Version: 1}))
		e.load(rec.Key, nil)
		e.sameKeys(e.end(store.Selector{Key: rec.Key, Version: 2}), rec.Key)
		if got := e.load(rec.Key, store.ErrEnded); got.Version != 2 {
			e.Fatalf("an ended session is at version %d, want 2", got.Version)
		}
	}},
	{"EndIdleSince", func(e *env) {
		rec := e.create(e.session())
		e.sameKeys(e.end(store.Selector{Key: rec.Key, IdleSince: rec.Active.Add(-time.Millisecond)}))
		active := rec.Active.Add(time.Minute)
		e.want(e.Store.Touch(e.ctx, rec.Key, active, rec.Due), nil)
		e.sameKeys(e.end(store.Selector{Key: rec.Key, IdleSince: rec.Active})) // a touch saves it
		e.sameKeys(e.end(store.Selector{Key: rec.Key, IdleSince: active, Version: 2}))
		e.load(rec.Key, nil)
		e.sameKeys(e.end(store.Selector{Key: rec.Key, IdleSince: active, Version: 1}), rec.Key)
	}},
	{"EndByRef", func(e *env) { // BCL-15
		ref := newKey()
		var recs []store.Record
		for range 20 {
			recs = append(recs, e.create(e.session(newKey(), ref)))
		}
		other := e.create(e.session())
		e.sameKeys(e.list(ref), keysOf(recs)...)
		ended := e.end(store.Selector{Ref: ref})
		e.sameKeys(ended, keysOf(recs)...)
		for _, rec := range recs {
			rec.End = e.ending(10 * time.Minute)
			i := slices.IndexFunc(ended, func(r store.Record) bool { return r.Key == rec.Key })
			e.same(ended[i], rec)
			rec.Due = rec.End.At
			e.same(e.load(rec.Key, store.ErrEnded), rec)
			e.sameKeys(e.list(rec.Refs[0]))
		}
		e.sameKeys(e.list(ref))
		e.load(other.Key, nil)
	}},
	{"EndByRefBegunBy", func(e *env) {
		ref := newKey()
		old, exact, young := e.session(ref), e.session(ref), e.session(ref)
		at := exact.Begun
		old.Begun, young.Begun = at.Add(-time.Minute), at.Add(time.Millisecond)
		old, exact, young = e.create(old), e.create(exact), e.create(young)
		e.sameKeys(e.end(store.Selector{Ref: ref, BegunBy: at}), old.Key, exact.Key)
		e.same(e.load(young.Key, nil), young)
		e.sameKeys(e.list(ref), young.Key)
	}},
	{"EndByRefIssuedBy", func(e *env) { // BCL-18: the IdP's clock is compared with itself
		ref := newKey()
		at := e.now().Add(-time.Minute)
		old, exact, young, ahead := e.session(ref), e.session(ref), e.session(ref), e.session(ref)
		old.Issued, exact.Issued, young.Issued = at.Add(-time.Hour), at, at.Add(time.Millisecond)
		ahead.Issued, ahead.Begun = at, at.Add(time.Hour) // by our clock it began later
		old, exact, young, ahead = e.create(old), e.create(exact), e.create(young), e.create(ahead)
		sel := store.Selector{Ref: ref, BegunBy: at.Add(-2 * time.Hour), IssuedBy: at}
		e.sameKeys(e.end(sel), old.Key, exact.Key, ahead.Key)
		e.same(e.load(young.Key, nil), young)

		e.want(e.Store.Replace(e.ctx, young), nil) // a session that was spared goes on
	}},
	{"ListShowsTheLiving", func(e *env) {
		ref := newKey()
		a, b := e.create(e.session(ref)), e.create(e.session(ref, newKey()))
		e.sameKeys(e.list(ref), a.Key, b.Key)
		e.want(e.Store.Touch(e.ctx, a.Key, a.Active.Add(time.Second), a.Due), nil)
		e.end(store.Selector{Key: b.Key})
		got := e.list(ref)
		e.sameKeys(got, a.Key)
		a.Active = a.Active.Add(time.Second)
		e.same(got[0], a)
		e.sameKeys(e.list(newKey()))
	}},
	{"EndIsForgotten", func(e *env) {
		rec := e.create(e.session())
		e.endFor(store.Selector{Key: rec.Key}, time.Minute)
		e.Advance(time.Minute)
		e.load(rec.Key, store.ErrEnded) // up to and including
		e.Advance(time.Second)
		e.load(rec.Key, store.ErrNotFound)
		e.sameKeys(e.end(store.Selector{Key: rec.Key}))
		e.sameKeys(e.claim(time.Minute, 10))
		e.want(e.Store.Settle(e.ctx, rec.Key, nil, time.Time{}), store.ErrNotFound)
		e.load(rec.Key, store.ErrNotFound)
	}},
	{"EndWithoutMemory", func(e *env) {
		rec := e.create(e.session())
		end := store.End{Reason: "admin", At: e.now(), Until: e.now().Add(-time.Second)}
		got, err := e.Store.End(e.ctx, store.Selector{Ref: rec.Refs[0]}, end)
		e.want(err, nil)
		e.sameKeys(got, rec.Key)
		e.load(rec.Key, store.ErrNotFound)
		e.sameKeys(e.list(rec.Refs[1]))
		e.create(e.session(rec.Refs...))
	}},

	{"Settle", func(e *env) {
		rec := e.create(e.session())
		e.want(e.Store.Settle(e.ctx, rec.Key, newBytes(10), e.now()), store.ErrNotFound) // it lives
		e.same(e.load(rec.Key, nil), rec)
		e.want(e.Store.Settle(e.ctx, newKey(), newBytes(10), e.now()), store.ErrNotFound)

		e.end(store.Selector{Key: rec.Key})
		want := e.load(rec.Key, store.ErrEnded)
		want.Sealed, want.Due = newBytes(500), e.now().Add(time.Minute)
		e.want(e.Store.Settle(e.ctx, rec.Key, want.Sealed, want.Due), nil)
		e.same(e.load(rec.Key, store.ErrEnded), want)
		e.sameKeys(e.claim(time.Second, 10))
		e.Advance(time.Minute)
		e.sameKeys(e.claim(time.Second, 10), rec.Key)

		want.Sealed, want.Due = nil, time.Time{}
		e.want(e.Store.Settle(e.ctx, rec.Key, nil, time.Time{}), nil)
		e.same(e.load(rec.Key, store.ErrEnded), want)
		e.Advance(time.Minute)
		e.sameKeys(e.claim(time.Second, 10)) // nothing remains to be done
	}},
}
