package boltstore_test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/boltstore"
)

func nth(kind byte, i int) store.Key {
	return sha256.Sum256(binary.BigEndian.AppendUint64([]byte{kind}, uint64(i)))
}

var owner = nth('c', 0)

func record(i int) store.Record {
	now := time.Now()
	return store.Record{
		Key: nth('k', i), Owner: owner, Refs: []store.Key{nth('s', i), nth('u', i/2)}, Sealed: make([]byte, 3<<10),
		Begun: now, Issued: now, Active: now, Due: now.Add(time.Hour),
	}
}

func open(tb testing.TB, path string, o boltstore.Options) *boltstore.Store {
	tb.Helper()
	s, err := boltstore.Open(path, o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return s
}

// each calls do for 0 to n-1, 64 at a time, so that commits are shared.
func each(tb testing.TB, n int, do func(i int) error) {
	tb.Helper()
	todo, done := make(chan int), make(chan error, 64)
	for range cap(done) {
		go func() {
			var err error
			for i := range todo {
				err = errors.Join(err, do(i))
			}
			done <- err
		}()
	}
	for i := range n {
		todo <- i
	}
	close(todo)
	for range cap(done) {
		if err := <-done; err != nil {
			tb.Fatal(err)
		}
	}
}

func BenchmarkStore(b *testing.B) {
	const n = 20_000
	ctx := context.Background()
	fill := func(b *testing.B, o boltstore.Options) *boltstore.Store {
		s := open(b, filepath.Join(b.TempDir(), "sessions.db"), o)
		start := time.Now()
		each(b, n, func(i int) error { return s.Create(ctx, record(i)) })
		b.Logf("Create, 64 at a time: %v each", time.Since(start)/n)
		return s
	}
	s := fill(b, boltstore.Options{CacheBytes: 1 << 30})
	cold := fill(b, boltstore.Options{CacheBytes: 1})
	b.Run("LoadHot", func(b *testing.B) {
		b.ReportAllocs()
		key := nth('k', 1)
		for b.Loop() {
			if _, err := s.Load(ctx, key); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("LoadCold", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if _, err := cold.Load(ctx, nth('k', i%n)); err != nil {
				b.Fatal(err)
			}
		}
	})
	at := time.Now()
	b.Run("Touch", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			at = at.Add(time.Millisecond)
			if err := s.Touch(ctx, nth('k', i%n), at, at.Add(time.Hour)); err != nil {
				b.Fatal(err)
			}
		}
	})
	replace := func(key store.Key) error {
		rec, err := s.Load(ctx, key)
		if err != nil {
			return err
		}
		return s.Replace(ctx, rec)
	}
	b.Run("Replace", func(b *testing.B) {
		for b.Loop() {
			if err := replace(nth('k', 2)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Replace64", func(b *testing.B) {
		b.SetParallelism(32)
		next := make(chan int, 1<<20)
		for i := range cap(next) {
			next <- i
		}
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if err := replace(nth('k', <-next%n)); err != nil {
					b.Error(err)
				}
			}
		})
	})
	b.Run("ClaimNothing", func(b *testing.B) { // all that is overdue is another's
		for b.Loop() {
			if got, err := s.Claim(ctx, nth('c', 1), at.Add(48*time.Hour), time.Minute, 100); err != nil ||
				len(got) != 0 {
				b.Fatal(len(got), err)
			}
		}
	})
	b.Run("Claim64", func(b *testing.B) {
		now := at.Add(48 * time.Hour)
		for b.Loop() {
			if got, err := s.Claim(ctx, owner, now, time.Minute, 64); err != nil || len(got) != 64 {
				b.Fatal(len(got), err)
			}
			now = now.Add(time.Second)
		}
	})
}
