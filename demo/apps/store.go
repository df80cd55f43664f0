package apps

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/boltstore"
	"github.com/tandem-sso/tandem/rp/store/memstore"
	"github.com/tandem-sso/tandem/rp/store/pgstore"
	"github.com/tandem-sso/tandem/rp/store/redisstore"
)

// openStores opens the store of each instance: a connection of its own to a server,
// or one and the same store where that is in this process.
func openStores(ctx context.Context, c Config) (stores []store.Store, release func() error, err error) {
	var releases []func() error
	release = func() (err error) {
		for _, r := range releases {
			err = errors.Join(err, r())
		}
		return err
	}
	for range max(c.Instances, 1) {
		if scheme, _, _ := strings.Cut(c.Store, ":"); len(stores) > 0 &&
			(scheme == "" || scheme == "memory" || scheme == "bolt") {
			stores = append(stores, stores[0])
			continue
		}
		s, r, err := openStore(ctx, c.Store, c.ClientID, c.storeNow)
		if err != nil {
			return nil, func() error { return nil }, errors.Join(err, release())
		}
		stores, releases = append(stores, s), append(releases, r)
	}
	return stores, release, nil
}

// openStore opens what the flag -store names; release closes it. now is nil where
// the clock is the world's: servers then go by their own, which instances share.
// An error does not repeat the name where that may carry a password.
func openStore(ctx context.Context, name, clientID string,
	now func() time.Time) (s store.Store, release func() error, err error) {
	nothing := func() error { return nil }
	scheme, rest, _ := strings.Cut(name, ":")
	switch scheme {
	case "", "memory":
		return memstore.New(memstore.Options{Now: now}), nothing, nil
	case "bolt":
		if rest == "" {
			return nil, nothing, &FlagError{"store", "names no file; use bolt:FILE"}
		}
		bolt, err := boltstore.Open(rest, boltstore.Options{Now: now})
		if err != nil {
			return nil, nothing, fmt.Errorf("-store: %w", err)
		}
		return bolt, bolt.Close, nil
	case "redis", "rediss":
		redis, err := redisstore.Open(ctx, name, redisstore.Options{Prefix: prefixOf(clientID), Now: now})
		if err != nil {
			return nil, nothing, fmt.Errorf("-store: %w", err)
		}
		return redis, redis.Close, nil
	case "postgres", "postgresql":
		pg, err := pgstore.Open(ctx, name, pgstore.Options{Schema: schemaOf(clientID), Migrate: true, Now: now})
		if err != nil {
			return nil, nothing, fmt.Errorf("-store: %w", err)
		}
		return pg, pg.Close, nil
	}
	return nil, nothing, &FlagError{"store",
		fmt.Sprintf("is of the unknown kind %q; use memory, bolt:FILE, redis://HOST:PORT/DB or postgres://…", scheme)}
}

// prefixOf keeps the apps that share a server apart: what one sweeps or is told
// of is none of another's business.
func prefixOf(clientID string) string {
	return "tandem:" + strings.Map(func(r rune) rune {
		if r == '{' || r == '}' {
			return '-'
		}
		return r
	}, clientID) + ":"
}

// schemaOf is the same for PostgreSQL, whose names are short and plain; the hash
// tells apart what looks alike then.
func schemaOf(clientID string) string {
	plain := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, strings.ToLower(clientID))
	sum := sha256.Sum256([]byte(clientID))
	return "tandem_" + plain[:min(len(plain), 30)] + "_" + hex.EncodeToString(sum[:4])
}
