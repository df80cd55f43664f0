package memstore_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/memstore"
)

func Example() {
	ctx := context.Background()
	store := memstore.New(memstore.Options{})

	now := time.Now()
	session, client, subject := rp.Key{1}, rp.Key{2}, rp.Key{3}
	err := store.Create(ctx, rp.Record{
		Key: session, Owner: client, Refs: []rp.Key{subject}, Sealed: []byte("sealed"),
		Begun: now, Active: now, Due: now.Add(30 * time.Minute),
	})
	fmt.Println("created:", err)

	// A logout of the subject ends every session, and forbids new ones for a while.
	ended, err := store.End(ctx, rp.Selector{Ref: subject},
		rp.End{Reason: rp.BackchannelLogout, At: now, Until: now.Add(10 * time.Minute)})
	fmt.Println("ended:", len(ended), err)

	rec, err := store.Load(ctx, session)
	fmt.Println("now:", errors.Is(err, rp.ErrEnded), rec.End.Reason)
	// Output:
	// created: <nil>
	// ended: 1 <nil>
	// now: true backchannel_logout
}
