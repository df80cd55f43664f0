package program

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"os"

	"github.com/tandem-sso/tandem/demo/apps"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/resourceserver"
)

// shown is what the program shows the IdP of itself, beside a secret or instead of one.
type shown struct {
	key       crypto.Signer     // nil: it signs nothing
	method    string            // -client-auth
	transport http.RoundTripper // nil: no certificate
	id        string
}

// shows reads -client-key and -client-cert. With a certificate the key is the certificate's, and
// signs assertions only where -client-auth says so.
func (o *options) shows() (s shown, err error) {
	s.id, s.method = o.clientKeyID, o.clientAuth
	if s.key, err = o.readKey(); err != nil || o.clientCert == "" {
		return s, err
	}
	wrong := func(cure string) error { return &apps.FlagError{Flag: "client-cert", Cure: cure} }
	if s.key == nil {
		return s, wrong("needs its private key; give it with -client-key")
	}
	raw, err := os.ReadFile(o.clientCert)
	if err != nil {
		return s, wrong("cannot be read: " + err.Error())
	}
	cert := tls.Certificate{PrivateKey: s.key}
	for block, rest := pem.Decode(raw); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" {
			cert.Certificate = append(cert.Certificate, block.Bytes)
		}
	}
	if len(cert.Certificate) == 0 {
		return s, wrong("has no certificate in PEM")
	}
	leaf, err := x509.ParseCertificate(cert.Certificate[0])
	if err != nil {
		return s, wrong("cannot be used: " + err.Error())
	}
	if pub, ok := s.key.Public().(interface{ Equal(crypto.PublicKey) bool }); !ok || !pub.Equal(leaf.PublicKey) {
		return s, wrong("is for another key than -client-key; give the certificate of that key first in the file")
	}
	t := apps.LocalTransport()
	if t.TLSClientConfig == nil {
		t.TLSClientConfig = &tls.Config{}
	}
	t.TLSClientConfig.Certificates = []tls.Certificate{cert}
	s.transport = t
	switch s.method {
	case "":
		s.key, s.method = nil, "tls_client_auth"
	case "tls_client_auth", "self_signed_tls_client_auth":
		s.key = nil
	}
	return s, nil
}

// forApp and forAPI are the key in the words of the libraries.
func (s shown) forApp() []rp.ClientKey {
	if s.key == nil {
		return nil
	}
	return []rp.ClientKey{{ID: s.id, Key: s.key}}
}

func (s shown) forAPI() (k resourceserver.ClientKey) {
	if s.key != nil {
		k.ID, k.Key = s.id, s.key
	}
	return k
}

// readKey reads -client-key; nil if there is none.
func (o *options) readKey() (crypto.Signer, error) {
	if o.clientKey == "" {
		return nil, nil
	}
	wrong := func(cure string) error { return &apps.FlagError{Flag: "client-key", Cure: cure} }
	raw, err := os.ReadFile(o.clientKey)
	if err != nil {
		return nil, wrong("cannot be read: " + err.Error())
	}
	block, _ := pem.Decode(raw)
	if block == nil {
		return nil, wrong("is no PEM file; make one with: openssl genpkey -algorithm EC -pkeyopt " +
			"ec_paramgen_curve:P-256 -out client.pem")
	}
	var key any
	switch block.Type {
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	default:
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	}
	signer, ok := key.(crypto.Signer)
	if err != nil || !ok { // err may repeat what is in the file
		return nil, wrong("has no private key that is not encrypted (found: " + block.Type + ")")
	}
	return signer, nil
}
