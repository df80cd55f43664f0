// Package dpop binds tokens to a key and proves that the caller has it (RFC 9449): proofs,
// their verification, and the nonces that servers want in them.
package dpop

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/tandem-sso/tandem/rp/internal/weburl"
)

// Alg signs the proofs: every server that knows DPoP takes it.
const Alg = jose.ES256

// NewSeed makes a key, as it is kept: 32 bytes. Key reads it.
func NewSeed() string {
	for {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			continue // Go says that it does not fail
		}
		if seed, err := key.Bytes(); err == nil {
			return string(seed)
		}
	}
}

// Key signs proofs.
type Key struct {
	private *ecdsa.PrivateKey
	thumb   string
}

// String keeps the key out of what is printed.
func (*Key) String() string { return "dpop.Key" }

// Parse reads what NewSeed has made.
func Parse(seed string) (*Key, error) {
	private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), []byte(seed))
	if err != nil {
		return nil, errors.New("dpop: the stored key is not valid")
	}
	thumb, err := thumbprint(&jose.JSONWebKey{Key: private.Public()})
	return &Key{private, thumb}, err
}

// Of is Parse, and nil for what is none: then tokens are not bound.
func Of(seed string) *Key {
	if seed == "" {
		return nil
	}
	k, _ := Parse(seed)
	return k
}

// Thumbprint is the name of the key: jkt in tokens, dpop_jkt in requests (RFC 7638).
func (k *Key) Thumbprint() string { return k.thumb }

// Call is what a proof is good for.
type Call struct {
	Method string
	URL    *url.URL // query and fragment are left out
	Token  string   // the access token beside it; empty: none
	Nonce  string   // as the server wants it; empty: none
	At     time.Time
}

// Proof is the DPoP header of one call (§4.2). Each is good once.
func (k *Key) Proof(c Call) (string, error) {
	opts := (&jose.SignerOptions{EmbedJWK: true}).WithType("dpop+jwt")
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: Alg, Key: k.private}, opts)
	if err != nil {
		return "", err
	}
	payload, err := json.Marshal(claims{
		ID: rand.Text(), Method: c.Method, URL: Target(c.URL), IssuedAt: c.At.Unix(), Token: hashOf(c.Token),
		Nonce: c.Nonce,
	})
	if err != nil {
		return "", err
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		return "", err
	}
	return jws.CompactSerialize()
}

type claims struct {
	ID       string `json:"jti"`
	Method   string `json:"htm"`
	URL      string `json:"htu"`
	IssuedAt int64  `json:"iat"`
	Token    string `json:"ath,omitempty"`
	Nonce    string `json:"nonce,omitempty"`
}

// Target is htu of an address, normalized (RFC 3986 §6.2.2, §6.2.3).
func Target(u *url.URL) string {
	path := u.EscapedPath()
	if path == "" {
		path = "/"
	}
	return weburl.OriginOf(u) + path
}

// hashOf is ath, empty without a token.
func hashOf(token string) string {
	if token == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func thumbprint(k *jose.JSONWebKey) (string, error) {
	sum, err := k.Thumbprint(crypto.SHA256)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(sum), nil
}
