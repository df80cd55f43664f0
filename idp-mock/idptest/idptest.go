// Package idptest starts an idpmock provider for a test and stops it with the
// test: on loopback ([Start]) or in memory ([StartMem]), which works inside a
// testing/synctest bubble. A [Browser] plays the person. With package idpmock a test moves
// the clock, ends sessions and sets faults.
package idptest

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/control"
	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/idp-mock/memnet"
)

// Server is a provider that serves.
type Server struct {
	*idpmock.IDP
	// URL is the issuer.
	URL string
	// Net is the in-memory network; nil on loopback.
	Net *memnet.Net

	t testing.TB
}

// Option changes what is started.
type Option func(*options)

type options struct {
	config  idpmock.Config
	wrap    []func(http.Handler) http.Handler
	control bool
	err     error
}

// WithClients adds clients.
func WithClients(c ...idpmock.Client) Option {
	return func(o *options) { o.config.Clients = append(o.config.Clients, c...) }
}

// WithUsers adds users; without any, every name is good.
func WithUsers(u ...idpmock.User) Option {
	return func(o *options) { o.config.Users = append(o.config.Users, u...) }
}

// WithConfig changes anything.
func WithConfig(f func(*idpmock.Config)) Option { return func(o *options) { f(&o.config) } }

// Like makes the provider behave as a real one does, by the name that
// [idpmock.Like] knows, with changes if there are any.
func Like(name string, change ...func(*idpmock.Temperament)) Option {
	return func(o *options) {
		t, err := idpmock.Like(name)
		for _, f := range change {
			f(&t)
		}
		o.config.Temperament, o.err = t, err
	}
}

// WithControlAPI serves the control API and the status page under /_mock/.
func WithControlAPI() Option { return func(o *options) { o.control = true } }

// WithHandler wraps the provider's handler, for behaviour that no fault has.
func WithHandler(wrap func(http.Handler) http.Handler) Option {
	return func(o *options) { o.wrap = append(o.wrap, wrap) }
}

// rsaKey is made once per test binary: it takes a tenth of a second.
var rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// settle applies the options to the defaults of a test: coordinated lifetimes,
// everybody told of every end.
func settle(issuer string, opts []Option) options {
	o := options{config: idpmock.Config{Issuer: issuer, CoordinateClientLifetimes: true,
		ExpiredSessionsTriggerBackchannelLogout: true}}
	for _, apply := range opts {
		apply(&o)
	}
	if o.config.SigningAlg != "ES256" && len(o.config.Keys) == 0 {
		o.config.Keys = []crypto.Signer{rsaKey()}
	}
	return o
}

// Start serves a provider on a loopback port until the test ends. Lifetimes are
// coordinated and all clients are told of every end, unless an option says
// otherwise.
func Start(t testing.TB, opts ...Option) *Server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("idptest: %v", err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return start(t, l, "http://127.0.0.1:"+port, nil, opts)
}

// StartMem serves a provider at https://idp.example on an in-memory network,
// over which it also delivers its logout tokens. Apps under test listen on
// [Server.Net] too.
func StartMem(t testing.TB, opts ...Option) *Server {
	t.Helper()
	n := memnet.New()
	l, err := n.Listen("idp.example")
	if err != nil {
		t.Fatalf("idptest: %v", err)
	}
	opts = append([]Option{WithConfig(func(c *idpmock.Config) { c.HTTPClient = n.Client() })}, opts...)
	return start(t, l, "https://idp.example", n, opts)
}

func start(t testing.TB, l net.Listener, issuer string, n *memnet.Net, opts []Option) *Server {
	t.Helper()
	o := settle(issuer, opts)
	if o.err != nil {
		t.Fatalf("idptest: %v", o.err)
	}
	idp, err := idpmock.New(o.config)
	if err != nil {
		t.Fatalf("idptest: %v", err)
	}
	handler := idp.Handler()
	if o.control {
		handler = control.Beside(idp, handler)
	}
	for _, wrap := range o.wrap {
		handler = wrap(handler)
	}
	hs := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	done := make(chan struct{})
	go func() { defer close(done); _ = hs.Serve(l) }() // ends with hs.Close
	t.Cleanup(func() {
		idp.Close()
		_ = hs.Close()
		<-done
		if n != nil {
			n.Close()
		}
	})
	return &Server{IDP: idp, URL: idp.Issuer(), Net: n, t: t}
}

// Settle waits until all logout tokens have arrived, or fails the test after ten
// seconds.
func (s *Server) Settle() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := s.IDP.Settle(ctx); err != nil {
		s.t.Fatalf("idptest: logout tokens are still under way: %v\n%+v", err, s.Outbox())
	}
}

// MustSignIn is [idpmock.IDP.SignIn] that fails the test.
func (s *Server) MustSignIn(user string) *idpmock.Browser {
	s.t.Helper()
	b, err := s.SignIn(user)
	if err != nil {
		s.t.Fatalf("idptest: %v", err)
	}
	return b
}

// Expect fails the test, with the requests that were seen, unless the client
// made exactly n requests to the endpoint.
func (s *Server) Expect(endpoint idpmock.Endpoint, client string, n int) {
	s.t.Helper()
	got := s.Count(endpoint, client)
	if got == n {
		return
	}
	s.t.Errorf("idptest: %d requests of client %q to %q, want %d; the last requests were:", got, client, endpoint, n)
	all := s.Requests()
	for _, r := range all[max(0, len(all)-30):] {
		s.t.Logf("  %s", r)
	}
}
