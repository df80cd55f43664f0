package app

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/boltstore"
	"github.com/tandem-sso/tandem/rp/memstore"
	"github.com/tandem-sso/tandem/rp/redisstore"
)

// openStore opens what the flag -store names; release closes it. An error does
// not repeat the name where that may carry a password.
func openStore(ctx context.Context, name, clientID string, now func() time.Time) (s rp.Store, release func() error, err error) {
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
		redis, err := redisstore.Open(ctx, name, redisstore.Options{Prefix: prefixOf(clientID)})
		if err != nil {
			return nil, nothing, fmt.Errorf("-store: %w", err)
		}
		return redis, redis.Close, nil
	case "postgres", "postgresql":
		return nil, nothing, &FlagError{"store", "is " + scheme + "://…, which this build does not have yet; use memory, bolt:FILE or redis://HOST:PORT/DB"}
	}
	return nil, nothing, &FlagError{"store", fmt.Sprintf("is of the unknown kind %q; use memory, bolt:FILE, redis://HOST:PORT/DB or postgres://…", scheme)}
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
