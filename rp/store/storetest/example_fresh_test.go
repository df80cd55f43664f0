package storetest_test

import (
	"testing"

	"github.com/tandem-sso/tandem/rp/store/memstore"
	"github.com/tandem-sso/tandem/rp/store/storetest"
)

// A store that remembers what it has read is tried with news that arrive late: put
// a proxy that delays each of its connections between it and its server.
func ExampleRunFresh() {
	_ = func(t *testing.T) { // func TestLateNews(t *testing.T)
		storetest.RunFresh(t, func(t *testing.T) storetest.Backend {
			clock := storetest.NewClock()
			store := memstore.New(memstore.Options{Now: clock.Now})
			return storetest.Backend{Store: store, Second: store, Now: clock.Now, Advance: clock.Advance}
		})
	}
}
