package idpmock

import (
	"crypto"
	"encoding/base64"
	"strconv"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// nonceEvery is how long the provider hands out the same DPoP nonce.
const nonceEvery = 5 * time.Minute

// dpopNonces returns the current nonce and the one before, which is still good
// (RFC 9449 §8). They follow from the clock and a secret of this provider.
func (p *IDP) dpopNonces(now time.Time) []string {
	n := now.Unix() / int64(nonceEvery/time.Second)
	return []string{p.dpopNonce(n), p.dpopNonce(n - 1)}
}

func (p *IDP) dpopNonce(n int64) string {
	return s256(p.secret + " " + strconv.FormatInt(n, 10))[:22]
}

func thumbprint(jwk *jose.JSONWebKey) (string, error) {
	sum, err := jwk.Thumbprint(crypto.SHA256)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(sum), nil
}
