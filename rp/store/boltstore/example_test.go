package boltstore_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/boltstore"
)

func Example() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "sessions.db")

	kept, err := boltstore.Open(path, boltstore.Options{})
	if err != nil {
		panic(err)
	}
	ctx, now := context.Background(), time.Now()
	err = kept.Create(ctx, store.Record{
		Key: store.Key{1}, Owner: store.Key{2}, Refs: []store.Key{{3}}, Sealed: []byte("sealed"),
		Begun: now, Active: now, Due: now.Add(30 * time.Minute),
	})
	fmt.Println("created:", err)
	fmt.Println("closed:", kept.Close())

	kept, err = boltstore.Open(path, boltstore.Options{})
	if err != nil {
		panic(err)
	}
	defer kept.Close()
	rec, err := kept.Load(ctx, store.Key{1})
	fmt.Printf("after a restart: %s %v\n", rec.Sealed, err)
	// Output:
	// created: <nil>
	// closed: <nil>
	// after a restart: sealed <nil>
}
