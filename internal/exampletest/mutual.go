package exampletest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"net/http"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

const mutualHost = "mtls.idp.example"

// Certificate is one that signs itself, for a name.
func Certificate(name string) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		DNSNames: []string{name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// AskForCertificates makes the IdP serve at an address of its own, too, at which clients
// show a certificate (RFC 8705 §5).
func (w *World) AskForCertificates() {
	l, err := w.net.Listen(mutualHost)
	if err != nil {
		panic(err)
	}
	own := Certificate(mutualHost)
	s := &http.Server{Handler: w.IDP.Handler(), TLSConfig: &tls.Config{Certificates: []tls.Certificate{own},
		ClientAuth: tls.RequireAnyClientCert}}
	done := make(chan struct{})
	go func() { defer close(done); _ = s.ServeTLS(l, "", "") }() // ends with Close
	w.end = append(w.end, func() { _ = s.Close(); <-done })
	w.roots = x509.NewCertPool()
	w.roots.AddCert(own.Leaf)
	if err := w.IDP.Update(func(c *idpmock.Config) { c.MTLSOrigin = "https://" + mutualHost }); err != nil {
		panic(err)
	}
}

// Over makes a transport use the network in memory. Only the address for certificates has
// TLS there.
func (w *World) Over(t *http.Transport) *http.Transport {
	t.DialContext = w.net.Dial
	t.DialTLSContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := w.net.Dial(ctx, network, addr)
		if host, _, _ := net.SplitHostPort(addr); err != nil || host != mutualHost {
			return conn, err
		}
		c := t.TLSClientConfig.Clone()
		c.RootCAs, c.ServerName = w.roots, mutualHost
		secure := tls.Client(conn, c)
		return secure, secure.HandshakeContext(ctx)
	}
	return t
}
