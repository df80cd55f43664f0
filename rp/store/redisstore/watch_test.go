package redisstore_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/internal/servertest"
	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/redisstore"
)

// In a Cluster any node may lose what it has acknowledged. Watch says so, although it
// listens at one of them only.
func TestWatchOnCluster(t *testing.T) {
	c, err := servertest.StartRedisCluster(2)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s := open(t, c.Nodes[0].Addr, redisstore.Options{Timeout: 500 * time.Millisecond})
	ctx, stop := context.WithCancel(t.Context())
	var begun atomic.Int32
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		for ctx.Err() == nil {
			_ = s.Watch(ctx, func(c store.Change) {
				if c == (store.Change{}) {
					begun.Add(1)
				}
			})
		}
	}()
	defer func() { stop(); <-stopped }()
	eventually(t, "Watch listens", func() bool { return begun.Load() > 0 })
	for _, i := range []int{0, 0, 1, 1} { // once it may have listened there, and then it has moved
		before := begun.Load()
		c.Nodes[i].Kill()
		if err := c.Nodes[i].Start(); err != nil {
			t.Fatal(err)
		}
		eventually(t, fmt.Sprintf("Watch is cut off with node %d", i), func() bool { return begun.Load() > before })
	}
}
