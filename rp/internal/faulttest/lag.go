package faulttest

import (
	"io"
	"net"
	"sync"
	"time"
)

// Lag is a TCP proxy that lets the answers on some connections arrive later than
// those on others, as networks and busy servers do: nothing is lost, and each
// connection keeps its order, but across connections there is none.
type Lag struct {
	Addr string

	to     string
	kindOf func(sent []byte) string
	l      net.Listener
	done   sync.WaitGroup

	mu     sync.Mutex
	closed bool
	conns  []net.Conn
	delays map[string]time.Duration
}

// StartLag starts one to an address. kindOf is shown what a client sends and names
// the kind of its connection, or returns "" if it cannot tell from that; until then
// the kind is "". The caller calls Close.
func StartLag(to string, kindOf func(sent []byte) string) (*Lag, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Lag{Addr: l.Addr().String(), to: to, kindOf: kindOf, l: l, delays: make(map[string]time.Duration)}
	p.done.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.done.Go(func() { p.serve(c) })
		}
	})
	return p, nil
}

// Delay holds back what arrives from now on on connections of that kind, for d.
func (p *Lag) Delay(kind string, d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delays[kind] = d
}

// Close ends the proxy and all connections.
func (p *Lag) Close() {
	p.l.Close()
	p.mu.Lock()
	p.closed = true
	for _, c := range p.conns {
		c.Close()
	}
	p.mu.Unlock()
	p.done.Wait()
}

// own takes a connection on, so that Close ends it.
func (p *Lag) own(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		c.Close()
		return false
	}
	p.conns = append(p.conns, c)
	return true
}

func (p *Lag) serve(client net.Conn) {
	defer client.Close()
	server, err := net.DialTimeout("tcp", p.to, 5*time.Second)
	if err != nil {
		return
	}
	defer server.Close()
	if !p.own(client) || !p.own(server) {
		return
	}
	c := &lagged{Lag: p, late: make(chan chunk, 4096)}
	p.done.Go(func() { c.deliver(client) })
	p.done.Go(func() {
		c.requests(server, client)
		server.Close()
	})
	c.answers(server)
}

// lagged is one connection.
type lagged struct {
	*Lag
	kind string // guarded by Lag.mu
	late chan chunk
}

type chunk struct {
	bytes []byte
	due   time.Time
}

func (c *lagged) requests(server io.Writer, client io.Reader) {
	b := make([]byte, 64<<10)
	for {
		n, err := client.Read(b)
		if err != nil {
			return
		}
		if kind := c.kindOf(b[:n]); kind != "" {
			c.mu.Lock()
			c.kind = kind
			c.mu.Unlock()
		}
		if _, err := server.Write(b[:n]); err != nil {
			return
		}
	}
}

func (c *lagged) answers(server io.Reader) {
	defer close(c.late)
	for {
		b := make([]byte, 16<<10)
		n, err := server.Read(b)
		if err != nil {
			return
		}
		c.mu.Lock()
		delay := c.delays[c.kind]
		c.mu.Unlock()
		c.late <- chunk{b[:n], time.Now().Add(delay)}
	}
}

func (c *lagged) deliver(client net.Conn) {
	defer client.Close()
	for late := range c.late {
		time.Sleep(time.Until(late.due))
		_, _ = client.Write(late.bytes) // if it is gone, the rest is of no interest
	}
}
