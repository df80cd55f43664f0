package deploy

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/tandem-sso/tandem/e2e/driver/process"
	"github.com/tandem-sso/tandem/internal/servertest"
	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/redisstore"
	"github.com/tandem-sso/tandem/rp/store/storetest"
)

const (
	redisUser     = "notes"
	redisPassword = "change-me"
	// defaultUser is off, so nobody can be it, and may do all: Redis 7 and Valkey 8 replay an
	// append-only file as this user, and drop what it may not do (redis#14541, valkey#3983).
	defaultUser = "user default off ~* &* +@all\n"
)

// users writes users.acl. A test that has to speak to the server as somebody else keeps the
// default user.
func users(t *testing.T, keepDefault bool) string {
	t.Helper()
	text := document(t, "users.acl")
	if keepDefault {
		text = document(t, "users.acl", defaultUser, "")
	}
	return write(t, filepath.Join(t.TempDir(), "users.acl"), text)
}

// allowed are the commands of the app's user in users.acl.
func allowed(t *testing.T) []string {
	t.Helper()
	var found []string
	for word := range strings.FieldsSeq(document(t, "users.acl", defaultUser, "")) {
		if command, ok := strings.CutPrefix(word, "+"); ok {
			found = append(found, command)
		}
	}
	slices.Sort(found)
	return found
}

// used are the commands that a server has seen, as the user himself asks it.
func used(t *testing.T, o rueidis.ClientOption) []string {
	t.Helper()
	o.DisableCache, o.ForceSingleClient = true, true
	c, err := rueidis.NewClient(o)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	text, err := c.Do(t.Context(), c.B().Info().Section("commandstats").Build()).ToString()
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for line := range strings.Lines(text) {
		if name, ok := strings.CutPrefix(line, "cmdstat_"); ok {
			name, rest, _ := strings.Cut(name, ":")
			if !strings.HasPrefix(rest, "calls=0,") {
				found = append(found, name)
			}
		}
	}
	return found
}

// secure is a Redis that speaks TLS to users of users.acl alone.
func secure(t *testing.T, c certificates) (tlsAddr string) {
	t.Helper()
	tlsAddr = process.FreeAddr(t)
	_, port, err := net.SplitHostPort(tlsAddr)
	if err != nil {
		t.Fatal(err)
	}
	server, err := servertest.StartRedis("--tls-port", port, "--tls-cert-file", c.file("notes.crt"), "--tls-key-file",
		c.file("notes.key"),
		"--tls-ca-cert-file", c.file("ca.pem"), "--tls-auth-clients", "no", "--aclfile", users(t, false))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return tlsAddr
}

func client(addr string, roots *x509.CertPool) rueidis.ClientOption {
	o := rueidis.ClientOption{InitAddress: []string{addr}, Username: redisUser, Password: redisPassword}
	if roots != nil {
		o.TLSConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	}
	return o
}

// The user of users.acl can do everything that the store does, over TLS, on one server, in
// a Cluster and with Sentinels, and he can do nothing else: every command of his list is
// used, and no other one.
func TestRedisUser(t *testing.T) {
	long(t)
	c := newCertificates(t)
	addr := secure(t, c)
	n := 0
	open := func(t *testing.T, o redisstore.Options) *redisstore.Store {
		t.Helper()
		o.Timeout = patience // what is slow is another test's matter
		s, err := redisstore.New(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		return s
	}
	storetest.Run(t, func(t *testing.T) storetest.Backend {
		n++
		clock := storetest.NewClock()
		o := redisstore.Options{Now: clock.Now, Prefix: fmt.Sprintf("tandem:%d:", n), Client: client(addr, c.roots)}
		return storetest.Backend{Store: open(t, o), Second: open(t, o), Now: clock.Now, Advance: clock.Advance}
	})
	exercise(t, open(t, redisstore.Options{Client: client(addr,
		c.roots)})) // by the server's clock, and what the suite does not ask
	other := client(addr, c.roots)
	other.SelectDB = 3
	exercise(t, open(t, redisstore.Options{Client: other}))
	found := used(t, client(addr, c.roots))

	cluster, err := servertest.StartRedisCluster(2, "--aclfile", users(t, true))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	exercise(t, open(t, redisstore.Options{Client: client(cluster.Nodes[0].Addr, nil)}))
	for _, node := range cluster.Nodes {
		found = append(found, used(t, client(node.Addr, nil))...)
	}

	watched := startSentinels(t)
	o := client(watched.sentinels[0], nil)
	o.Sentinel.MasterSet = "notes"
	exercise(t, open(t, redisstore.Options{Client: o, WaitReplicas: 1}))
	found = append(found, used(t, client(watched.master.Addr, nil))...)

	slices.Sort(found)
	found = slices.Compact(found)
	// Those that the test, the servers among themselves and the Sentinels ask, as others.
	others := []string{"cluster|info", "cluster|addslotsrange", "cluster|set-config-epoch", "cluster|meet", "replconf",
		"psync", "client|setname"}
	found = slices.DeleteFunc(found, func(name string) bool { return slices.Contains(others, name) })
	// The client asks Redis 8 and later for SHARDS instead of SLOTS.
	want := slices.DeleteFunc(allowed(t), func(name string) bool { return name == "cluster|shards" })
	if !slices.Equal(found, want) {
		t.Errorf("used:    %v\nallowed: %v", found, want)
	}

	// And nothing else: no keys of others, no other commands.
	as := client(addr, c.roots)
	as.DisableCache = true
	db, err := rueidis.NewClient(as)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, words := range [][]string{{"GET", "other:x"}, {"SET", "tande", "x"}, {"FLUSHALL"}, {"KEYS", "*"}, {"CONFIG",
		"GET", "*"},
		{"PUBLISH", "other:x", "y"}, {"ACL", "LIST"}, {"CLIENT", "LIST"},
		{"EVAL", "return redis.call('GET', 'other:x')",
			"0"}} {
		err := db.Do(t.Context(), db.B().Arbitrary(words...).Build()).Error()
		if err == nil || !strings.Contains(err.Error(), "NOPERM") && !strings.Contains(err.Error(), "can't access") {
			t.Errorf("%v: %v", words, err)
		}
	}
	if _, err := redisstore.New(t.Context(),
		redisstore.Options{Client: rueidis.ClientOption{InitAddress: []string{addr},
			TLSConfig: &tls.Config{RootCAs: c.roots}}}); err == nil || !strings.Contains(err.Error(), "NOAUTH") {
		t.Errorf("without a password: %v", err)
	}
}

// Sessions outlive a restart of a Redis with users.acl: what scripts wrote, too. It is lost
// if the default user may nothing.
func TestRedisUserOutlivesRestart(t *testing.T) {
	for _, file := range []struct {
		name, acl string
		want      error
	}{
		{"as it stands", document(t, "users.acl"), nil},
		{"default user without rights", document(t, "users.acl", defaultUser, "user default off\n"), store.ErrNotFound},
	} {
		t.Run(file.name, func(t *testing.T) {
			server, err := servertest.StartRedis("--aclfile", write(t, filepath.Join(t.TempDir(), "users.acl"),
				file.acl))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(server.Close)
			s, err := redisstore.New(t.Context(), redisstore.Options{Client: client(server.Addr, nil),
				Timeout: patience})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = s.Close() })
			rec, _ := record()
			if err := s.Create(t.Context(), rec); err != nil {
				t.Fatal(err)
			}
			server.Stop()
			if err := server.Start(); err != nil {
				t.Fatal(err)
			}
			eventually(t, "Redis answers again", func() bool {
				_, err = s.Load(t.Context(), rec.Key)
				return err == nil || errors.Is(err, store.ErrNotFound)
			})
			if err == nil && file.want != nil {
				t.Skip("this Redis replays as nobody: it does not need the rights")
			}
			if !errors.Is(err, file.want) {
				t.Errorf("after the restart: %v", err)
			}
		})
	}
}

// record is a session that has just begun, and what it is found by.
func record() (rec store.Record, ref store.Key) {
	for _, key := range []*store.Key{&rec.Key, &rec.Owner, &ref} {
		_, _ = rand.Read(key[:]) // never fails
	}
	now := time.Now()
	rec.Refs, rec.Sealed = []store.Key{ref}, make([]byte, 3<<10)
	rec.Begun, rec.Issued, rec.Active, rec.Due = now, now, now, now.Add(time.Hour)
	return rec, ref
}

// exercise does what an instance does.
func exercise(t *testing.T, s *redisstore.Store) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	heard, over := make(chan store.Change, 100), make(chan error, 1)
	go func() { over <- s.Watch(ctx, func(c store.Change) { heard <- c }) }()
	<-heard // zero: it listens
	rec, ref := record()
	if err := s.Create(ctx, rec); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Load(ctx, rec.Key); err != nil {
		t.Fatal(err)
	}
	if _, err := s.End(ctx, store.Selector{Ref: ref}, store.End{Reason: "admin", At: rec.Begun,
		Until: rec.Begun.Add(time.Minute)}); err != nil {
		t.Fatal(err)
	}
	for c := range heard {
		if c.Key == rec.Key && c.Reason != "" {
			break
		}
	}
	for _, f := range s.Findings(ctx) {
		if f.Code == "redis_unknown" {
			t.Error(f.Text)
		}
	}
	cancel()
	<-over
}

// sentinels are a master, a replica, and three that watch them.
type sentinels struct {
	master, replica *servertest.Redis
	sentinels       []string
}

func startSentinels(t *testing.T) *sentinels {
	t.Helper()
	s := &sentinels{}
	for _, r := range []**servertest.Redis{&s.master, &s.replica} {
		args := []string{"--aclfile", users(t, true), "--repl-diskless-sync-delay", "0"}
		if s.master != nil {
			args = append(args, "--replicaof", strings.Replace(s.master.Addr, ":", " ", 1))
		}
		server, err := servertest.StartRedis(args...)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(server.Close)
		*r = server
	}
	for range 3 {
		addr, dir := process.FreeAddr(t), t.TempDir()
		ip, port, err := net.SplitHostPort(addr)
		if err != nil {
			t.Fatal(err)
		}
		conf := write(t, filepath.Join(dir, "sentinel.conf"), fmt.Sprintf(`bind %s
port %s
dir %s
sentinel monitor notes %s 2
sentinel down-after-milliseconds notes 1000
sentinel failover-timeout notes 3000
`, ip, port, dir, strings.Replace(s.master.Addr, ":", " ", 1)))
		serve(t, addr, exec.Command(program(t, "redis-server", "redis-server"), conf, "--sentinel"))
		s.sentinels = append(s.sentinels, addr)
	}
	for _, addr := range s.sentinels { // each knows the replica and the others
		c, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{addr}, ForceSingleClient: true,
			DisableCache: true, AlwaysRESP2: true})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		eventually(t, "the Sentinels know each other", func() bool {
			m, err := c.Do(t.Context(), c.B().Arbitrary("SENTINEL", "MASTER", "notes").Build()).AsStrMap()
			return err == nil && m["num-slaves"] == "1" && m["num-other-sentinels"] == "2"
		})
	}
	return s
}

// The demo with its sessions on Redis over TLS, as users.acl lets it.
func TestRedisTLS(t *testing.T) {
	c := newCertificates(t)
	a := newApp(t, "rediss://"+redisUser+":"+redisPassword+"@"+secure(t, c)+"/0", 2, "")
	a.env["SSL_CERT_FILE"] = c.file("ca.pem")
	a.start(0, sealKey)
	a.start(1, sealKey)
	a.works()
}

// On a Cluster of three.
func TestRedisCluster(t *testing.T) {
	cluster, err := servertest.StartRedisCluster(3, "--aclfile", users(t, true))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	a := newApp(t, fmt.Sprintf("redis://%s:%s@%s/0?addr=%s", redisUser, redisPassword, cluster.Nodes[0].Addr,
		cluster.Nodes[1].Addr), 2, "")
	a.start(0, sealKey)
	a.start(1, sealKey)
	a.works()
}

// With Sentinels: the master dies, and who was logged in is served again, by all.
func TestRedisSentinel(t *testing.T) {
	s := startSentinels(t)
	a := newApp(t, fmt.Sprintf("redis://%s:%s@%s/0?addr=%s&addr=%s&master_set=notes", redisUser, redisPassword,
		s.sentinels[0], s.sentinels[1], s.sentinels[2]), 2, "")
	a.start(0, sealKey)
	a.start(1, sealKey)
	p := a.signIn()
	c, err := rueidis.NewClient(client(s.master.Addr, nil))
	if err != nil {
		t.Fatal(err)
	}
	if n, err := c.Do(t.Context(), c.B().Wait().Numreplicas(1).Timeout(5000).Build()).AsInt64(); err != nil || n != 1 {
		t.Fatalf("the replica does not follow: %d, %v", n, err)
	}
	c.Close()
	s.master.Kill()
	for i := range a.addrs {
		eventually(t, fmt.Sprintf("instance %d serves again", i+1), func() bool { return a.serves(p, i) })
	}
	a.works()
}
