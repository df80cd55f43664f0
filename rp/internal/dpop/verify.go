package dpop

import (
	"crypto/rsa"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"net/url"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	// MaxProof bounds a proof in bytes.
	MaxProof = 8 << 10
	// Window is how old a proof may be, and how far in the future: clocks differ.
	Window = time.Minute

	maxID      = 256
	maxRSABits = 4096 // more costs a server much time for each proof
)

// algs are the asymmetric ones; none and HMAC would let anybody sign.
var algs = []jose.SignatureAlgorithm{jose.ES256, jose.ES384, jose.ES512, jose.PS256, jose.PS384, jose.PS512, jose.RS256,
	jose.RS384, jose.RS512, jose.EdDSA}

// Want is what a proof has to fit to.
type Want struct {
	Method string
	Target string // of the request as its caller sees it, by Target
	Token  string
	Now    time.Time
}

// Proof is one that fits. That it comes once is for the caller to see to: ID until Until.
type Proof struct {
	Thumbprint string
	ID         string
	Nonce      string
	Until      time.Time
}

// Verify checks a proof as §4.3 says, but for the nonce and the ID.
func Verify(raw string, want Want) (*Proof, error) {
	if len(raw) > MaxProof {
		return nil, errors.New("the proof is too long")
	}
	jws, err := jose.ParseSignedCompact(raw, algs)
	if err != nil || len(jws.Signatures) != 1 {
		return nil, errors.New("the proof is no signed token")
	}
	header := jws.Signatures[0].Protected
	if typ, _ := header.ExtraHeaders[jose.HeaderType].(string); typ != "dpop+jwt" {
		return nil, errors.New("the proof has the wrong typ")
	}
	key := header.JSONWebKey
	if key == nil || !key.Valid() || !key.IsPublic() {
		return nil, errors.New("the proof has no public key")
	}
	if k, ok := key.Key.(*rsa.PublicKey); ok && (k.N.BitLen() < 2048 || k.N.BitLen() > maxRSABits) {
		return nil, errors.New("the proof's key has a size that is not accepted")
	}
	payload, err := jws.Verify(key)
	if err != nil {
		return nil, errors.New("the proof's signature is wrong")
	}
	var c claims
	if json.Unmarshal(payload, &c) != nil {
		return nil, errors.New("the proof's claims cannot be read")
	}
	target, err := url.Parse(c.URL)
	if err != nil || Target(target) != want.Target || c.Method != want.Method {
		return nil, errors.New("the proof is for another request")
	}
	if subtle.ConstantTimeCompare([]byte(c.Token), []byte(hashOf(want.Token))) != 1 {
		return nil, errors.New("the proof is for another token")
	}
	at := time.Unix(c.IssuedAt, 0)
	switch {
	case at.Before(want.Now.Add(-Window)), at.After(want.Now.Add(Window)):
		return nil, errors.New("the proof is too old or from the future: compare the clocks")
	case c.ID == "" || len(c.ID) > maxID:
		return nil, errors.New("the proof has no jti, or its jti is too long")
	}
	thumb, err := thumbprint(key)
	if err != nil {
		return nil, errors.New("the proof's key has no thumbprint")
	}
	return &Proof{Thumbprint: thumb, ID: c.ID, Nonce: c.Nonce, Until: at.Add(2 * Window)}, nil
}
