package idp

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/cryptosigner"
)

// Key signs what this client says of itself.
type Key struct {
	ID         string // kid; empty: the token names no key
	Alg        string
	Issuer     string // iss of an assertion; empty: the client's ID
	Thumbprint string // x5t#S256 of the key's certificate; empty: the token names none
	Signer     crypto.Signer
}

// Format prints the key's ID and nothing of the key, by every verb.
func (k Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "key("+k.ID+")") }

// LogValue logs what Format prints.
func (k Key) LogValue() slog.Value { return slog.StringValue("key(" + k.ID + ")") }

// SigningAlg is the algorithm of a key for which none is chosen, empty if it cannot sign
// for a client.
func SigningAlg(k crypto.Signer) string {
	switch pub := k.Public().(type) {
	case *rsa.PublicKey:
		return string(jose.RS256)
	case ed25519.PublicKey:
		return string(jose.EdDSA)
	case *ecdsa.PublicKey:
		switch pub.Curve {
		case elliptic.P256():
			return string(jose.ES256)
		case elliptic.P384():
			return string(jose.ES384)
		case elliptic.P521():
			return string(jose.ES512)
		}
	}
	return ""
}

// Check says why a key cannot sign with its Alg, nil if it can. Nothing is signed: a key
// in hardware may have to be asked for each signature.
func (k *Key) Check() error {
	if k.Signer == nil {
		return errors.New("has no key in it")
	}
	if pub, ok := k.Signer.Public().(*rsa.PublicKey); ok && pub.N.BitLen() < 2048 { // RFC 7518 §3.3, §3.5
		return fmt.Errorf("is an RSA key of %d bits; use 2048 or more", pub.N.BitLen())
	}
	if !slices.Contains(cryptosigner.Opaque(k.Signer).Algs(), jose.SignatureAlgorithm(k.Alg)) {
		return fmt.Errorf("does not sign with %q", k.Alg)
	}
	return nil
}

// Sign makes a token of that typ.
func (k *Key) Sign(typ string, claims map[string]any) (string, error) {
	opts := (&jose.SignerOptions{}).WithType(jose.ContentType(typ))
	if k.ID != "" {
		opts.WithHeader("kid", k.ID)
	}
	if k.Thumbprint != "" {
		opts.WithHeader("x5t#S256", k.Thumbprint)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(k.Alg),
		Key: cryptosigner.Opaque(k.Signer)}, opts)
	if err != nil {
		return "", err
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		return "", err
	}
	return jws.CompactSerialize()
}

// PublicKeys is the key set that an IdP reads (RFC 7517): the public halves alone.
func PublicKeys(sign, decrypt []Key) []jose.JSONWebKey {
	set := make([]jose.JSONWebKey, 0, len(sign)+len(decrypt))
	for i := range sign {
		set = append(set, jose.JSONWebKey{Key: sign[i].Signer.Public(), KeyID: sign[i].ID, Algorithm: sign[i].Alg,
			Use: "sig"})
	}
	for i := range decrypt {
		k := &decrypt[i]
		set = append(set, jose.JSONWebKey{Key: k.Signer.Public(), KeyID: k.ID, Algorithm: encryptionAlg(k), Use: "enc"})
	}
	return set
}
