package storetest

import (
	"slices"
	"time"

	"github.com/tandem-sso/tandem/rp/store"
)

var sessionTests = []test{
	{"CreateThenLoad", func(e *env) {
		rec := e.create(e.session())
		got := e.load(rec.Key, nil)
		e.same(got, rec)
		if got.Ended() {
			e.Fatal("a new session has ended")
		}
		if got.Active.Location() != time.UTC {
			e.Fatalf("Active is in %v, want UTC", got.Active.Location())
		}
	}},
	{"LoadOfNothing", func(e *env) { e.load(newKey(), store.ErrNotFound) }},
	{"CreateIgnoresVersionAndEnd", func(e *env) {
		rec := e.session()
		rec.Version, rec.End = 77, e.ending(time.Hour)
		e.create(rec)
		rec.Version, rec.End = 1, store.End{}
		e.same(e.load(rec.Key, nil), rec)
	}},
	{"CreateTakenKey", func(e *env) {
		rec := e.create(e.session())
		other := e.session()
		other.Key = rec.Key
		e.want(e.Store.Create(e.ctx, other), store.ErrConflict)
		e.same(e.load(rec.Key, nil), rec)
		if n := len(e.list(other.Refs[0])); n != 0 {
			e.Fatalf("a refused Create left %d records under its reference", n)
		}
		e.sameKeys(e.list(rec.Refs[0]), rec.Key)

		// The same references: the refused one must not take them along.
		other.Refs = slices.Clone(rec.Refs)
		e.want(e.Store.Create(e.ctx, other), store.ErrConflict)
		e.sameKeys(e.list(rec.Refs[0]), rec.Key)
		e.sameKeys(e.end(store.Selector{Ref: rec.Refs[1]}), rec.Key)
	}},
	{"CreateKeyOfEnded", func(e *env) {
		rec := e.create(e.session())
		e.endFor(store.Selector{Key: rec.Key}, time.Minute)
		again := e.session()
		again.Key = rec.Key
		e.want(e.Store.Create(e.ctx, again), store.ErrConflict)
		e.Advance(time.Minute)
		e.want(e.Store.Create(e.ctx, again), store.ErrConflict) // up to and including Until
		e.Advance(time.Second)
		e.load(rec.Key, store.ErrNotFound)
		e.create(again)
		again.Version = 1
		e.same(e.load(rec.Key, nil), again)
		e.sameKeys(e.list(again.Refs[0]), rec.Key)
		if n := len(e.list(rec.Refs[0])); n != 0 {
			e.Fatalf("%d records under the reference of a forgotten session", n)
		}
		e.sameKeys(e.end(store.Selector{Ref: again.Refs[1]}), rec.Key)
	}},
	{"LimitsFit", func(e *env) {
		rec := e.session()
		rec.Sealed = newBytes(store.MaxSealed)
		rec.Refs = nil
		for range store.MaxRefs {
			rec.Refs = append(rec.Refs, newKey())
		}
		rec = e.create(rec)
		e.same(e.load(rec.Key, nil), rec)
		for _, ref := range rec.Refs {
			e.sameKeys(e.list(ref), rec.Key)
		}
		e.sameKeys(e.end(store.Selector{Ref: rec.Refs[store.MaxRefs-1]}), rec.Key)

		small := e.session(newKey())
		small.Sealed, small.Due, small.Issued = nil, time.Time{}, time.Time{}
		small = e.create(small)
		e.same(e.load(small.Key, nil), small)
	}},
	{"FinerThanMilliseconds", func(e *env) {
		rec := e.session()
		rec.Begun = rec.Begun.Add(123 * time.Microsecond)
		rec.Active = rec.Active.Add(999 * time.Microsecond)
		e.create(rec)
		got := e.load(rec.Key, nil)
		if d := rec.Active.Sub(got.Active); d < 0 || d >= time.Millisecond {
			e.Fatalf("Active is off by %v", d)
		}
		if d := rec.Begun.Sub(got.Begun); d < 0 || d >= time.Millisecond {
			e.Fatalf("Begun is off by %v", d)
		}
	}},
	{"KeysThatDifferInOneByte", func(e *env) {
		// A store may use parts of a key, but not mix up two keys.
		base, ref := newKey(), newKey()
		var recs []store.Record
		for _, at := range []int{0, 1, 7, 8, 15, 16, 31} {
			rec := e.session(ref)
			rec.Key = base
			rec.Key[at] ^= 1
			own := ref
			own[at] ^= 1
			own[30] ^= 128
			rec.Refs = append(rec.Refs, own)
			recs = append(recs, e.create(rec))
		}
		e.load(base, store.ErrNotFound)
		for i, rec := range recs {
			e.same(e.load(rec.Key, nil), rec)
			if i%2 == 0 {
				e.sameKeys(e.end(store.Selector{Ref: rec.Refs[1]}), rec.Key)
			} else {
				rec.Refs = rec.Refs[1:]
				e.want(e.Store.Replace(e.ctx, rec), nil)
				e.sameKeys(e.list(rec.Refs[0]), rec.Key)
			}
		}
		if n := len(e.list(ref)); n != 0 {
			e.Fatalf("%d records are left", n)
		}
		e.Advance(time.Hour)
		e.claim(time.Minute, 100)
		for i, rec := range recs {
			if i%2 == 0 {
				e.load(rec.Key, store.ErrNotFound)
			} else {
				e.load(rec.Key, nil)
			}
		}
	}},

	{"ReplaceMakesTheNextVersion", func(e *env) {
		rec := e.create(e.session())
		for v := uint64(1); v < 5; v++ {
			next := e.session(rec.Refs...)
			next.Key, next.Version = rec.Key, v
			e.want(e.Store.Replace(e.ctx, next), nil)
			next.Version, next.Begun, next.Issued = v+1, rec.Begun, rec.Issued
			e.same(e.load(rec.Key, nil), next)
		}
	}},
	{"ReplaceKeepsBegunAndIssued", func(e *env) {
		rec := e.create(e.session())
		next := rec
		next.Begun, next.Issued = rec.Begun.Add(time.Hour), rec.Issued.Add(time.Hour)
		e.want(e.Store.Replace(e.ctx, next), nil)
		rec.Version = 2
		e.same(e.load(rec.Key, nil), rec)
	}},
	{"ReplaceAtAnotherVersion", func(e *env) {
		rec := e.create(e.session())
		for _, v := range []uint64{0, 2, 1 << 60} {
			next := e.session(rec.Refs...)
			next.Key, next.Version = rec.Key, v
			e.want(e.Store.Replace(e.ctx, next), store.ErrConflict)
			next.Refs = []store.Key{newKey()}
			e.want(e.Store.Replace(e.ctx, next), store.ErrConflict)
			if n := len(e.list(next.Refs[0])); n != 0 {
				e.Fatalf("a refused Replace is listed under its reference")
			}
		}
		e.same(e.load(rec.Key, nil), rec)
	}},
	{"ReplaceOfNothing", func(e *env) {
		rec := e.session()
		rec.Version = 1
		e.want(e.Store.Replace(e.ctx, rec), store.ErrNotFound)
		e.load(rec.Key, store.ErrNotFound)
		if n := len(e.list(rec.Refs[0])); n != 0 {
			e.Fatal("a refused Replace is listed")
		}
	}},
	{"ReplaceNeverResurrects", func(e *env) { // C5
		rec := e.create(e.session())
		e.endFor(store.Selector{Key: rec.Key}, time.Minute)
		ended := e.load(rec.Key, store.ErrEnded)
		for _, v := range []uint64{0, 1, 2} {
			next := e.session(rec.Refs...)
			next.Key, next.Version = rec.Key, v
			e.want(e.Store.Replace(e.ctx, next), store.ErrEnded)
			next.Refs = []store.Key{newKey(), newKey()}
			e.want(e.Store.Replace(e.ctx, next), store.ErrEnded)
			if n := len(e.list(next.Refs[0])); n != 0 {
				e.Fatal("a refused Replace is listed")
			}
		}
		e.same(e.load(rec.Key, store.ErrEnded), ended)
		e.Advance(time.Minute + time.Second)
		e.want(e.Store.Replace(e.ctx, rec), store.ErrNotFound)
		e.load(rec.Key, store.ErrNotFound)
	}},
	{"ReplaceMovesReferences", func(e *env) {
		a, b, c := newKey(), newKey(), newKey()
		rec := e.create(e.session(a, b))
		rec.Refs = []store.Key{b, c}
		e.want(e.Store.Replace(e.ctx, rec), nil)
		rec.Version = 2
		e.same(e.load(rec.Key, nil), rec)
		if n := len(e.list(a)); n != 0 {
			e.Fatal("listed under a reference that it lost")
		}
		e.sameKeys(e.list(b), rec.Key)
		e.sameKeys(e.list(c), rec.Key)
		e.sameKeys(e.end(store.Selector{Ref: a}))
		e.load(rec.Key, nil)
		e.sameKeys(e.end(store.Selector{Ref: c}), rec.Key)
	}},
	{"ReplaceRespectsTombstonesOfNewReferences", func(e *env) { // BCL-18
		a, b, c := newKey(), newKey(), newKey()
		rec := e.create(e.session(a))
		e.endFor(store.Selector{Ref: b}, time.Minute)
		next := rec
		next.Refs = []store.Key{a, b}
		e.want(e.Store.Replace(e.ctx, next), store.ErrEnded)
		e.same(e.load(rec.Key, nil), rec)
		e.sameKeys(e.list(b))

		// One that the record survived does not count.
		e.endFor(store.Selector{Ref: a, BegunBy: rec.Begun.Add(-time.Second)}, time.Minute)
		e.want(e.Store.Replace(e.ctx, rec), nil)
		rec.Version = 2

		// A tombstone for older sessions does not count; what was begun counts,
		// not what the argument says.
		e.endFor(store.Selector{Ref: c, BegunBy: rec.Begun.Add(-time.Second)}, time.Minute)
		next = rec
		next.Refs, next.Begun = []store.Key{a, c}, rec.Begun.Add(-time.Hour)
		e.want(e.Store.Replace(e.ctx, next), nil)
		rec.Version, rec.Refs = 3, next.Refs
		e.same(e.load(rec.Key, nil), rec)

		e.Advance(time.Minute + time.Second)
		next = rec
		next.Refs = []store.Key{b}
		e.want(e.Store.Replace(e.ctx, next), nil)
	}},
	{"ReplaceDoesNotUndoTouch", func(e *env) {
		rec := e.create(e.session())
		active, due := rec.Active.Add(time.Minute), rec.Due.Add(time.Minute)
		e.want(e.Store.Touch(e.ctx, rec.Key, active, due), nil)
		next := rec
		next.Sealed, next.Due = newBytes(300), rec.Due.Add(-time.Minute)
		e.want(e.Store.Replace(e.ctx, next), nil)
		next.Version, next.Active, next.Due = 2, active, due
		e.same(e.load(rec.Key, nil), next)

		// Not after: rec's are taken, an earlier Due as well.
		next.Due = rec.Due.Add(-time.Minute)
		e.want(e.Store.Replace(e.ctx, next), nil)
		next.Version = 3
		e.same(e.load(rec.Key, nil), next)
		next.Active, next.Due = next.Active.Add(time.Second), time.Time{}
		e.want(e.Store.Replace(e.ctx, next), nil)
		next.Version = 4
		e.same(e.load(rec.Key, nil), next)
	}},

	{"TouchMovesForward", func(e *env) {
		rec := e.create(e.session())
		rec.Active, rec.Due = rec.Active.Add(time.Millisecond), rec.Due.Add(time.Minute)
		e.want(e.Store.Touch(e.ctx, rec.Key, rec.Active, rec.Due), nil)
		e.same(e.load(rec.Key, nil), rec)
		// Due may come nearer, it belongs to Active.
		rec.Active, rec.Due = rec.Active.Add(time.Second), rec.Due.Add(-5*time.Minute)
		e.want(e.Store.Touch(e.ctx, rec.Key, rec.Active, rec.Due), nil)
		e.same(e.load(rec.Key, nil), rec)
	}},
	{"TouchIsMonotonic", func(e *env) {
		rec := e.create(e.session())
		for _, d := range []time.Duration{0, -time.Millisecond, -time.Hour} {
			e.want(e.Store.Touch(e.ctx, rec.Key, rec.Active.Add(d), rec.Due.Add(time.Hour)), nil)
			e.same(e.load(rec.Key, nil), rec)
		}
	}},
	{"TouchOfNothing", func(e *env) {
		key := newKey()
		e.want(e.Store.Touch(e.ctx, key, e.now(), e.now()), store.ErrNotFound)
		e.load(key, store.ErrNotFound)
	}},
	{"TouchNeverResurrects", func(e *env) { // C5
		rec := e.create(e.session())
		e.endFor(store.Selector{Key: rec.Key}, time.Minute)
		ended := e.load(rec.Key, store.ErrEnded)
		e.want(e.Store.Touch(e.ctx, rec.Key, e.now().Add(time.Second), e.now().Add(time.Hour)), store.ErrEnded)
		e.same(e.load(rec.Key, store.ErrEnded), ended)
		e.Advance(time.Minute + time.Second)
		e.want(e.Store.Touch(e.ctx, rec.Key, e.now(), e.now()), store.ErrNotFound)
	}},
}
