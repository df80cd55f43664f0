package chaos

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/internal/servertest"
)

// redisPair is a primary, its replica, and a proxy that leads to the primary.
type redisPair struct {
	t                *testing.T
	proxy            *servertest.Proxy
	primary, replica *servertest.Redis
}

func startRedisPair(t *testing.T) *redisPair {
	p := &redisPair{t: t}
	for _, r := range []**servertest.Redis{&p.primary, &p.replica} {
		server, err := servertest.StartRedis("--repl-diskless-sync-delay", "0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(server.Close)
		*r = server
	}
	var err error
	if p.proxy, err = servertest.StartProxy(p.primary.Addr); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.proxy.Close)
	p.follow()
	return p
}

// follow makes the replica follow the primary and waits until it has everything.
func (p *redisPair) follow() {
	host, port, err := net.SplitHostPort(p.primary.Addr)
	if err != nil {
		p.t.Fatal(err)
	}
	p.say(p.replica, fmt.Sprintf("REPLICAOF %s %s", host, port))
	p.inStep()
}

// inStep waits until the replica hears the primary.
func (p *redisPair) inStep() {
	deadline := time.After(30 * time.Second)
	for !strings.Contains(p.say(p.replica, "INFO replication"), "master_link_status:up") {
		select {
		case <-deadline:
			p.t.Fatal("the replica does not catch up")
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// failover promotes the replica. The former primary comes back as the replica.
func (p *redisPair) failover() {
	p.say(p.replica, "REPLICAOF NO ONE")
	p.proxy.To(p.replica.Addr)
	p.proxy.Reset()
	p.primary, p.replica = p.replica, p.primary
}

// say sends a command and returns the answer.
func (p *redisPair) say(r *servertest.Redis, command string) string {
	c, err := net.DialTimeout("tcp", r.Addr, 5*time.Second)
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := c.Write([]byte(command + "\r\n")); err != nil {
		p.t.Fatal(err)
	}
	b := make([]byte, 16<<10)
	n, err := c.Read(b)
	if err != nil || b[0] == '-' {
		p.t.Fatalf("%s: %s, %v", command, b[:n], err)
	}
	return string(b[:n])
}
