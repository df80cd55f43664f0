package storetest_test

import (
	"testing"

	"github.com/tandem-sso/tandem/rp/store/memstore"
	"github.com/tandem-sso/tandem/rp/store/storetest"
)

// The whole test file of a store. Here it is memstore's; put yours in its place.
func ExampleRun() {
	_ = func(t *testing.T) { // func TestContract(t *testing.T)
		storetest.Run(t, func(t *testing.T) storetest.Backend {
			clock := storetest.NewClock()
			store := memstore.New(memstore.Options{Now: clock.Now})
			// A store with a Close: t.Cleanup(func() { store.Close() })
			return storetest.Backend{Store: store, Now: clock.Now, Advance: clock.Advance}
		})
	}
}
