package idp

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"github.com/tandem-sso/tandem/rp/internal/outside"
)

// maxEncrypted bounds a token that is decrypted, in bytes.
const maxEncrypted = 128 << 10

var (
	// RSA1_5 is left out: it tells an attacker of wrong padding (RFC 8725 §3.2).
	keyAlgs = []jose.KeyAlgorithm{jose.RSA_OAEP, jose.RSA_OAEP_256, jose.ECDH_ES, jose.ECDH_ES_A128KW,
		jose.ECDH_ES_A192KW, jose.ECDH_ES_A256KW}
	encAlgs = []jose.ContentEncryption{jose.A128GCM, jose.A192GCM, jose.A256GCM, jose.A128CBC_HS256, jose.A192CBC_HS384,
		jose.A256CBC_HS512}
)

// EncryptedError says why something that is encrypted is not opened.
type EncryptedError struct{ why string }

func (e *EncryptedError) Error() string { return e.why }

// encrypted returns an error that describes an encrypted token by its header. Anybody may have
// written that header.
func encrypted(raw, format string, args ...any) error {
	var h struct{ Alg, Enc, Kid string }
	head, _, _ := strings.Cut(raw, ".")
	b, _ := base64.RawURLEncoding.DecodeString(head)
	text := "it has five parts like an encrypted token, but its header cannot be read"
	if json.Unmarshal(b, &h) == nil && h.Alg != "" && h.Enc != "" {
		text = fmt.Sprintf("it is encrypted with %s and %s", outside.Text(h.Alg, 40), outside.Text(h.Enc, 40))
	}
	if h.Kid != "" {
		text += fmt.Sprintf(" for the key %q", outside.Text(h.Kid, 40))
	}
	return &EncryptedError{text + ", " + fmt.Sprintf(format, args...)}
}

// CheckDecryption says why a key decrypts nothing, nil if it does. One in hardware is not
// taken: nothing in Go's standard library has an interface for all of its ways.
func (k *Key) CheckDecryption() error {
	switch key := k.Signer.(type) {
	case *rsa.PrivateKey:
		if key.N.BitLen() < 2048 { // RFC 7518 §4.3
			return fmt.Errorf("is an RSA key of %d bits; use 2048 or more", key.N.BitLen())
		}
		return nil
	case *ecdsa.PrivateKey:
		return nil
	}
	return errors.New("is neither an *rsa.PrivateKey nor an *ecdsa.PrivateKey")
}

// encryptionAlg is alg of a public key that others encrypt for.
func encryptionAlg(k *Key) string {
	if _, ok := k.Signer.(*rsa.PrivateKey); ok {
		return string(jose.RSA_OAEP_256)
	}
	return string(jose.ECDH_ES_A256KW)
}

// Opened is the signed token inside an encrypted one (RFC 7519 §5.2: signed first, then
// encrypted). One that is not encrypted is returned as it is.
func (p *Provider) Opened(raw string) (string, error) {
	if !isEncrypted(raw) {
		return raw, nil
	}
	inner, err := open(raw, p.cfg.DecryptionKeys)
	return string(inner), err
}

func isEncrypted(raw string) bool { return strings.Count(raw, ".") == 4 }

func open(raw string, keys []Key) ([]byte, error) {
	if len(raw) > maxEncrypted {
		return nil, &EncryptedError{fmt.Sprintf("it is encrypted, and longer than %d bytes", maxEncrypted)}
	}
	jwe, err := jose.ParseEncryptedCompact(raw, keyAlgs, encAlgs)
	if err != nil {
		return nil, encrypted(raw, "and is malformed, or these algorithms are not accepted: let the IdP use one of "+
			"%v, with one of %v",
			keyAlgs, encAlgs)
	}
	if _, zipped := jwe.Header.ExtraHeaders["zip"]; zipped { // RFC 8725 §3.6; a small one may become a large one
		return nil, encrypted(raw, "and compressed (zip), which is not accepted")
	}
	if len(keys) == 0 {
		return nil, encrypted(raw, "and Config.DecryptionKeys is empty: set that, or let the IdP only sign for this "+
			"client")
	}
	for i := range keys {
		if kid := jwe.Header.KeyID; kid != "" && keys[i].ID != "" && kid != keys[i].ID {
			continue
		}
		if inner, err := jwe.Decrypt(keys[i].Signer); err == nil {
			return inner, nil
		}
	}
	return nil, encrypted(raw, "and no key of Config.DecryptionKeys opens it: check which key the IdP has read at "+
		"this app's jwks_uri")
}
