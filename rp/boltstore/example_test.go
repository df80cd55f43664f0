package boltstore_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/boltstore"
)

func Example() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "sessions.db")

	store, err := boltstore.Open(path, boltstore.Options{})
	if err != nil {
		panic(err)
	}
	ctx, now := context.Background(), time.Now()
	err = store.Create(ctx, rp.Record{
		Key: rp.Key{1}, Owner: rp.Key{2}, Refs: []rp.Key{{3}}, Sealed: []byte("sealed"),
		Begun: now, Active: now, Due: now.Add(30 * time.Minute),
	})
	fmt.Println("created:", err)
	fmt.Println("closed:", store.Close())

	store, err = boltstore.Open(path, boltstore.Options{})
	if err != nil {
		panic(err)
	}
	defer store.Close()
	rec, err := store.Load(ctx, rp.Key{1})
	fmt.Printf("after a restart: %s %v\n", rec.Sealed, err)
	// Output:
	// created: <nil>
	// closed: <nil>
	// after a restart: sealed <nil>
}
