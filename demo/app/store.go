package app

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/memstore"
)

// openStore opens what the flag -store names; close releases it.
func openStore(_ context.Context, name string, now func() time.Time) (s rp.Store, close func() error, err error) {
	nothing := func() error { return nil }
	scheme, _, _ := strings.Cut(name, ":")
	switch scheme {
	case "", "memory":
		return memstore.New(memstore.Options{Now: now}), nothing, nil
	case "bolt", "redis", "postgres", "postgresql":
		return nil, nil, &FlagError{"store", fmt.Sprintf("is %q, and this build has no %s store yet; use memory", name, scheme)}
	}
	return nil, nil, &FlagError{"store", fmt.Sprintf("is %q; use memory, bolt:FILE, redis://HOST:PORT/DB or postgres://…", name)}
}
