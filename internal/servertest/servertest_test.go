package servertest

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

func TestRedis(t *testing.T) {
	r, err := StartRedis()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for _, end := range []func(){r.Stop, r.Kill} {
		end()
		if err := redisPing(r.Addr); err == nil {
			t.Fatal("it answers after its end")
		}
		if err := r.Start(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRedisCluster(t *testing.T) {
	c, err := StartRedisCluster(2)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var moved, ok int
	for _, r := range c.Nodes {
		switch answer, err := redisDo(r.Addr, "SET key value"); {
		case err == nil && answer == "+OK":
			ok++
		case err == nil && strings.HasPrefix(answer, "-MOVED"):
			moved++
		default:
			t.Errorf("%q, %v", answer, err)
		}
	}
	if ok != 1 || moved != 1 {
		t.Errorf("%d nodes have the slot, %d point to another", ok, moved)
	}
}

func TestPostgres(t *testing.T) {
	p, err := StartPostgres()
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for _, end := range []func(){p.Stop, p.Kill} {
		end()
		if err := postgresPing(p.Addr); err == nil {
			t.Fatal("it answers after its end")
		}
		if err := p.Start(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestPgBouncer(t *testing.T) {
	p, err := StartPostgres()
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	b, err := StartPgBouncer(p, "session")
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if err := postgresPing(b.Addr); err != nil {
		t.Fatal(err)
	}
	if _, err := StartPgBouncer(p, "nonsense"); err == nil || !strings.Contains(err.Error(), "nonsense") {
		t.Fatalf("an unknown mode: %v", err)
	}
}

func TestProxy(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { io.Copy(c, c); c.Close() }()
		}
	}()
	p, err := StartProxy(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	dial := func() net.Conn {
		t.Helper()
		c, err := net.Dial("tcp", p.Addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	echo := func(c net.Conn, wait time.Duration) error {
		if _, err := c.Write([]byte("x")); err != nil {
			return err
		}
		c.SetReadDeadline(time.Now().Add(wait))
		_, err := io.ReadFull(c, make([]byte, 1))
		return err
	}
	c := dial()
	if err := echo(c, 5*time.Second); err != nil {
		t.Fatal(err)
	}
	p.Delay(50 * time.Millisecond)
	start := time.Now()
	if err := echo(c, 5*time.Second); err != nil || time.Since(start) < 50*time.Millisecond {
		t.Fatalf("delayed: %v after %v", err, time.Since(start))
	}
	p.Stall()
	if err := echo(c, 100*time.Millisecond); err == nil {
		t.Fatal("a stalled proxy lets an answer pass")
	}
	p.Restore()
	if err := echo(c, 5*time.Second); err != nil {
		t.Fatal(err)
	}
	c = dial()
	if err := echo(c, 5*time.Second); err != nil {
		t.Fatal(err)
	}
	p.Cut()
	if err := echo(c, 5*time.Second); err == nil {
		t.Fatal("a cut connection answers")
	}
	if err := echo(dial(), 5*time.Second); err == nil {
		t.Fatal("a new connection answers while all are cut")
	}
	p.Restore()
	if err := echo(dial(), 5*time.Second); err != nil {
		t.Fatal(err)
	}
}
