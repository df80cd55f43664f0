// Package memnet is a network in memory: HTTP servers and clients that never use a socket. It
// works inside a testing/synctest bubble, where a read from a real socket would stop virtual
// time.
package memnet

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
)

// Net is one such network. Its zero value is not usable; see [New].
type Net struct {
	mu        sync.Mutex
	listeners map[string]*listener
	clients   []*http.Transport
	down      map[string]error
}

// New makes an empty network.
func New() *Net {
	return &Net{listeners: map[string]*listener{}, down: map[string]error{}}
}

// Listen accepts connections to host, whatever their port: "idp.example" serves
// http://idp.example, https://idp.example and http://idp.example:8080. It is an
// error if somebody listens there already.
func (n *Net) Listen(host string) (net.Listener, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.listeners[host] != nil {
		return nil, fmt.Errorf("memnet: listen %s: address already in use", host)
	}
	l := &listener{net: n, host: host, accept: make(chan net.Conn), closed: make(chan struct{})}
	n.listeners[host] = l
	return l, nil
}

// Serve is Listen and an http.Server on it. Stop closes the server and its
// connections.
func (n *Net) Serve(host string, h http.Handler) (stop func(), err error) {
	l, err := n.Listen(host)
	if err != nil {
		return nil, err
	}
	s := &http.Server{Handler: h}
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }() // ends with stop
	return func() { _ = s.Close(); <-done }, nil
}

// Fail makes every new connection to host fail with err until Fail(host, nil).
// Connections that exist stay.
func (n *Net) Fail(host string, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err == nil {
		delete(n.down, host)
	} else {
		n.down[host] = err
	}
}

// Dial connects to whoever listens at addr's host.
func (n *Net) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		host = addr
	}
	n.mu.Lock()
	l, down := n.listeners[host], n.down[host]
	n.mu.Unlock()
	if down != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Addr: memAddr(host), Err: down}
	}
	if l == nil {
		return nil, &net.OpError{Op: "dial", Net: network, Addr: memAddr(host), Err: fmt.Errorf("connection refused")}
	}
	client, server := net.Pipe()
	select {
	case l.accept <- conn{server, memAddr(host)}:
		return conn{client, memAddr(host)}, nil
	case <-l.closed:
		return nil, &net.OpError{Op: "dial", Net: network, Addr: memAddr(host), Err: fmt.Errorf("connection refused")}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Transport returns a transport over this network. https URLs work and are not
// encrypted: there is nothing to protect, and no certificate is needed.
func (n *Net) Transport() *http.Transport {
	t := &http.Transport{DialContext: n.Dial, DialTLSContext: n.Dial, MaxIdleConnsPerHost: 64}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.clients = append(n.clients, t)
	return t
}

// Client returns an HTTP client over this network, with a transport of its own.
func (n *Net) Client() *http.Client { return &http.Client{Transport: n.Transport()} }

// Close closes all listeners and the idle connections of all clients.
func (n *Net) Close() {
	n.mu.Lock()
	ls, ts := n.listeners, n.clients
	n.listeners, n.clients = map[string]*listener{}, nil
	n.mu.Unlock()
	for _, l := range ls {
		l.shut()
	}
	for _, t := range ts {
		t.CloseIdleConnections()
	}
}

type listener struct {
	net    *Net
	host   string
	accept chan net.Conn
	once   sync.Once
	closed chan struct{}
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.accept:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *listener) shut() { l.once.Do(func() { close(l.closed) }) }

func (l *listener) Close() error {
	l.shut()
	l.net.mu.Lock()
	defer l.net.mu.Unlock()
	if l.net.listeners[l.host] == l {
		delete(l.net.listeners, l.host)
	}
	return nil
}

func (l *listener) Addr() net.Addr { return memAddr(l.host) }

type memAddr string

func (memAddr) Network() string  { return "mem" }
func (a memAddr) String() string { return string(a) + ":80" }

// conn gives a pipe's end an address that net/http can show.
type conn struct {
	net.Conn
	addr memAddr
}

func (c conn) LocalAddr() net.Addr  { return c.addr }
func (c conn) RemoteAddr() net.Addr { return c.addr }
