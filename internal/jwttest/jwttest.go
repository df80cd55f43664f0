// Package jwttest signs JSON Web Tokens for tests, malformed ones included. It
// uses nothing but crypto, so that no bug of a JOSE library can hide in both the
// test and what it tests.
package jwttest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"math/big"
	"sync"
)

// Claims is a payload, or a header.
type Claims map[string]any

// With returns a copy with one member changed.
func (c Claims) With(name string, v any) Claims {
	out := maps.Clone(c)
	out[name] = v
	return out
}

// Without returns a copy that lacks the named members.
func (c Claims) Without(names ...string) Claims {
	out := maps.Clone(c)
	for _, name := range names {
		delete(out, name)
	}
	return out
}

// Key is a key pair with the one algorithm that it signs with.
type Key struct {
	ID     string
	Alg    string
	signer crypto.Signer
}

// The two RSA keys are made once per process: each takes a tenth of a second.
var rsaKeys = [2]func() *rsa.PrivateKey{sync.OnceValue(newRSA), sync.OnceValue(newRSA)}

func newRSA() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
}

// RS256 is a key that is the same for each id of 0 or 1, named kid.
func RS256(kid string, which int) *Key {
	return &Key{ID: kid, Alg: "RS256", signer: rsaKeys[which]()}
}

// ES256 is a fresh key.
func ES256(kid string) *Key {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return &Key{ID: kid, Alg: "ES256", signer: k}
}

// Named is the same key under another id.
func (k *Key) Named(kid string) *Key { return &Key{ID: kid, Alg: k.Alg, signer: k.signer} }

// JWK is the public half (RFC 7517).
func (k *Key) JWK() Claims {
	out := Claims{"use": "sig", "alg": k.Alg}
	if k.ID != "" {
		out["kid"] = k.ID
	}
	switch pub := k.signer.Public().(type) {
	case *rsa.PublicKey:
		out["kty"], out["n"], out["e"] = "RSA", b64(pub.N.Bytes()), b64(big.NewInt(int64(pub.E)).Bytes())
	case *ecdsa.PublicKey:
		point, err := pub.Bytes() // 4, x, y
		if err != nil {
			panic(err)
		}
		out["kty"], out["crv"], out["x"], out["y"] = "EC", "P-256", b64(point[1:33]), b64(point[33:])
	}
	return out
}

// Set is a key set document of public keys.
func Set(keys ...*Key) []byte {
	list := []Claims{}
	for _, k := range keys {
		list = append(list, k.JWK())
	}
	return encode(Claims{"keys": list})
}

// Sign makes a token with the header alg, kid and typ JWT; a header given
// replaces members of that one, and a nil value removes one.
func (k *Key) Sign(payload any, headers ...Claims) string {
	head := Claims{"alg": k.Alg, "typ": "JWT"}
	if k.ID != "" {
		head["kid"] = k.ID
	}
	for _, h := range headers {
		for name, v := range h {
			if head[name] = v; v == nil {
				delete(head, name)
			}
		}
	}
	body, ok := payload.([]byte)
	if !ok {
		body = encode(payload)
	}
	input := b64(encode(head)) + "." + b64(body)
	return input + "." + b64(k.sign([]byte(input)))
}

func (k *Key) sign(input []byte) []byte {
	sum := sha256.Sum256(input)
	switch key := k.signer.(type) {
	case *rsa.PrivateKey:
		sig, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
		if err != nil {
			panic(err)
		}
		return sig
	case *ecdsa.PrivateKey:
		r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
		if err != nil {
			panic(err)
		}
		return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	}
	panic("jwttest: unknown kind of key")
}

// Unsigned makes a token with alg none (RFC 7515 §A.5).
func Unsigned(payload any, headers ...Claims) string {
	head := Claims{"alg": "none", "typ": "JWT"}
	for _, h := range headers {
		maps.Copy(head, h)
	}
	return b64(encode(head)) + "." + b64(encode(payload)) + "."
}

// HS256 signs with a secret, as an attacker would with a public key or a client
// secret.
func HS256(secret []byte, payload any, headers ...Claims) string {
	head := Claims{"alg": "HS256", "typ": "JWT"}
	for _, h := range headers {
		maps.Copy(head, h)
	}
	input := b64(encode(head)) + "." + b64(encode(payload))
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(input))
	return input + "." + b64(mac.Sum(nil))
}

// ATHash is the at_hash of an access token for algorithms with SHA-256 (OpenID
// Connect Core 1.0 §3.1.3.6).
func ATHash(accessToken string) string {
	sum := sha256.Sum256([]byte(accessToken))
	return b64(sum[:16])
}

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
