package idpmock

import (
	"crypto/rsa"
	"encoding/json"
	"errors"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// encrypt puts a signed token into an encrypted one, for the client's key with use enc, if
// the client wants that (RFC 7516, RFC 7519 §5.2).
func (c *Client) encrypt(signed string) (string, error) {
	if c.Encrypted == "" {
		return signed, nil
	}
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(c.JWKS, &set); err != nil {
		return "", err
	}
	for _, k := range set.Keys {
		if _, isRSA := k.Key.(*rsa.PublicKey); k.Use != "enc" || isRSA != strings.HasPrefix(c.Encrypted, "RSA") {
			continue
		}
		e, err := jose.NewEncrypter(jose.A256GCM, jose.Recipient{Algorithm: jose.KeyAlgorithm(c.Encrypted), Key: k.Key,
			KeyID: k.KeyID},
			(&jose.EncrypterOptions{}).WithContentType("JWT"))
		if err != nil {
			return "", err
		}
		jwe, err := e.Encrypt([]byte(signed))
		if err != nil {
			return "", err
		}
		return jwe.CompactSerialize()
	}
	return "", errors.New("idpmock: the client has no key with use enc for " + c.Encrypted)
}
