package pgstore_test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/pgstore"
)

func nth(kind byte, i int) store.Key {
	return sha256.Sum256(binary.BigEndian.AppendUint64([]byte{kind}, uint64(i)))
}

func record(i int) store.Record {
	now := time.Now()
	return store.Record{
		Key: nth('k', i), Owner: store.Key{1}, Refs: []store.Key{nth('s', i), nth('u', i/2)},
		Sealed: make([]byte, 3<<10),
		Begun:  now, Active: now, Due: now.Add(time.Hour),
	}
}

// BenchmarkStore runs against a server with fsync off: what a commit waits for
// its disk comes on top of Replace, Create and End.
func BenchmarkStore(b *testing.B) {
	const n = 1000
	ctx := context.Background()
	s := open(b, shared(b).URL, pgstore.Options{})
	for i := range n {
		if err := s.Create(ctx, record(i)); err != nil {
			b.Fatal(err)
		}
	}
	run := func(name string, parallel int, f func(i int) error) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			if parallel > 1 {
				b.SetParallelism(parallel)
				b.RunParallel(func(pb *testing.PB) {
					for i := 0; pb.Next(); i++ {
						if err := f(i % n); err != nil {
							b.Error(err)
						}
					}
				})
				return
			}
			for i := 0; b.Loop(); i++ {
				if err := f(i % n); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	hot := nth('k', 0)
	run("LoadHot", 1, func(int) error { _, err := s.Load(ctx, hot); return err })
	run("LoadCold", 1, func(i int) error { _, err := s.Load(ctx, nth('k', i)); return err })
	run("LoadCold64", 32, func(i int) error { _, err := s.Load(ctx, nth('k', i)); return err })
	at := time.Now()
	run("Touch", 1, func(i int) error {
		at = at.Add(time.Millisecond)
		return s.Touch(ctx, nth('k', i), at, at.Add(time.Hour))
	})
	version := make([]uint64, n)
	run("Replace", 1, func(i int) error {
		rec := record(i)
		version[i]++
		rec.Version = version[i]
		return s.Replace(ctx, rec)
	})
	next := n
	run("CreateAndEnd", 1, func(int) error {
		next++
		if err := s.Create(ctx, record(next)); err != nil {
			return err
		}
		_, err := s.End(ctx, store.Selector{Ref: nth('s', next)},
			store.End{Reason: "user_logout", At: time.Now(), Until: time.Now().Add(time.Minute)})
		return err
	})
	run("ClaimNothing", 1, func(int) error {
		_, err := s.Claim(ctx, store.Key{1}, time.Now().Add(-time.Hour), time.Minute, 100)
		return err
	})
}
