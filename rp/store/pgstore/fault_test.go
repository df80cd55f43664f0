package pgstore_test

import (
	"strings"
	"testing"

	"github.com/tandem-sso/tandem/internal/servertest"
	"github.com/tandem-sso/tandem/rp/internal/faulttest"
	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/pgstore"
)

func TestFaults(t *testing.T) { // C6
	server, err := servertest.StartPostgres()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	if err := pgstore.Migrate(t.Context(), server.URL, "faults"); err != nil {
		t.Fatal(err)
	}
	faulttest.Run(t, faulttest.Backend{Server: server, Addr: server.Addr,
		Open: func(t *testing.T, addr string) store.Store {
			url := strings.Replace(server.URL, server.Addr, addr, 1)
			return open(t, url, pgstore.Options{Timeout: faulttest.Timeout, Schema: "faults"})
		}})
}
