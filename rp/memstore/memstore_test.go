package memstore_test

import (
	"testing"

	"github.com/tandem-sso/tandem/rp/memstore"
	"github.com/tandem-sso/tandem/rp/storetest"
)

func TestContract(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Backend {
		clock := storetest.NewClock()
		return storetest.Backend{Store: memstore.New(memstore.Options{Now: clock.Now}), Now: clock.Now, Advance: clock.Advance}
	})
}
