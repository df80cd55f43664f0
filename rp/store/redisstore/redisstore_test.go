package redisstore_test

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/redis/rueidis"
	"go.uber.org/goleak"

	"github.com/tandem-sso/tandem/internal/servertest"
	"github.com/tandem-sso/tandem/rp/store/redisstore"
	"github.com/tandem-sso/tandem/rp/store/storetest"
)

// shared is the server of all tests that leave it alone.
func shared(tb testing.TB) *servertest.Redis {
	tb.Helper()
	server, err := started()
	if err != nil {
		tb.Fatal(err)
	}
	return server
}

var (
	running *servertest.Redis
	started = sync.OnceValues(func() (_ *servertest.Redis, err error) {
		running, err = servertest.StartRedis()
		return running, err
	})
)

func TestMain(m *testing.M) {
	code := m.Run()
	if running != nil {
		running.Close()
	}
	if code == 0 {
		if err := goleak.Find(
			// rueidis looks for a cluster first; what that leaves sleeps for a second at most.
			goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*call).DelayDo.func1"),
		); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

var prefixes atomic.Int64

func newPrefix() string { return fmt.Sprintf("test%d:", prefixes.Add(1)) }

func open(tb testing.TB, addr string, o redisstore.Options) *redisstore.Store {
	tb.Helper()
	o.Client = rueidis.ClientOption{InitAddress: []string{addr}}
	if o.Prefix == "" {
		o.Prefix = newPrefix()
	}
	s, err := redisstore.New(tb.Context(), o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return s
}

func factory(addr string) storetest.Factory {
	return func(t *testing.T) storetest.Backend {
		clock := storetest.NewClock()
		o := redisstore.Options{Now: clock.Now, Prefix: newPrefix()}
		return storetest.Backend{Store: open(t, addr, o), Second: open(t, addr, o), Now: clock.Now,
			Advance: clock.Advance}
	}
}

func TestContract(t *testing.T) { storetest.Run(t, factory(shared(t).Addr)) }

// On a Cluster a script whose keys are in more than one slot is refused.
func TestContractOnCluster(t *testing.T) {
	c, err := servertest.StartRedisCluster(2)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	storetest.Run(t, factory(c.Nodes[1].Addr))
}

func TestNewRefuses(t *testing.T) {
	client := rueidis.ClientOption{InitAddress: []string{shared(t).Addr}}
	tracking := client
	tracking.ClientTrackingOptions = []string{"OPTOUT"}
	for want, o := range map[string]redisstore.Options{
		"Options.Client.InitAddress": {},
		"ClientTrackingOptions":      {Client: tracking},
		"Options.Prefix":             {Client: client, Prefix: "a{b"},
		"Options.Timeout":            {Client: client, Timeout: -1},
		"Options.CacheBytes":         {Client: client, CacheBytes: -1},
		"Options.WaitReplicas":       {Client: client, WaitReplicas: -1},
	} {
		if _, err := redisstore.New(t.Context(), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want the name %s in it", err, want)
		}
	}
	_, err := redisstore.Open(t.Context(), "redis://:hunter2@[bad", redisstore.Options{})
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("Open of a bad URL: %v", err)
	}
	if s, err := redisstore.Open(t.Context(), "redis://"+shared(t).Addr+"/3", redisstore.Options{}); err != nil {
		t.Error(err)
	} else if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := redisstore.Open(t.Context(), "redis://127.0.0.1:1", redisstore.Options{}); err == nil {
		t.Error("nobody listens there, and no error")
	}
}
