package rp

import (
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"github.com/tandem-sso/tandem/rp/internal/idp"
	"github.com/tandem-sso/tandem/rp/internal/web"
	"github.com/tandem-sso/tandem/rp/internal/weburl"
)

// ClientKey is a private key of this client; the IdP knows its public half. It prints as its
// ID.
type ClientKey struct {
	// ID is the name of the key at the IdP (kid). Empty: none is sent.
	ID string
	// Key is RSA with 2,048 bits or more, ECDSA on P-256, P-384 or P-521, or Ed25519. It may be in
	// hardware, or at a service.
	Key crypto.Signer
	// Alg is the algorithm of signatures (RFC 7518 §3.1). Default: RS256 for RSA, or what
	// fits the key.
	Alg string
	// Certificate, if set, is the certificate of the key: its SHA-256 thumbprint is sent as
	// x5t#S256, by which Entra ID finds the key.
	Certificate *x509.Certificate
	// Issuer is the iss of tokens that the key signs. Default Config.ClientID. Apple: the
	// Team ID.
	Issuer string
}

func (k ClientKey) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "rp.ClientKey("+k.ID+")") }

func (k ClientKey) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(k)) }

func (k ClientKey) MarshalText() ([]byte, error) { return []byte(fmt.Sprint(k)), nil }

// checkClient completes and checks how this client authenticates.
func (c *Config) checkClient(fault func(field, cure string, args ...any)) {
	c.ClientKeys = slices.Clone(c.ClientKeys)
	ids := map[string]bool{}
	for i := range c.ClientKeys {
		k := &c.ClientKeys[i]
		if isNil(k.Key) {
			fault("ClientKeys", "key %d has no key in it", i+1)
			continue
		}
		if k.Alg == "" {
			k.Alg = idp.SigningAlg(k.Key)
		}
		if err := k.inside().Check(); err != nil {
			fault("ClientKeys", "key %d %v", i+1, err)
		}
		if k.ID != "" && ids[k.ID] {
			fault("ClientKeys", "key %d has the ID %q of another one; the IdP could not tell them apart", i+1, k.ID)
		}
		ids[k.ID] = true
		pub, ok := k.Key.Public().(interface{ Equal(crypto.PublicKey) bool })
		if k.Certificate != nil && ok && !pub.Equal(k.Certificate.PublicKey) {
			fault("ClientKeys", "key %d has the certificate of another key", i+1)
		}
	}
	c.DecryptionKeys = slices.Clone(c.DecryptionKeys)
	for i := range c.DecryptionKeys {
		if err := c.DecryptionKeys[i].inside().CheckDecryption(); err != nil {
			fault("DecryptionKeys", "key %d %v", i+1, err)
		}
	}
	if c.JAR && len(c.ClientKeys) == 0 {
		fault("JAR", "is set, but ClientKeys is empty; set it, because its first key signs the requests")
	}
	switch {
	case !c.RequestURI:
	case c.PAR:
		fault("RequestURI", "is set, and requests are pushed (PAR, or Profile); leave RequestURI unset")
	case c.BaseURL != "" && weburl.Check(c.BaseURL, false) != nil:
		fault("RequestURI", "is set, but BaseURL is not https; IdPs fetch nothing over http")
	}
	method := c.ClientAuth
	switch {
	case method == "":
	case !slices.Contains(idp.Methods, method):
		fault("ClientAuth", "is %q; use one of %s", method, strings.Join(idp.Methods, ", "))
	case idp.BySecret(method) && c.ClientSecret == "":
		fault("ClientAuth", "is %s, but ClientSecret is empty; set it, or leave ClientAuth empty for a public "+
			"client", method)
	case idp.ByKey(method) && len(c.ClientKeys) == 0:
		fault("ClientAuth", "is %s, but ClientKeys is empty; set it", method)
	case idp.ByCertificate(method):
		if shows, known := idp.ShowsCertificate(c.HTTPClient); known && !shows {
			fault("ClientAuth", "is %s, but HTTPClient has no certificate to show; give it an *http.Transport with "+
				"TLSClientConfig.Certificates", method)
		}
	}
	if c.ClientSecret != "" && (idp.ByKey(method) || idp.ByCertificate(method)) {
		fault("ClientSecret", "is set, but %s sends no secret; leave it empty", method)
	}
	if method == idp.AppleSecret && len(c.ClientKeys) > 0 && c.ClientKeys[0].Issuer == "" {
		fault("ClientKeys", "the first key needs the Team ID as its Issuer for %s", method)
	}
}

// isNil finds also a nil pointer of a key's type, which is no nil interface.
func isNil(key crypto.Signer) bool {
	v := reflect.ValueOf(key)
	return !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil()
}

func (k *ClientKey) inside() *idp.Key {
	in := &idp.Key{ID: k.ID, Alg: k.Alg, Issuer: k.Issuer, Signer: k.Key}
	if k.Certificate != nil {
		sum := sha256.Sum256(k.Certificate.Raw)
		in.Thumbprint = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	return in
}

func insideKeys(keys []ClientKey) []idp.Key {
	all := make([]idp.Key, len(keys))
	for i := range keys {
		all[i] = *keys[i].inside()
	}
	return all
}

// serveKeys is the client's jwks_uri: the public halves of its keys, all of them, so that
// the IdP knows the next one before it is used.
func serveKeys(c *Config) func(http.ResponseWriter, *http.Request) error {
	set := jose.JSONWebKeySet{Keys: idp.PublicKeys(insideKeys(c.ClientKeys), insideKeys(c.DecryptionKeys))}
	return func(w http.ResponseWriter, _ *http.Request) error {
		body, err := json.Marshal(set)
		if err != nil {
			return err
		}
		web.NoStore(w.Header())
		w.Header().Set("Content-Type", "application/jwk-set+json")
		_, err = w.Write(body)
		return err
	}
}
