package storetest

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/tandem-sso/tandem/rp/store"
)

var callTests = []test{
	{"BadArguments", func(e *env) {
		good := e.session()
		for what, spoil := range map[string]func(*store.Record){
			"zero key":        func(r *store.Record) { r.Key = store.Key{} },
			"no owner":        func(r *store.Record) { r.Owner = store.Key{} },
			"no refs":         func(r *store.Record) { r.Refs = nil },
			"zero ref":        func(r *store.Record) { r.Refs = []store.Key{newKey(), {}} },
			"double ref":      func(r *store.Record) { r.Refs = []store.Key{r.Refs[0], newKey(), r.Refs[0]} },
			"too many refs":   func(r *store.Record) { r.Refs = append(slices.Clone(r.Refs), make([]store.Key, 7)...) },
			"too much sealed": func(r *store.Record) { r.Sealed = make([]byte, store.MaxSealed+1) },
		} {
			rec := good
			spoil(&rec)
			e.refused(e.Store.Create(e.ctx, rec), "Create with "+what)
			rec.Version = 1
			e.refused(e.Store.Replace(e.ctx, rec), "Replace with "+what)
		}
		e.load(good.Key, store.ErrNotFound)
		e.load(store.Key{}, store.ErrNotFound)
		e.create(good)

		// Empty never matches.
		end := e.ending(time.Minute)
		for what, sel := range map[string]store.Selector{
			"nothing":             {},
			"key and ref":         {Key: good.Key, Ref: good.Refs[0]},
			"version of a ref":    {Ref: good.Refs[0], Version: 1},
			"idleness of a ref":   {Ref: good.Refs[0], IdleSince: e.now()},
			"begun by of a key":   {Key: good.Key, BegunBy: e.now()},
			"issued by of a key":  {Key: good.Key, IssuedBy: e.now()},
			"conditions, no name": {Version: 1, IdleSince: e.now()},
		} {
			_, err := e.Store.End(e.ctx, sel, end)
			e.refused(err, "End of "+what)
		}
		for what, end := range map[string]store.End{
			"no reason":    {At: e.now(), Until: e.now().Add(time.Minute)},
			"no time":      {Reason: "idle", Until: e.now().Add(time.Minute)},
			"no until":     {Reason: "idle", At: e.now()},
			"a long story": {Reason: string(newBytes(65)), At: e.now(), Until: e.now()},
		} {
			_, err := e.Store.End(e.ctx, store.Selector{Ref: good.Refs[0]}, end)
			e.refused(err, "End with "+what)
		}
		_, err := e.Store.Claim(e.ctx, owner, e.now(), 0, 10)
		e.refused(err, "Claim without hold")
		_, err = e.Store.Acquire(e.ctx, newKey(), 0)
		e.refused(err, "Acquire without ttl")
		e.refused(e.Store.Settle(e.ctx, good.Key, make([]byte, store.MaxSealed+1), e.now()), "Settle with too much")
		e.load(good.Key, nil)
		e.create(e.session(good.Refs...))
	}},
	{"Prints", func(e *env) {
		rec := e.create(e.session())
		var work sync.WaitGroup
		defer work.Wait()
		work.Go(func() { // under -race: what is printed is not what this writes
			for range 100 {
				if err := e.Store.Touch(e.ctx, rec.Key, e.now(), e.now().Add(time.Hour)); err != nil {
					e.Error(err)
				}
			}
		})
		for _, verb := range []string{"%v", "%+v", "%s", "%d"} {
			if text := fmt.Sprintf(verb, e.Store); len(text) > 200 {
				e.Errorf("%s prints %d bytes of the store's inside: %.200s", verb, len(text), text)
			}
		}
	}},
	{"CancelledContext", func(e *env) {
		rec, gone := e.create(e.session()), e.create(e.session())
		overdue := e.due(-time.Second)
		e.end(store.Selector{Key: gone.Key})
		ended := e.load(gone.Key, store.ErrEnded)
		id := newKey()
		l := e.acquire(id, time.Minute)

		ctx, cancel := context.WithCancel(e.ctx)
		cancel()
		fresh, next, now := e.session(), rec, e.now()
		next.Sealed = newBytes(10)
		for what, call := range map[string]func() error{
			"Load":    func() error { _, err := e.Store.Load(ctx, rec.Key); return err },
			"Create":  func() error { return e.Store.Create(ctx, fresh) },
			"Replace": func() error { return e.Store.Replace(ctx, next) },
			"Touch":   func() error { return e.Store.Touch(ctx, rec.Key, now.Add(time.Second), now) },
			"End": func() error {
				_, err := e.Store.End(ctx, store.Selector{Ref: rec.Refs[0]}, e.ending(time.Minute))
				return err
			},
			"List":    func() error { _, err := e.Store.List(ctx, rec.Refs[0]); return err },
			"Claim":   func() error { _, err := e.Store.Claim(ctx, owner, now, time.Minute, 10); return err },
			"Settle":  func() error { return e.Store.Settle(ctx, gone.Key, nil, time.Time{}) },
			"Once":    func() error { return e.Store.Once(ctx, fresh.Key, now.Add(time.Minute)) },
			"Acquire": func() error { _, err := e.Store.Acquire(ctx, fresh.Key, time.Minute); return err },
			"Renew":   func() error { return e.Store.Renew(ctx, l, time.Nanosecond+time.Millisecond) },
			"Release": func() error { return e.Store.Release(ctx, l) },
			"Watch": func() error {
				return e.Store.Watch(ctx, func(c store.Change) {
					if c != (store.Change{}) {
						e.Errorf("Watch with a cancelled context reports %+v", c)
					}
				})
			},
		} {
			if err := call(); err == nil || isAnswer(err) {
				e.Errorf("%s with a cancelled context: %v", what, err)
			} else {
				e.want(err, context.Canceled)
			}
		}
		// Nothing was done.
		e.same(e.load(rec.Key, nil), rec)
		e.same(e.load(gone.Key, store.ErrEnded), ended)
		e.load(fresh.Key, store.ErrNotFound)
		e.sameKeys(e.claim(time.Minute, 10), overdue.Key, gone.Key)
		e.want(e.Store.Once(e.ctx, fresh.Key, now.Add(time.Minute)), nil)
		e.acquire(fresh.Key, time.Minute)
		e.Advance(time.Second)
		e.want(e.Store.Release(e.ctx, l), nil)
		e.create(fresh)
		e.create(e.session(rec.Refs[0])) // no tombstone
	}},
	{"SlicesAreNeverWritten", func(e *env) {
		type slices2 struct {
			sealed, sealedCopy []byte
			refs, refsCopy     []store.Key
		}
		var seen []slices2
		note := func(r store.Record) {
			e.Helper()
			if cap(r.Sealed) != len(r.Sealed) || cap(r.Refs) != len(r.Refs) {
				e.Fatal("a slice was handed out with spare capacity: two appends would meet there")
			}
			seen = append(seen, slices2{r.Sealed, bytes.Clone(r.Sealed), r.Refs, slices.Clone(r.Refs)})
		}
		roomy := e.session()
		roomy.Sealed = append(make([]byte, 0, 1000), roomy.Sealed...)
		roomy.Refs = append(make([]store.Key, 0, 8), roomy.Refs...)
		spareSealed, spareRefs := roomy.Sealed[len(roomy.Sealed):1000], roomy.Refs[len(roomy.Refs):8]
		rec := e.create(roomy)
		look := func() {
			e.Helper()
			got, err := e.Store.Load(e.ctx, rec.Key)
			if err != nil {
				e.want(err, store.ErrEnded)
			}
			note(got)
		}
		look()
		e.want(e.Store.Touch(e.ctx, rec.Key, rec.Active.Add(time.Second), rec.Due), nil)
		look()
		for _, r := range e.list(rec.Refs[0]) {
			note(r)
		}
		rec.Sealed = append(make([]byte, 0, 500), newBytes(100)...)
		rec.Refs = append(make([]store.Key, 0, 8), newKey(), rec.Refs[1])
		e.want(e.Store.Replace(e.ctx, rec), nil)
		look()
		e.Advance(time.Hour)
		for _, r := range e.claim(time.Minute, 1) {
			note(r)
		}
		for _, r := range e.end(store.Selector{Ref: rec.Refs[1]}) {
			note(r)
		}
		look()
		e.want(e.Store.Settle(e.ctx, rec.Key, append(make([]byte, 0, 50), newBytes(7)...), e.now()), nil)
		look()
		for _, r := range e.claim(time.Minute, 1) {
			note(r)
		}
		if len(seen) != 9 {
			e.Fatalf("%d records were handed out, want 9", len(seen))
		}
		for _, s := range seen {
			if !bytes.Equal(s.sealed, s.sealedCopy) || !slices.Equal(s.refs, s.refsCopy) {
				e.Fatal("a slice that was handed out has changed")
			}
		}
		if slices.Max(spareSealed) != 0 || slices.ContainsFunc(spareRefs, func(k store.Key) bool {
			return k != store.Key{}
		}) {
			e.Fatal("the Store wrote behind a slice that was handed over")
		}
	}},
}
