package servertest

import (
	"io"
	"net"
	"sync"
	"time"
)

// Proxy is a TCP proxy to a server. It can cut the connections, swallow
// everything, or let the answers take their time.
type Proxy struct {
	Addr string

	l    net.Listener
	done sync.WaitGroup

	mu    sync.Mutex
	to    string
	cond  *sync.Cond
	conns map[net.Conn]struct{}
	down  bool
	stall bool
	delay time.Duration
}

// StartProxy starts one to an address. The caller calls Close.
func StartProxy(to string) (*Proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{Addr: l.Addr().String(), to: to, l: l, conns: make(map[net.Conn]struct{})}
	p.cond = sync.NewCond(&p.mu)
	p.done.Go(p.accept)
	return p, nil
}

// Cut closes all connections. New ones are closed at once until Restore.
func (p *Proxy) Cut() {
	p.set(func() { p.down = true })
	p.closeAll()
}

// Reset closes all connections; new ones work.
func (p *Proxy) Reset() { p.closeAll() }

// Stall lets connections stand, but nothing passes until Restore: what a machine
// that has lost its power, or a firewall that has forgotten, looks like.
func (p *Proxy) Stall() { p.set(func() { p.stall = true }) }

// Delay holds back every answer for d.
func (p *Proxy) Delay(d time.Duration) { p.set(func() { p.delay = d }) }

// Restore ends Cut, Stall and Delay. What was stalled passes.
func (p *Proxy) Restore() { p.set(func() { p.down, p.stall, p.delay = false, false, 0 }) }

// To leads new connections to another address. What stands goes on, until Reset.
func (p *Proxy) To(addr string) { p.set(func() { p.to = addr }) }

// Close ends the proxy.
func (p *Proxy) Close() {
	p.Cut()
	p.l.Close()
	p.set(func() { p.stall = false })
	p.done.Wait()
}

func (p *Proxy) set(f func()) {
	p.mu.Lock()
	f()
	p.mu.Unlock()
	p.cond.Broadcast()
}

func (p *Proxy) closeAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		c.Close()
		delete(p.conns, c)
	}
}

// add takes a connection on; false: it is closed.
func (p *Proxy) add(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.down {
		c.Close()
		return false
	}
	p.conns[c] = struct{}{}
	return true
}

func (p *Proxy) remove(cs ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range cs {
		c.Close()
		delete(p.conns, c)
	}
}

func (p *Proxy) accept() {
	for {
		c, err := p.l.Accept()
		if err != nil {
			return
		}
		if !p.add(c) {
			continue
		}
		p.done.Go(func() { p.serve(c) })
	}
}

func (p *Proxy) serve(client net.Conn) {
	p.mu.Lock()
	to := p.to
	p.mu.Unlock()
	server, err := net.DialTimeout("tcp", to, 5*time.Second)
	if err != nil || !p.add(server) {
		p.remove(client)
		return
	}
	defer p.remove(client, server)
	p.done.Go(func() {
		p.pass(server, client, false)
		p.remove(client, server)
	})
	p.pass(client, server, true)
}

func (p *Proxy) pass(to io.Writer, from io.Reader, answers bool) {
	b := make([]byte, 64<<10)
	for {
		n, err := from.Read(b)
		if err != nil {
			return
		}
		p.mu.Lock()
		for p.stall && !p.down {
			p.cond.Wait()
		}
		delay := p.delay
		p.mu.Unlock()
		if answers && delay > 0 {
			time.Sleep(delay)
		}
		if _, err := to.Write(b[:n]); err != nil {
			return
		}
	}
}
