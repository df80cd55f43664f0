package redisstore_test

import (
	"testing"

	"github.com/tandem-sso/tandem/internal/servertest"
	"github.com/tandem-sso/tandem/rp/internal/faulttest"
	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/redisstore"
)

func TestFaults(t *testing.T) { // C6
	server, err := servertest.StartRedis()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	faulttest.Run(t, faulttest.Backend{Server: server, Addr: server.Addr,
		Open: func(t *testing.T, addr string) store.Store {
			return open(t, addr, redisstore.Options{Timeout: faulttest.Timeout, Prefix: "faults:"})
		}})
}
