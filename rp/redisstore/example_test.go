package redisstore_test

import (
	"context"
	"crypto/tls"
	"log"

	"github.com/redis/rueidis"

	"github.com/tandem-sso/tandem/rp/redisstore"
)

func ExampleOpen() {
	store, err := redisstore.Open(context.Background(), "redis://127.0.0.1:6379/0", redisstore.Options{Prefix: "notes:"})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	// rp.Config{Store: store, …}
}

// A Cluster over TLS: name some of its nodes.
func ExampleNew() {
	store, err := redisstore.New(context.Background(), redisstore.Options{Client: rueidis.ClientOption{
		InitAddress: []string{"redis-1.example.com:6379", "redis-2.example.com:6379"},
		Username:    "notes",
		Password:    "from the environment",
		TLSConfig:   &tls.Config{MinVersion: tls.VersionTLS13},
	}})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
}
