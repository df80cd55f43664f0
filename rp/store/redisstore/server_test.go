package redisstore_test

import (
	"context"
	"crypto/tls"
	"net"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/redis/rueidis"

	"github.com/tandem-sso/tandem/internal/servertest"
	"github.com/tandem-sso/tandem/rp/store/redisstore"
)

// start starts a Redis of its own for a test.
func start(t *testing.T, args ...string) *servertest.Redis {
	t.Helper()
	server, err := servertest.StartRedis(args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return server
}

// command sends one command to a server, beside the Store.
func command(t *testing.T, addr string, words ...string) rueidis.RedisResult {
	t.Helper()
	o := rueidis.ClientOption{InitAddress: []string{addr}, DisableCache: true, ForceSingleClient: true}
	c, err := rueidis.NewClient(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c.Do(t.Context(), c.B().Arbitrary(words...).Build())
}

// older is a connection to a server that says that it is Redis 6.
type older struct{ net.Conn }

var saysVersion = regexp.MustCompile(`version\r\n\$\d+\r\n[\d.]+\r\n`)

func (c older) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	return copy(b, saysVersion.ReplaceAllLiteral(b[:n], []byte("version\r\n$6\r\n6.2.14\r\n"))), err
}

func TestRefusesOldServers(t *testing.T) {
	o := redisstore.Options{Client: rueidis.ClientOption{
		InitAddress: []string{shared(t).Addr},
		DialCtxFn: func(ctx context.Context, addr string, d *net.Dialer, _ *tls.Config) (net.Conn, error) {
			c, err := d.DialContext(ctx, "tcp", addr)
			return older{c}, err
		},
	}}
	_, err := redisstore.New(t.Context(), o)
	if err == nil || !strings.Contains(err.Error(), "6.2.14") || !strings.Contains(err.Error(), "version 7 or later") {
		t.Errorf("Redis 6.2.14: %v", err)
	}
	_, err = redisstore.Open(t.Context(), "redis://"+start(t, "--rename-command", "HELLO", "").Addr,
		redisstore.Options{})
	if err == nil || !strings.Contains(err.Error(), "5 or older") {
		t.Errorf("a server that does not know HELLO: %v", err)
	}
}

func TestFindings(t *testing.T) {
	codes := func(s *redisstore.Store) []string {
		var list []string
		for _, f := range s.Findings(t.Context()) {
			list = append(list, f.Code)
		}
		return list
	}
	if got := codes(open(t, shared(t).Addr, redisstore.Options{})); len(got) != 0 {
		t.Errorf("a server of which there is nothing to say: %q", got)
	}

	bad := start(t, "--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru", "--appendonly", "no")
	s := open(t, bad.Addr, redisstore.Options{WaitReplicas: 1})
	if got, want := codes(s), []string{"redis_eviction", "redis_persistence", "redis_wait"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}

	// An operator may not let an application ask.
	if err := command(t, bad.Addr, "ACL", "SETUSER", "default", "-info").Error(); err != nil {
		t.Fatal(err)
	}
	if got, want := codes(s), []string{"redis_unknown"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}

	c, err := servertest.StartRedisCluster(2)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := command(t, c.Nodes[1].Addr, "CONFIG", "SET", "maxmemory-policy", "allkeys-lru").Error(); err != nil {
		t.Fatal(err)
	}
	s = open(t, c.Nodes[0].Addr, redisstore.Options{})
	if got, want := codes(s), []string{"redis_eviction"}; !slices.Equal(got, want) {
		t.Errorf("one node of a Cluster: %q, want %q", got, want)
	}
}
