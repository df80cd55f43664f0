package transmitter

import (
	"time"

	"github.com/tandem-sso/tandem/idp-mock/internal/jws"
)

// token is a token in the making, so that faults can get at all of it.
type token struct {
	claims map[string]any
	typ    string
	alg    string
	secret string                       // of the receiver
	sign   func(*token) (string, error) // nil: with the provider's key
	now    time.Time
}

func (t *token) at(claim string, d time.Duration) { t.claims[claim] = t.now.Add(d).Unix() }

func (t *Transmitter) signed(j *token) (string, error) {
	key, err := t.idp.SigningKey(j.alg)
	if err != nil {
		return "", err
	}
	return jws.Sign(j.alg, key, j.typ, j.claims)
}

func unsigned(j *token) (string, error) { return jws.Unsigned(j.typ, j.claims) }

func signedWithSecret(j *token) (string, error) {
	return jws.SignWithSecret(j.secret, j.typ, j.claims)
}

func (t *Transmitter) brokenSignature(j *token) (string, error) { return jws.Break(t.signed(j)) }

func (t *Transmitter) withoutKid(j *token) (string, error) {
	key, err := t.idp.SigningKey(j.alg)
	if err != nil {
		return "", err
	}
	return jws.Sign(j.alg, key.Key, j.typ, j.claims)
}

func (t *Transmitter) hiddenSignature(j *token) (string, error) {
	key, err := t.idp.HiddenKey(j.alg)
	if err != nil {
		return "", err
	}
	return jws.Sign(j.alg, key, j.typ, j.claims)
}

func (t *Transmitter) embeddedKey(j *token) (string, error) {
	key, err := t.idp.HiddenKey(j.alg)
	if err != nil {
		return "", err
	}
	return jws.SignEmbedded(j.alg, key, j.typ, j.claims)
}

func (t *Transmitter) rotatedSignature(j *token) (string, error) {
	if err := t.idp.RotateKeys(false); err != nil {
		return "", err
	}
	return t.signed(j)
}
