package redisstore_test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/redisstore"
)

func nth(kind byte, i int) store.Key {
	return sha256.Sum256(binary.BigEndian.AppendUint64([]byte{kind}, uint64(i)))
}

var benchOwner = nth('c', 0)

func record(i int) store.Record {
	now := time.Now()
	return store.Record{
		Key: nth('k', i), Owner: benchOwner, Refs: []store.Key{nth('s', i), nth('u', i/2)}, Sealed: make([]byte, 3<<10),
		Begun: now, Issued: now, Active: now, Due: now.Add(time.Hour),
	}
}

func BenchmarkStore(b *testing.B) {
	const n = 1000
	ctx := context.Background()
	prefix := newPrefix()
	s := open(b, shared(b).Addr, redisstore.Options{Prefix: prefix})
	cold := open(b, shared(b).Addr, redisstore.Options{Prefix: prefix, CacheBytes: 1})
	for i := range n {
		if err := s.Create(ctx, record(i)); err != nil {
			b.Fatal(err)
		}
	}
	bare, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{shared(b).Addr}, DisableCache: true})
	if err != nil {
		b.Fatal(err)
	}
	defer bare.Close()
	if err := bare.Do(ctx, bare.B().Set().Key("bare").Value(string(make([]byte, 3<<10))).Build()).Error(); err != nil {
		b.Fatal(err)
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
	load := func(s *redisstore.Store) func(i int) error {
		return func(i int) error { _, err := s.Load(ctx, nth('k', i)); return err }
	}
	hot := nth('k', 0)
	run("LoadHot", 1, func(int) error { _, err := s.Load(ctx, hot); return err })
	run("LoadCold", 1, load(cold))
	run("LoadCold64", 32, load(cold))
	get := func(int) error { return bare.Do(ctx, bare.B().Get().Key("bare").Build()).Error() }
	run("BareGet", 1, get)
	run("BareGet64", 32, get)
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
	run("AcquireAndRelease", 1, func(i int) error {
		l, err := s.Acquire(ctx, nth('l', i), time.Minute)
		if err != nil {
			return err
		}
		return s.Release(ctx, l)
	})
	run("ClaimNothing", 1, func(int) error {
		_, err := s.Claim(ctx, benchOwner, time.Now().Add(-time.Hour), time.Minute, 100)
		return err
	})
}
