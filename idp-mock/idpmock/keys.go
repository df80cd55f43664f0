package idpmock

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/go-jose/go-jose/v4"
	"github.com/tandem-sso/tandem/idp-mock/internal/jws"
)

// signingAlgs are those that the provider signs with.
var signingAlgs = []string{"RS256", "ES256", "PS256"}

// keyring holds the provider's signing keys: one per algorithm, made when it is
// first needed (an RSA key takes too long for a quick start), and the retired
// ones.
type keyring struct {
	mu      sync.Mutex
	current map[string]*jose.JSONWebKey // by algorithm
	retired []jose.JSONWebKey           // public, still published
	given   map[string]crypto.Signer
	hidden  map[string]*jose.JSONWebKey // keys that no JWKS ever showed, for faults
	noKids  bool
}

func newKeyring(given []crypto.Signer) (*keyring, error) {
	k := &keyring{current: map[string]*jose.JSONWebKey{}, hidden: map[string]*jose.JSONWebKey{},
		given: map[string]crypto.Signer{}}
	for _, key := range given {
		alg := ""
		switch key := key.(type) {
		case *rsa.PrivateKey:
			alg = "RS256"
		case *ecdsa.PrivateKey:
			if key.Curve == elliptic.P256() {
				alg = "ES256"
			}
		}
		if alg == "" || k.given[alg] != nil {
			return nil, fmt.Errorf("idpmock: Config.Keys: %T: want at most one RSA and one P-256 private key", key)
		}
		k.given[alg] = key
	}
	return k, nil
}

func generateKey(alg string) (crypto.Signer, error) {
	if alg == "ES256" {
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	return rsa.GenerateKey(rand.Reader, 2048)
}

func newJWK(key crypto.Signer, alg string) (*jose.JSONWebKey, error) {
	jwk := &jose.JSONWebKey{Key: key, Algorithm: alg, Use: "sig"}
	sum, err := jwk.Thumbprint(crypto.SHA256)
	if err != nil {
		return nil, err
	}
	jwk.KeyID = base64.RawURLEncoding.EncodeToString(sum[:12])
	return jwk, nil
}

// key returns the current key for alg.
func (k *keyring) key(alg string) (*jose.JSONWebKey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.keyLocked(k.current, alg)
}

// hiddenKey returns a key for alg that is not in the JWKS.
func (k *keyring) hiddenKey(alg string) (*jose.JSONWebKey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.keyLocked(k.hidden, alg)
}

func (k *keyring) keyLocked(set map[string]*jose.JSONWebKey, alg string) (*jose.JSONWebKey, error) {
	if jwk := set[alg]; jwk != nil {
		return jwk, nil
	}
	var key crypto.Signer
	kind := alg
	if alg == "PS256" { // RSA, too
		kind = "RS256"
	}
	if given := k.given[kind]; given != nil {
		key = given
		delete(k.given, kind)
	} else {
		generated, err := generateKey(alg)
		if err != nil {
			return nil, err
		}
		key = generated
	}
	jwk, err := newJWK(key, alg)
	if err != nil {
		return nil, err
	}
	set[alg] = jwk
	return jwk, nil
}

// rotate replaces the key for alg. With keepOld the old one stays published.
func (k *keyring) rotate(alg string, keepOld bool) error {
	key, err := generateKey(alg)
	if err != nil {
		return err
	}
	jwk, err := newJWK(key, alg)
	if err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if old := k.current[alg]; old != nil && keepOld {
		k.retired = append(k.retired, old.Public())
	}
	delete(k.given, alg)
	k.current[alg] = jwk
	return nil
}

// public is what /jwks shows. It always includes the key for alg.
func (k *keyring) public(alg string) (jose.JSONWebKeySet, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	var set jose.JSONWebKeySet
	if _, err := k.keyLocked(k.current, alg); err != nil {
		return set, err
	}
	for _, alg := range signingAlgs {
		if jwk := k.current[alg]; jwk != nil {
			set.Keys = append(set.Keys, jwk.Public())
		}
	}
	set.Keys = append(set.Keys, k.retired...)
	if k.noKids {
		for i := range set.Keys {
			set.Keys[i].KeyID = ""
		}
	}
	return set, nil
}

// sign makes a compact JWS with the key for alg. An empty typ sends no typ.
func (k *keyring) sign(alg, typ string, claims map[string]any) (string, error) {
	jwk, err := k.key(alg)
	if err != nil {
		return "", err
	}
	return jws.Sign(alg, jwk, typ, claims)
}

// verify returns the claims of a JWS of our own, whatever its age: an
// id_token_hint may be expired (OpenID Connect RP-Initiated Logout 1.0 §2).
func (k *keyring) verify(alg, raw string) (map[string]any, error) {
	if len(raw) > maxToken {
		return nil, errTokenTooLong
	}
	signed, err := jose.ParseSignedCompact(raw, []jose.SignatureAlgorithm{jose.RS256, jose.ES256, jose.PS256})
	if err != nil {
		return nil, err
	}
	set, err := k.public(alg)
	if err != nil {
		return nil, err
	}
	for _, key := range set.Keys {
		payload, err := signed.Verify(key)
		if err != nil {
			continue
		}
		var claims map[string]any
		if err := json.Unmarshal(payload, &claims); err != nil {
			return nil, err
		}
		return claims, nil
	}
	return nil, errBadSignature
}
