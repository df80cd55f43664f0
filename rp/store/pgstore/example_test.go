package pgstore_test

import (
	"context"
	"log"

	"github.com/tandem-sso/tandem/rp/store/pgstore"
)

func ExampleOpen() {
	ctx := context.Background()
	store, err := pgstore.Open(ctx, "postgres://notes@db.example.com/notes", pgstore.Options{Migrate: true})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	// rp.Config{Store: store, …}
}

// Where the app's own user may not create tables, another one does it when the
// app is deployed.
func ExampleMigrate() {
	if err := pgstore.Migrate(context.Background(), "postgres://owner@db.example.com/notes", "tandem"); err != nil {
		log.Fatal(err)
	}
}
