package idp

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// The methods of client authentication that Config.Method names (OpenID Connect Core 1.0
// §9, RFC 8705 §2). Those with a comment are no standard's words.
const (
	SecretBasic    = "client_secret_basic"
	SecretPost     = "client_secret_post"
	SecretBasicRaw = "client_secret_basic_raw" // not form-encoded
	PrivateKeyJWT  = "private_key_jwt"
	KeyForEndpoint = "private_key_jwt_token_endpoint" // the token endpoint is the audience
	AppleSecret    = "apple_client_secret"            // the secret is signed by a key
	TLSClient      = "tls_client_auth"
	SelfSignedTLS  = "self_signed_tls_client_auth"
)

// Methods are all of them.
var Methods = []string{SecretBasic, SecretPost, SecretBasicRaw, PrivateKeyJWT, KeyForEndpoint, AppleSecret, TLSClient,
	SelfSignedTLS}

// ByKey reports whether a method needs a key; ByCertificate and BySecret, whether it needs
// one of these.
func ByKey(method string) bool {
	return method == PrivateKeyJWT || method == KeyForEndpoint || method == AppleSecret
}
func ByCertificate(method string) bool { return method == TLSClient || method == SelfSignedTLS }
func BySecret(method string) bool {
	return method == SecretBasic || method == SecretPost || method == SecretBasicRaw
}

// Auth is how a client proves who it is (RFC 6749 §2.3).
type Auth interface {
	// Apply adds the proof to one call, to its form or its header. Each call needs one of
	// its own: an assertion is good once.
	Apply(form url.Values, header http.Header) error
}

// AuthBy is what the configuration says, else client_secret_basic, which is the
// default (Discovery §3), unless the IdP takes client_secret_post alone at that endpoint;
// a client with a key and no secret signs. Never two in turn: a failed request, and with
// it the code or the refresh token, would be sent twice.
func (c *Config) AuthBy(m *Metadata, taken []string) Auth {
	now := c.Now
	if c.signedAt != nil {
		now = c.signedAt
	}
	switch {
	case c.Method == AppleSecret:
		return &appleSecret{c.ClientID, c.Issuer, c.Keys[0], now}
	case c.byKey():
		audience := c.Issuer
		if c.Method == KeyForEndpoint {
			audience = m.TokenURL
		}
		return &assertion{c.ClientID, audience, c.Keys[0], now}
	case c.Secret == "" || ByCertificate(c.Method):
		return Named(c.ClientID)
	}
	inForm := len(taken) > 0 && !slices.Contains(taken, SecretBasic)
	if c.Method != "" {
		inForm = c.Method == SecretPost
	}
	return Secret{ID: c.ClientID, Secret: c.Secret, InForm: inForm, Raw: c.Method == SecretBasicRaw}
}

func (c *Config) byKey() bool {
	return ByKey(c.Method) || c.Method == "" && c.Secret == "" && len(c.Keys) > 0
}

// Named is a client that says its name and no more: a public one, or one whose
// certificate speaks for it (RFC 8705 §2).
type Named string

// Apply is Auth's.
func (id Named) Apply(form url.Values, _ http.Header) error {
	form.Set("client_id", string(id))
	return nil
}

// Secret is a client with a secret.
type Secret struct {
	ID, Secret string
	// InForm sends the secret in the form (client_secret_post) and not in a header
	// (client_secret_basic).
	InForm bool
	// Raw leaves out the form-encoding of both halves of that header, which RFC 6749
	// §2.3.1 demands, for servers that do not decode it.
	Raw bool
}

// Apply is Auth's.
func (a Secret) Apply(form url.Values, header http.Header) error {
	if a.InForm {
		form.Set("client_id", a.ID)
		form.Set("client_secret", a.Secret)
		return nil
	}
	id, secret := url.QueryEscape(a.ID), url.QueryEscape(a.Secret)
	if a.Raw {
		id, secret = a.ID, a.Secret
	}
	pair := &http.Request{Header: header}
	pair.SetBasicAuth(id, secret)
	return nil
}

// signedFor is how long what a client signs of itself is good: it goes straight to the IdP.
const signedFor = time.Minute

// assertion is private_key_jwt (RFC 7523 §2.2, §3; OpenID Connect Core 1.0 §9). The
// audience is one string: a list would let another server use it.
type assertion struct {
	id, audience string
	key          Key
	now          func() time.Time
}

// Apply is Auth's. The kid or x5t#S256 names the key, so while keys are exchanged both
// may be registered.
func (a *assertion) Apply(form url.Values, _ http.Header) error {
	signed, err := a.key.Sign("JWT", a.key.claims(a.id, a.audience, a.now()))
	if err != nil {
		return fmt.Errorf("the client's key cannot sign: %w", err)
	}
	form.Set("client_id", a.id)
	form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
	form.Set("client_assertion", signed)
	return nil
}

// claims have no nbf: to a server whose clock is behind, it would be in the future.
func (k *Key) claims(id, audience string, now time.Time) map[string]any {
	iss := k.Issuer
	if iss == "" {
		iss = id
	}
	return map[string]any{"iss": iss, "sub": id, "aud": audience, "jti": rand.Text(), "iat": now.Unix(),
		"exp": now.Add(signedFor).Unix()}
}

// appleSecret is Apple's client_secret: a JWT that the app's key signs, with the team as
// its issuer.
type appleSecret struct {
	id, audience string
	key          Key
	now          func() time.Time
}

// Apply is Auth's.
func (a *appleSecret) Apply(form url.Values, _ http.Header) error {
	signed, err := a.key.Sign("JWT", a.key.claims(a.id, a.audience, a.now()))
	if err != nil {
		return fmt.Errorf("the client's key cannot sign: %w", err)
	}
	form.Set("client_id", a.id)
	form.Set("client_secret", signed)
	return nil
}
