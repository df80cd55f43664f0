// Package jws signs tokens, rightly and wrongly.
package jws

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// Sign makes a compact JWS. An empty typ sends no typ.
func Sign(alg string, key any, typ string, claims map[string]any) (string, error) {
	opts := &jose.SignerOptions{}
	if typ != "" {
		opts = opts.WithType(jose.ContentType(typ))
	}
	return SignWith(alg, key, opts, claims)
}

// SignWith is Sign with other members in the header.
func SignWith(alg string, key any, opts *jose.SignerOptions, claims map[string]any) (string, error) {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(alg), Key: key}, opts)
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

// SignEmbedded publishes the key in the token's own header; RFC 8725 §3.10 warns of
// believing it.
func SignEmbedded(alg string, key any, typ string, claims map[string]any) (string, error) {
	return SignWith(alg, key, (&jose.SignerOptions{EmbedJWK: true}).WithType(jose.ContentType(typ)), claims)
}

// SignWithSecret is HS256.
func SignWithSecret(secret, typ string, claims map[string]any) (string, error) {
	sum, key := sha256.Sum256([]byte(secret)), []byte(secret)
	if len(key) < 32 { // go-jose wants 256 bits
		key = sum[:]
	}
	return Sign(string(jose.HS256), key, typ, claims)
}

// Unsigned is an alg none token (RFC 7515 §A.5), which go-jose rightly refuses to make.
func Unsigned(typ string, claims map[string]any) (string, error) {
	header, err := json.Marshal(map[string]string{"alg": "none", "typ": typ})
	if err != nil {
		return "", err
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	enc := base64.RawURLEncoding
	return enc.EncodeToString(header) + "." + enc.EncodeToString(payload) + ".", nil
}

// Break flips a bit in the signature of a token that Sign has made.
func Break(token string, err error) (string, error) {
	if err != nil {
		return "", err
	}
	dot := strings.LastIndexByte(token, '.')
	sig, err := base64.RawURLEncoding.DecodeString(token[dot+1:])
	if err != nil {
		return "", err
	}
	sig[len(sig)/2] ^= 1
	return token[:dot+1] + base64.RawURLEncoding.EncodeToString(sig), nil
}

// OtherAlg is one of RS256 and ES256 that alg is not.
func OtherAlg(alg string) string {
	if alg == "RS256" {
		return "ES256"
	}
	return "RS256"
}
