package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/tandem-sso/tandem/internal/servertest"
	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/boltstore"
	"github.com/tandem-sso/tandem/rp/store/pgstore"
)

// boltSubjects adds the store in a file.
func boltSubjects(tandem func(string, store.Store) error, after *cleanup) error {
	dir, err := os.MkdirTemp("", "tandem-bench-")
	if err != nil {
		return err
	}
	after.add(func() { _ = os.RemoveAll(dir) })
	open := func(name string, cacheBytes int) (store.Store, error) {
		kept, err := boltstore.Open(filepath.Join(dir, name), boltstore.Options{CacheBytes: cacheBytes})
		if err == nil {
			after.add(func() { _ = kept.Close() })
		}
		return kept, err
	}
	kept, err := open("hot", 0)
	if err == nil {
		err = tandem("boltstore hot", kept)
	}
	if err != nil {
		return err
	}
	if kept, err = open("cold", 1); err != nil {
		return err
	}
	return coldly("boltstore cold", kept, tandem)
}

// postgresSubjects adds the store in PostgreSQL, if there is one. It is asked for
// every request: what is hot is only the opened record.
func postgresSubjects(ctx context.Context, tandem func(string, store.Store) error, after *cleanup) error {
	server, err := servertest.StartPostgres()
	if err != nil {
		fmt.Println("(no PostgreSQL: those rows are left out)")
		return nil
	}
	after.add(server.Close)
	kept, err := pgstore.Open(ctx, server.URL, pgstore.Options{Migrate: true})
	if err != nil {
		return err
	}
	after.add(func() { _ = kept.Close() })
	if err := tandem("pgstore hot", kept); err != nil {
		return err
	}
	return coldly("pgstore cold", kept, tandem)
}

// coldly adds a store whose sessions this process has never seen before.
func coldly(name string, kept store.Store, tandem func(string, store.Store) error) error {
	unseen := &cold{Store: kept}
	err := tandem(name, unseen)
	unseen.on.Store(true) // after the log-ins, which write
	return err
}

// cold makes every session one that this process has not seen before: it comes
// from the store and is unsealed and decoded.
type cold struct {
	store.Store
	on      atomic.Bool
	version atomic.Uint64
}

func (c *cold) Load(ctx context.Context, key store.Key) (store.Record, error) {
	rec, err := c.Store.Load(ctx, key)
	if err == nil && c.on.Load() {
		rec.Version |= c.version.Add(1) << 32
	}
	return rec, err
}

func (c *cold) Replace(ctx context.Context, rec store.Record) error {
	rec.Version = uint64(uint32(rec.Version))
	return c.Store.Replace(ctx, rec)
}

func (c *cold) End(ctx context.Context, sel store.Selector, end store.End) ([]store.Record, error) {
	sel.Version = uint64(uint32(sel.Version))
	return c.Store.End(ctx, sel, end)
}

// cleanup is what is to be done at the end, last things first.
type cleanup []func()

func (c *cleanup) add(f func()) { *c = append(*c, f) }

func (c *cleanup) run() {
	for i := len(*c) - 1; i >= 0; i-- {
		(*c)[i]()
	}
}
