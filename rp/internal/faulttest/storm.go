package faulttest

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tandem-sso/tandem/rp/store"
)

const (
	shown   = 50               // so many answers and failures are enough
	patient = 30 * time.Second // on a machine that has other things to do
)

// storm cuts all connections every few milliseconds while sessions are created
// and ended. Whatever was answered has to be true afterwards. On a slow machine a new
// connection takes longer than that, so nothing is cut before there was an answer again.
func (f *fault) storm() {
	ctx, cancel := context.WithTimeout(f.Context(), patient)
	defer cancel()
	type fate struct {
		rec                    store.Record
		created, ending, ended bool
		claimsToHaveIt         int
	}
	const workers = 4
	fates := make([][]*fate, workers)
	var failures, answers atomic.Int32
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for ctx.Err() == nil {
				one := &fate{rec: newRecord()}
				fates[w] = append(fates[w], one)
				err := f.far.Create(ctx, one.rec)
				if one.created = err == nil; !one.created {
					if isAnswer(err) {
						f.Errorf("Create: %v", err)
					}
					failures.Add(1)
					continue
				}
				answers.Add(1)
				if len(fates[w])%2 == 0 {
					continue
				}
				one.ending = true
				got, err := f.far.End(ctx, store.Selector{Ref: one.rec.Refs[1]}, ending())
				one.ended = err == nil
				one.claimsToHaveIt = len(got)
				if err != nil {
					failures.Add(1)
				}
			}
		})
	}
	wg.Go(func() {
		defer cancel()
		seen := int32(0)
		for ctx.Err() == nil && (seen < shown || failures.Load() < shown) {
			time.Sleep(30 * time.Millisecond)
			if now := answers.Load(); now > seen {
				seen = now
				f.proxy.Reset()
			}
		}
	})
	wg.Wait()
	for _, list := range fates {
		for _, one := range list {
			rec, err := f.near.Load(f.Context(), one.rec.Key)
			switch {
			case one.ended && !errors.Is(err, store.ErrEnded):
				f.Fatalf("ended, and Load answers %v", err)
			case one.ended && one.claimsToHaveIt > 1:
				f.Fatal("in the answer twice")
			case one.created && !one.ending && (err != nil || rec.Version != 1):
				f.Fatalf("created, and Load answers version %d, %v", rec.Version, err)
			case one.created && errors.Is(err, store.ErrNotFound):
				f.Fatal("created, and lost")
			}
			if err != nil {
				continue
			}
			for _, ref := range one.rec.Refs { // who lives is to be found
				live, err := f.near.List(f.Context(), ref)
				if err != nil || len(live) != 1 {
					f.Fatalf("List finds %d, %v", len(live), err)
				}
			}
		}
	}
	f.Logf("%d answers, %d failures", answers.Load(), failures.Load())
	if answers.Load() == 0 || failures.Load() == 0 {
		f.Error("nothing was shown")
	}
}
