package redisstore_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/tandem-sso/tandem/rp/internal/faulttest"
	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/redisstore"
	"github.com/tandem-sso/tandem/rp/store/storetest"
)

// connection names the connections of a Store: the one on which the server says
// what has changed, the one of Watch, and all others.
func connection(sent []byte) string {
	switch {
	case bytes.Contains(sent, []byte("TRACKING")):
		return "reader"
	case bytes.Contains(sent, []byte("SUBSCRIBE")):
		return "watch"
	}
	return ""
}

// The grant of a lease, the word that a record has changed and the message to
// Watch come over three connections, in no order. Whichever is late, who holds the
// lease is served nothing old.
func TestLateNews(t *testing.T) { // C4
	for _, late := range []string{"reader", "watch", "writes", "reader,watch", "reader,watch,writes"} {
		t.Run(late, func(t *testing.T) {
			t.Parallel()
			storetest.RunFresh(t, func(t *testing.T) storetest.Backend {
				clock := storetest.NewClock()
				o := redisstore.Options{Now: clock.Now, Prefix: newPrefix()}
				return storetest.Backend{
					Store: openLate(t, late, o), Second: openLate(t, late, o), Now: clock.Now, Advance: clock.Advance}
			})
		})
	}
}

// openLate opens an instance, with a Watch, on whose connections of the named
// kinds everything arrives 20 ms late.
func openLate(t *testing.T, late string, o redisstore.Options) store.Store {
	t.Helper()
	lag, err := faulttest.StartLag(shared(t).Addr, connection)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(lag.Close)
	s := open(t, lag.Addr, o)
	for _, kind := range strings.Split(strings.ReplaceAll(late, "writes", ""), ",") {
		lag.Delay(kind, 20*time.Millisecond)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var watching sync.WaitGroup
	listens := make(chan struct{})
	watching.Go(func() {
		var once sync.Once
		if err := s.Watch(ctx, func(store.Change) {
			once.Do(func() { close(listens) })
		}); !errors.Is(err, context.Canceled) {
			t.Errorf("Watch: %v", err)
		}
	})
	t.Cleanup(func() { cancel(); watching.Wait() })
	<-listens
	return s
}

// Many connections instead of one for reading would make every proof worthless;
// the Store does not let the option through.
func TestFreshWithoutPipelining(t *testing.T) { // C4
	t.Parallel()
	storetest.RunFresh(t, func(t *testing.T) storetest.Backend {
		clock := storetest.NewClock()
		o := redisstore.Options{Now: clock.Now, Prefix: newPrefix()}
		var stores [2]store.Store
		for i := range stores {
			lag, err := faulttest.StartLag(shared(t).Addr, connection)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(lag.Close)
			o.Client = rueidis.ClientOption{InitAddress: []string{lag.Addr}, DisableAutoPipelining: true}
			s, err := redisstore.New(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = s.Close() })
			lag.Delay("reader", 20*time.Millisecond)
			stores[i] = s
		}
		return storetest.Backend{Store: stores[0], Second: stores[1], Now: clock.Now, Advance: clock.Advance}
	})
}
