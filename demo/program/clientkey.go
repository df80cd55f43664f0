package program

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"os"

	"github.com/tandem-sso/tandem/demo/apps"
	"github.com/tandem-sso/tandem/rp"
)

// clientKeys are the key of -client-key, if there is one.
func (o *options) clientKeys() ([]rp.ClientKey, error) {
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
		return nil, wrong("is no PEM file; make one with: openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out client.pem")
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
	return []rp.ClientKey{{ID: o.clientKeyID, Key: signer}}, nil
}
