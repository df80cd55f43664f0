package memstore_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/memstore"
)

func Example() {
	ctx := context.Background()
	kept := memstore.New(memstore.Options{})

	now := time.Now()
	session, client, subject := store.Key{1}, store.Key{2}, store.Key{3}
	err := kept.Create(ctx, store.Record{
		Key: session, Owner: client, Refs: []store.Key{subject}, Sealed: []byte("sealed"),
		Begun: now, Active: now, Due: now.Add(30 * time.Minute),
	})
	fmt.Println("created:", err)

	// A log-out of the subject ends every session, and forbids new ones for a while.
	ended, err := kept.End(ctx, store.Selector{Ref: subject},
		store.End{Reason: "backchannel_logout", At: now, Until: now.Add(10 * time.Minute)})
	fmt.Println("ended:", len(ended), err)

	rec, err := kept.Load(ctx, session)
	fmt.Println("now:", errors.Is(err, store.ErrEnded), rec.End.Reason)
	// Output:
	// created: <nil>
	// ended: 1 <nil>
	// now: true backchannel_logout
}
