package memstore_test

import (
	"testing"

	"github.com/tandem-sso/tandem/rp/store/memstore"
	"github.com/tandem-sso/tandem/rp/store/storetest"
)

func TestContract(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Backend {
		clock := storetest.NewClock()
		s := memstore.New(memstore.Options{Now: clock.Now})
		return storetest.Backend{Store: s, Now: clock.Now, Advance: clock.Advance}
	})
}
