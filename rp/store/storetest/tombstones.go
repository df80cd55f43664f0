package storetest

import (
	"errors"
	"time"

	"github.com/tandem-sso/tandem/rp/store"
)

var tombstoneTests = []test{
	{"TombstoneForbidsToCreate", func(e *env) { // C5, BCL-18: the log-out overtakes the log-in
		a, b := newKey(), newKey()
		e.endFor(store.Selector{Ref: b}, time.Minute)
		rec := e.session(a, b)
		e.want(e.Store.Create(e.ctx, rec), store.ErrEnded)
		e.load(rec.Key, store.ErrNotFound)
		e.sameKeys(e.list(a))
		e.sameKeys(e.list(b))
		young := e.session(b)
		young.Begun = e.now().Add(time.Hour) // zero BegunBy: any
		e.want(e.Store.Create(e.ctx, young), store.ErrEnded)
		e.create(e.session(a))

		e.Advance(time.Minute)
		e.want(e.Store.Create(e.ctx, rec), store.ErrEnded) // up to and including
		e.Advance(time.Second)
		e.create(rec)
	}},
	{"TombstoneAfterAnEnd", func(e *env) {
		rec := e.create(e.session())
		e.end(store.Selector{Ref: rec.Refs[0]})
		e.want(e.Store.Create(e.ctx, e.session(rec.Refs[0])), store.ErrEnded)
		e.create(e.session(rec.Refs[1])) // only the Ref that was named is buried
	}},
	{"TombstoneBegunBy", func(e *env) { // BCL-18: it must not kill later log-ins
		ref := newKey()
		at := e.now().Add(-time.Minute)
		e.endFor(store.Selector{Ref: ref, BegunBy: at}, time.Hour)
		for d, want := range map[time.Duration]error{
			-time.Hour: store.ErrEnded, 0: store.ErrEnded, time.Millisecond: nil, time.Hour: nil,
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
			{"begun before by a clock that is ahead", at, h, -ms, false, store.ErrEnded},
			{"issued long before", at, h, -h, false, store.ErrEnded},
			{"started after it", at, ms, ms, false, nil},
			{"started after it, in the same second of the IdP", at, ms, 0, false, nil},
			{"started before it, in the same second of the IdP", at, 0, 0, false, store.ErrEnded},
			{"begun before, by our clocks", at, 0, h, false, store.ErrEnded},
			{"begun after it, issued nobody knows when", at, ms, 0, true, nil},
			{"begun before it, issued nobody knows when", at, 0, 0, true, store.ErrEnded},
			{"any beginning", time.Time{}, h, h, false, store.ErrEnded},
			{"any beginning, issued nobody knows when", time.Time{}, h, 0, true, store.ErrEnded},
		} {
			ref := newKey()
			moving, rec := e.session(), e.session(ref)
			rec.Begun, rec.Issued = at.Add(t.begun), at.Add(t.issued)
			if t.unknown {
				rec.Issued = time.Time{}
			}
			moving.Begun, moving.Issued = rec.Begun, rec.Issued
			moving = e.create(moving)
			e.endFor(store.Selector{Ref: ref, BegunBy: t.begunBy, IssuedBy: at}, time.Minute)
			if err := e.Store.Create(e.ctx, rec); !errors.Is(err, t.want) {
				e.Errorf("Create, %s: %v, want %v", t.what, err, t.want)
			}
			moving.Refs = []store.Key{moving.Refs[0], ref}
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
		refs := make([]store.Key, len(tombs))
		for first := range tombs {
			refs[first] = newKey()
			for i := range tombs {
				t := tombs[(first+i)%len(tombs)]
				sel := store.Selector{Ref: refs[first], BegunBy: at.Add(t.begunBy)}
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
		check(map[login]error{{-s, 0}: store.ErrEnded, {0, -s - ms}: store.ErrEnded, {-s + ms, -s}: nil})
		e.Advance(10*time.Minute + s)
		e.claim(time.Minute, 100)
		check(map[login]error{{-s, 0}: store.ErrEnded, {0, -60*s - ms}: store.ErrEnded, {-s + ms, -60 * s}: nil})
		e.Advance(10 * time.Minute)
		e.claim(time.Minute, 100)
		check(map[login]error{{-60 * s, 0}: store.ErrEnded, {0, -60*s - ms}: store.ErrEnded,
			{-60*s + ms, -60 * s}: nil})
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
				e.endFor(store.Selector{Ref: ref, BegunBy: t.begunBy}, t.memory)
			}
			e.checkTombs(ref, begun, map[time.Duration]error{
				-2 * time.Hour: store.ErrEnded, 0: store.ErrEnded, time.Minute: store.ErrEnded,
				2 * time.Hour: store.ErrEnded})
		}
		ref := newKey()
		for _, t := range tombs {
			e.endFor(store.Selector{Ref: ref, BegunBy: t.begunBy}, t.memory)
		}
		e.Advance(2 * time.Minute) // "any" is over
		e.checkTombs(ref, begun, map[time.Duration]error{
			-2 * time.Hour: store.ErrEnded, 0: store.ErrEnded, time.Minute: store.ErrEnded, 2 * time.Hour: nil})
		e.Advance(10 * time.Minute)
		e.checkTombs(ref, begun, map[time.Duration]error{
			-2 * time.Hour: store.ErrEnded, 0: store.ErrEnded, time.Minute: nil})
		e.Advance(20 * time.Minute)
		e.claim(time.Minute, 100) // forgetting must not take the last one along
		e.checkTombs(ref, begun, map[time.Duration]error{-2 * time.Hour: store.ErrEnded, 0: nil})
		e.Advance(time.Hour)
		e.claim(time.Minute, 100)
		e.checkTombs(ref, begun, map[time.Duration]error{-2 * time.Hour: nil})
	}},
}

// checkTombs creates sessions begun at begun + each offset.
func (e *env) checkTombs(ref store.Key, begun time.Time, want map[time.Duration]error) {
	e.Helper()
	for offset, w := range want {
		rec := e.session(ref)
		rec.Begun = begun.Add(offset)
		if err := e.Store.Create(e.ctx, rec); !errors.Is(err, w) {
			e.Fatalf("Create begun at %+v: %v, want %v", offset, err, w)
		}
	}
}
