package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/tandem-sso/tandem/internal/servertest"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/boltstore"
	"github.com/tandem-sso/tandem/rp/pgstore"
)

// boltSubjects adds the store in a file.
func boltSubjects(tandem func(string, rp.Store) error, after *cleanup) error {
	dir, err := os.MkdirTemp("", "tandem-bench-")
	if err != nil {
		return err
	}
	after.add(func() { _ = os.RemoveAll(dir) })
	open := func(name string, cacheBytes int) (rp.Store, error) {
		store, err := boltstore.Open(filepath.Join(dir, name), boltstore.Options{CacheBytes: cacheBytes})
		if err == nil {
			after.add(func() { _ = store.Close() })
		}
		return store, err
	}
	store, err := open("hot", 0)
	if err == nil {
		err = tandem("boltstore hot", store)
	}
	if err != nil {
		return err
	}
	if store, err = open("cold", 1); err != nil {
		return err
	}
	return coldly("boltstore cold", store, tandem)
}

// postgresSubjects adds the store in PostgreSQL, if there is one. It is asked for
// every request: what is hot is only the opened record.
func postgresSubjects(ctx context.Context, tandem func(string, rp.Store) error, after *cleanup) error {
	server, err := servertest.StartPostgres()
	if err != nil {
		fmt.Println("(no PostgreSQL: those rows are left out)")
		return nil
	}
	after.add(server.Close)
	store, err := pgstore.Open(ctx, server.URL, pgstore.Options{Migrate: true})
	if err != nil {
		return err
	}
	after.add(func() { _ = store.Close() })
	if err := tandem("pgstore hot", store); err != nil {
		return err
	}
	return coldly("pgstore cold", store, tandem)
}

// coldly adds a store whose sessions this process has never seen before.
func coldly(name string, store rp.Store, tandem func(string, rp.Store) error) error {
	unseen := &cold{Store: store}
	err := tandem(name, unseen)
	unseen.on.Store(true) // after the log-ins, which write
	return err
}

// cold makes every session one that this process has not seen before: it comes
// from the store and is unsealed and decoded.
type cold struct {
	rp.Store
	on      atomic.Bool
	version atomic.Uint64
}

func (c *cold) Load(ctx context.Context, key rp.Key) (rp.Record, error) {
	rec, err := c.Store.Load(ctx, key)
	if err == nil && c.on.Load() {
		rec.Version |= c.version.Add(1) << 32
	}
	return rec, err
}

func (c *cold) Replace(ctx context.Context, rec rp.Record) error {
	rec.Version = uint64(uint32(rec.Version))
	return c.Store.Replace(ctx, rec)
}

func (c *cold) End(ctx context.Context, sel rp.Selector, end rp.End) ([]rp.Record, error) {
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
