package storetest

import (
	"errors"
	"time"

	"github.com/tandem-sso/tandem/rp/store"
)

// rollTests: references are hashes under keys that roll. An instance with the new key
// first writes other references than one with the old key first; a log-out looks up,
// ends and buries both, in any order.
var rollTests = []test{
	{"KeysRollBetweenLogInAndLogout", func(e *env) {
		for _, newFirst := range []bool{false, true} {
			old, fresh := newKey(), newKey()
			before, moved, after := e.create(e.session(old)), e.create(e.session(old)), e.create(e.session(fresh))
			moved.Refs = []store.Key{fresh} // a refresh on an instance that has rolled
			e.want(e.Store.Replace(e.ctx, moved), nil)
			underWay := []store.Record{e.session(old), e.session(fresh)}

			refs := []store.Key{old, fresh}
			if newFirst {
				refs = []store.Key{fresh, old}
			}
			var ended []store.Record
			for _, ref := range refs {
				ended = append(ended, e.end(store.Selector{Ref: ref, BegunBy: e.now()})...)
			}
			e.sameKeys(ended, before.Key, moved.Key, after.Key)
			for _, rec := range underWay {
				e.want(e.Store.Create(e.ctx, rec), store.ErrEnded)
			}
			later := e.session(fresh)
			later.Begun = e.now().Add(time.Millisecond)
			e.create(later)
		}
	}},
	{"KeysRollDuringALogout", func(e *env) { // C5: nothing slips from one reference to the other
		for range 20 {
			const n = 6
			old, fresh := newKey(), newKey()
			recs := make([]store.Record, n)
			for i := range recs {
				recs[i] = e.create(e.session(old))
				recs[i].Refs = []store.Key{fresh}
			}
			end := e.ending(time.Minute)
			e.together(n+1, func(i int, s store.Store) error {
				if i == n {
					for _, ref := range []store.Key{fresh, old} {
						if _, err := s.End(e.ctx, store.Selector{Ref: ref}, end); err != nil {
							return err
						}
					}
					return nil
				}
				err := s.Replace(e.ctx, recs[i])
				if errors.Is(err, store.ErrEnded) {
					return nil // it stays under the old reference, which is buried second
				}
				return err
			})
			for _, rec := range recs {
				e.load(rec.Key, store.ErrEnded)
			}
			e.sameKeys(e.list(old))
			e.sameKeys(e.list(fresh))
		}
	}},
}
