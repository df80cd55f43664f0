package redisstore_test

import (
	"context"
	"crypto/tls"
	"log"
	"time"

	"github.com/redis/rueidis"

	"github.com/tandem-sso/tandem/rp/store/redisstore"
)

func ExampleOpen() {
	store, err := redisstore.Open(context.Background(), "redis://127.0.0.1:6379/0",
		redisstore.Options{Prefix: "notes:"})
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

// A log-out that a failover undoes may be worse than one that fails.
func ExampleOptions() {
	store, err := redisstore.Open(context.Background(), "redis://127.0.0.1:6379/0", redisstore.Options{
		WaitReplicas: 1,               // End fails unless a replica has it
		Timeout:      3 * time.Second, // and waits for that for no longer
	})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
}

// At the start: does the server throw sessions away when it is full, does it keep
// them over a restart?
func ExampleStore_Findings() {
	ctx := context.Background()
	store, err := redisstore.Open(ctx, "redis://127.0.0.1:6379/0", redisstore.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	for _, f := range store.Findings(ctx) {
		log.Print(f.Code, ": ", f.Text)
	}
}
