package memstore

import (
	"context"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/rp/store"
)

func BenchmarkStore(b *testing.B) {
	const n = 100_000
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	s := filled(b, n, time.Now)
	keys := make([]store.Key, n)
	for i := range keys {
		keys[i] = nth('k', i)
	}
	hot := keys[0]
	b.Run("LoadHot", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := s.Load(ctx, hot); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("LoadAny", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if _, err := s.Load(ctx, keys[i*7919%n]); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("LoadHotParallel", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				s.Load(ctx, hot)
			}
		})
	})
	at := time.Now()
	b.Run("Touch", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			at = at.Add(time.Millisecond)
			if err := s.Touch(ctx, hot, at, at.Add(time.Hour)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Replace", func(b *testing.B) {
		b.ReportAllocs()
		rec, _ := s.Load(ctx, hot)
		for b.Loop() {
			if err := s.Replace(ctx, rec); err != nil {
				b.Fatal(err)
			}
			rec.Version++
		}
	})
	b.Run("ClaimNothing", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			s.Claim(ctx, store.Key{1}, at.Add(-48*time.Hour), time.Minute, 100)
		}
	})
}
