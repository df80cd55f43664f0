package storetest

import (
	"errors"
	"slices"
	"time"

	"github.com/tandem-sso/tandem/rp"
)

var endTests = []test{
	{"EndByKey", func(e *env) {
		rec, other := e.create(e.session()), e.create(e.session())
		end := rp.End{Reason: rp.Idle, At: e.now().Add(-time.Second), Until: e.now().Add(time.Hour)}
		got, err := e.Store.End(e.ctx, rp.Selector{Key: rec.Key}, end)
		e.want(err, nil)
		if len(got) != 1 {
			e.Fatalf("End returned %d records, want 1", len(got))
		}
		rec.End = end
		e.same(got[0], rec) // as it was before, Due included, with End set
		rec.Due = end.At
		e.same(e.load(rec.Key, rp.ErrEnded), rec)
		e.same(e.load(other.Key, nil), other)
	}},
	{"EndOfNothing", func(e *env) {
		e.sameKeys(e.end(rp.Selector{Key: newKey()}))
		e.sameKeys(e.end(rp.Selector{Ref: newKey()}))
	}},
	{"EndTwice", func(e *env) {
		rec := e.create(e.session())
		e.sameKeys(e.end(rp.Selector{Key: rec.Key}), rec.Key)
		first := e.load(rec.Key, rp.ErrEnded)
		later := rp.End{Reason: rp.Admin, At: e.now().Add(time.Second), Until: e.now().Add(time.Hour)}
		for _, sel := range []rp.Selector{{Key: rec.Key}, {Ref: rec.Refs[0]}, {Ref: rec.Refs[1]}} {
			got, err := e.Store.End(e.ctx, sel, later)
			e.want(err, nil)
			e.sameKeys(got)
		}
		e.same(e.load(rec.Key, rp.ErrEnded), first)
	}},
	{"EndByKeyLeavesNoTombstone", func(e *env) {
		rec := e.create(e.session())
		e.end(rp.Selector{Key: rec.Key})
		e.create(e.session(rec.Refs...))
	}},
	{"EndAtVersion", func(e *env) {
		rec := e.create(e.session())
		e.sameKeys(e.end(rp.Selector{Key: rec.Key, Version: 2}))
		e.want(e.Store.Replace(e.ctx, rec), nil)
		e.sameKeys(e.end(rp.Selector{Key: rec.Key, Version: 1}))
		e.load(rec.Key, nil)
		e.sameKeys(e.end(rp.Selector{Key: rec.Key, Version: 2}), rec.Key)
		if got := e.load(rec.Key, rp.ErrEnded); got.Version != 2 {
			e.Fatalf("an ended session is at version %d, want 2", got.Version)
		}
	}},
	{"EndIdleSince", func(e *env) {
		rec := e.create(e.session())
		e.sameKeys(e.end(rp.Selector{Key: rec.Key, IdleSince: rec.Active.Add(-time.Millisecond)}))
		active := rec.Active.Add(time.Minute)
		e.want(e.Store.Touch(e.ctx, rec.Key, active, rec.Due), nil)
		e.sameKeys(e.end(rp.Selector{Key: rec.Key, IdleSince: rec.Active})) // a touch saves it
		e.sameKeys(e.end(rp.Selector{Key: rec.Key, IdleSince: active, Version: 2}))
		e.load(rec.Key, nil)
		e.sameKeys(e.end(rp.Selector{Key: rec.Key, IdleSince: active, Version: 1}), rec.Key)
	}},
	{"EndByRef", func(e *env) { // BCL-15
		ref := newKey()
		var recs []rp.Record
		for range 20 {
			recs = append(recs, e.create(e.session(newKey(), ref)))
		}
		other := e.create(e.session())
		e.sameKeys(e.list(ref), keysOf(recs)...)
		ended := e.end(rp.Selector{Ref: ref})
		e.sameKeys(ended, keysOf(recs)...)
		for _, rec := range recs {
			rec.End = e.ending(10 * time.Minute)
			i := slices.IndexFunc(ended, func(r rp.Record) bool { return r.Key == rec.Key })
			e.same(ended[i], rec)
			rec.Due = rec.End.At
			e.same(e.load(rec.Key, rp.ErrEnded), rec)
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
		e.sameKeys(e.end(rp.Selector{Ref: ref, BegunBy: at}), old.Key, exact.Key)
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
		sel := rp.Selector{Ref: ref, BegunBy: at.Add(-2 * time.Hour), IssuedBy: at}
		e.sameKeys(e.end(sel), old.Key, exact.Key, ahead.Key)
		e.same(e.load(young.Key, nil), young)

		e.want(e.Store.Replace(e.ctx, young), nil) // a session that was spared goes on
	}},
	{"ListShowsTheLiving", func(e *env) {
		ref := newKey()
		a, b := e.create(e.session(ref)), e.create(e.session(ref, newKey()))
		e.sameKeys(e.list(ref), a.Key, b.Key)
		e.want(e.Store.Touch(e.ctx, a.Key, a.Active.Add(time.Second), a.Due), nil)
		e.end(rp.Selector{Key: b.Key})
		got := e.list(ref)
		e.sameKeys(got, a.Key)
		a.Active = a.Active.Add(time.Second)
		e.same(got[0], a)
		e.sameKeys(e.list(newKey()))
	}},
	{"EndIsForgotten", func(e *env) {
		rec := e.create(e.session())
		e.endFor(rp.Selector{Key: rec.Key}, time.Minute)
		e.Advance(time.Minute)
		e.load(rec.Key, rp.ErrEnded) // up to and including
		e.Advance(time.Second)
		e.load(rec.Key, rp.ErrNotFound)
		e.sameKeys(e.end(rp.Selector{Key: rec.Key}))
		e.sameKeys(e.claim(time.Minute, 10))
		e.want(e.Store.Settle(e.ctx, rec.Key, nil, time.Time{}), rp.ErrNotFound)
		e.load(rec.Key, rp.ErrNotFound)
	}},
	{"EndWithoutMemory", func(e *env) {
		rec := e.create(e.session())
		end := rp.End{Reason: rp.Admin, At: e.now(), Until: e.now().Add(-time.Second)}
		got, err := e.Store.End(e.ctx, rp.Selector{Ref: rec.Refs[0]}, end)
		e.want(err, nil)
		e.sameKeys(got, rec.Key)
		e.load(rec.Key, rp.ErrNotFound)
		e.sameKeys(e.list(rec.Refs[1]))
		e.create(e.session(rec.Refs...))
	}},

	{"TombstoneForbidsToCreate", func(e *env) { // C5, BCL-18: the logout overtakes the log-in
		a, b := newKey(), newKey()
		e.endFor(rp.Selector{Ref: b}, time.Minute)
		rec := e.session(a, b)
		e.want(e.Store.Create(e.ctx, rec), rp.ErrEnded)
		e.load(rec.Key, rp.ErrNotFound)
		e.sameKeys(e.list(a))
		e.sameKeys(e.list(b))
		young := e.session(b)
		young.Begun = e.now().Add(time.Hour) // zero BegunBy: any
		e.want(e.Store.Create(e.ctx, young), rp.ErrEnded)
		e.create(e.session(a))

		e.Advance(time.Minute)
		e.want(e.Store.Create(e.ctx, rec), rp.ErrEnded) // up to and including
		e.Advance(time.Second)
		e.create(rec)
	}},
	{"TombstoneAfterAnEnd", func(e *env) {
		rec := e.create(e.session())
		e.end(rp.Selector{Ref: rec.Refs[0]})
		e.want(e.Store.Create(e.ctx, e.session(rec.Refs[0])), rp.ErrEnded)
		e.create(e.session(rec.Refs[1])) // only the Ref that was named is buried
	}},
	{"TombstoneBegunBy", func(e *env) { // BCL-18: it must not kill later log-ins
		ref := newKey()
		at := e.now().Add(-time.Minute)
		e.endFor(rp.Selector{Ref: ref, BegunBy: at}, time.Hour)
		for d, want := range map[time.Duration]error{
			-time.Hour: rp.ErrEnded, 0: rp.ErrEnded, time.Millisecond: nil, time.Hour: nil,
		} {
			rec := e.session(ref)
			rec.Begun = at.Add(d)
			e.want(e.Store.Create(e.ctx, rec), want)
		}
	}},
	{"TombstoneIssuedBy", func(e *env) { // C5, BCL-18: the clocks of the instances differ
		at := e.now().Add(-time.Minute)
		const ms, h = time.Millisecond, time.Hour
		for _, t := range []struct {
			what          string
			begunBy       time.Time
			begun, issued time.Duration // of the log-in, after at
			unknown       bool          // the log-in has no Issued
			want          error
		}{
			{"begun before by a clock that is ahead", at, h, -ms, false, rp.ErrEnded},
			{"issued long before", at, h, -h, false, rp.ErrEnded},
			{"started after it", at, ms, ms, false, nil},
			{"started after it, in the same second of the IdP", at, ms, 0, false, nil},
			{"started before it, in the same second of the IdP", at, 0, 0, false, rp.ErrEnded},
			{"begun before, by our clocks", at, 0, h, false, rp.ErrEnded},
			{"begun after it, issued nobody knows when", at, ms, 0, true, nil},
			{"begun before it, issued nobody knows when", at, 0, 0, true, rp.ErrEnded},
			{"any beginning", time.Time{}, h, h, false, rp.ErrEnded},
			{"any beginning, issued nobody knows when", time.Time{}, h, 0, true, rp.ErrEnded},
		} {
			ref := newKey()
			moving, rec := e.session(), e.session(ref)
			rec.Begun, rec.Issued = at.Add(t.begun), at.Add(t.issued)
			if t.unknown {
				rec.Issued = time.Time{}
			}
			moving.Begun, moving.Issued = rec.Begun, rec.Issued
			moving = e.create(moving)
			e.endFor(rp.Selector{Ref: ref, BegunBy: t.begunBy, IssuedBy: at}, time.Minute)
			if err := e.Store.Create(e.ctx, rec); !errors.Is(err, t.want) {
				e.Errorf("Create, %s: %v, want %v", t.what, err, t.want)
			}
			moving.Refs = []rp.Key{moving.Refs[0], ref}
			moving.Begun, moving.Issued = time.Time{}, time.Time{} // those that are stored count
			if err := e.Store.Replace(e.ctx, moving); !errors.Is(err, t.want) {
				e.Errorf("Replace with a new reference, %s: %v, want %v", t.what, err, t.want)
			}
		}
	}},
	{"TombstonesOfTwoClocks", func(e *env) { // each counts for itself, whichever comes first
		at := e.now()
		tombs := []struct {
			begunBy, issuedBy time.Duration // after at; 0: IssuedBy is not set
			memory            time.Duration
		}{
			{-time.Hour, -time.Minute, time.Hour},
			{-time.Minute, -time.Hour, time.Hour},
			{-time.Second, 0, 20 * time.Minute},
			{-2 * time.Hour, -time.Second, 10 * time.Minute},
			{-2 * time.Hour, -2 * time.Hour, time.Hour}, // covered by the first
		}
		type login struct{ begun, issued time.Duration }
		refs := make([]rp.Key, len(tombs))
		for first := range tombs {
			refs[first] = newKey()
			for i := range tombs {
				t := tombs[(first+i)%len(tombs)]
				sel := rp.Selector{Ref: refs[first], BegunBy: at.Add(t.begunBy)}
				if t.issuedBy != 0 {
					sel.IssuedBy = at.Add(t.issuedBy)
				}
				e.endFor(sel, t.memory)
			}
		}
		check := func(want map[login]error) {
			e.Helper()
			for _, ref := range refs {
				for l, w := range want {
					rec := e.session(ref)
					rec.Begun, rec.Issued = at.Add(l.begun), at.Add(l.issued)
					if err := e.Store.Create(e.ctx, rec); !errors.Is(err, w) {
						e.Fatalf("Create, begun at %v, issued at %v: %v, want %v", l.begun, l.issued, err, w)
					}
				}
			}
		}
		const s, ms = time.Second, time.Millisecond
		check(map[login]error{{-s, 0}: rp.ErrEnded, {0, -s - ms}: rp.ErrEnded, {-s + ms, -s}: nil})
		e.Advance(10*time.Minute + s)
		e.claim(time.Minute, 100)
		check(map[login]error{{-s, 0}: rp.ErrEnded, {0, -60*s - ms}: rp.ErrEnded, {-s + ms, -60 * s}: nil})
		e.Advance(10 * time.Minute)
		e.claim(time.Minute, 100)
		check(map[login]error{{-60 * s, 0}: rp.ErrEnded, {0, -60*s - ms}: rp.ErrEnded, {-60*s + ms, -60 * s}: nil})
		e.Advance(40 * time.Minute)
		e.claim(time.Minute, 100)
		check(map[login]error{{-2 * time.Hour, -2 * time.Hour}: nil})
	}},
	{"TombstonesAreNeverWeakened", func(e *env) {
		begun := e.now()
		tombs := []struct {
			begunBy time.Time // zero: any
			memory  time.Duration
		}{
			{begun, 30 * time.Minute},
			{begun.Add(-time.Hour), time.Hour},
			{time.Time{}, time.Minute},
			{begun.Add(time.Hour), 10 * time.Minute},
			{begun, 5 * time.Minute}, // covered by the first
		}
		// Every order gives the same answers at every time.
		for first := range tombs {
			ref := newKey()
			for i := range tombs {
				t := tombs[(first+i)%len(tombs)]
				e.endFor(rp.Selector{Ref: ref, BegunBy: t.begunBy}, t.memory)
			}
			e.checkTombs(ref, begun, map[time.Duration]error{
				-2 * time.Hour: rp.ErrEnded, 0: rp.ErrEnded, time.Minute: rp.ErrEnded, 2 * time.Hour: rp.ErrEnded})
		}
		ref := newKey()
		for _, t := range tombs {
			e.endFor(rp.Selector{Ref: ref, BegunBy: t.begunBy}, t.memory)
		}
		e.Advance(2 * time.Minute) // "any" is over
		e.checkTombs(ref, begun, map[time.Duration]error{
			-2 * time.Hour: rp.ErrEnded, 0: rp.ErrEnded, time.Minute: rp.ErrEnded, 2 * time.Hour: nil})
		e.Advance(10 * time.Minute)
		e.checkTombs(ref, begun, map[time.Duration]error{
			-2 * time.Hour: rp.ErrEnded, 0: rp.ErrEnded, time.Minute: nil})
		e.Advance(20 * time.Minute)
		e.claim(time.Minute, 100) // forgetting must not take the last one along
		e.checkTombs(ref, begun, map[time.Duration]error{-2 * time.Hour: rp.ErrEnded, 0: nil})
		e.Advance(time.Hour)
		e.claim(time.Minute, 100)
		e.checkTombs(ref, begun, map[time.Duration]error{-2 * time.Hour: nil})
	}},

	{"Settle", func(e *env) {
		rec := e.create(e.session())
		e.want(e.Store.Settle(e.ctx, rec.Key, newBytes(10), e.now()), rp.ErrNotFound) // it lives
		e.same(e.load(rec.Key, nil), rec)
		e.want(e.Store.Settle(e.ctx, newKey(), newBytes(10), e.now()), rp.ErrNotFound)

		e.end(rp.Selector{Key: rec.Key})
		want := e.load(rec.Key, rp.ErrEnded)
		want.Sealed, want.Due = newBytes(500), e.now().Add(time.Minute)
		e.want(e.Store.Settle(e.ctx, rec.Key, want.Sealed, want.Due), nil)
		e.same(e.load(rec.Key, rp.ErrEnded), want)
		e.sameKeys(e.claim(time.Second, 10))
		e.Advance(time.Minute)
		e.sameKeys(e.claim(time.Second, 10), rec.Key)

		want.Sealed, want.Due = nil, time.Time{}
		e.want(e.Store.Settle(e.ctx, rec.Key, nil, time.Time{}), nil)
		e.same(e.load(rec.Key, rp.ErrEnded), want)
		e.Advance(time.Minute)
		e.sameKeys(e.claim(time.Second, 10)) // nothing remains to be done
	}},
}

// checkTombs creates sessions begun at begun + each offset.
func (e *env) checkTombs(ref rp.Key, begun time.Time, want map[time.Duration]error) {
	e.Helper()
	for offset, w := range want {
		rec := e.session(ref)
		rec.Begun = begun.Add(offset)
		if err := e.Store.Create(e.ctx, rec); !errors.Is(err, w) {
			e.Fatalf("Create begun at %+v: %v, want %v", offset, err, w)
		}
	}
}
