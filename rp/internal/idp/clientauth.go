package idp

import (
	"net/http"
	"net/url"
	"slices"
)

// The methods of client authentication that Config.Method names (OpenID Connect Core 1.0
// §9).
const (
	SecretBasic    = "client_secret_basic"
	SecretPost     = "client_secret_post"
	SecretBasicRaw = "client_secret_basic_raw" // no standard's word
)

// Methods are all of them.
var Methods = []string{SecretBasic, SecretPost, SecretBasicRaw}

// auth is what the configuration says, else client_secret_basic, which is the
// default (Discovery §3), unless the IdP takes client_secret_post alone. Never both in
// turn: a failed request, and with it the code or the refresh token, would be sent twice.
func (c *Config) auth(m *Metadata) ClientAuth {
	inForm := len(m.TokenAuthMethods) > 0 && !slices.Contains(m.TokenAuthMethods, SecretBasic)
	if c.Method != "" {
		inForm = c.Method == SecretPost
	}
	return ClientAuth{ID: c.ClientID, Secret: c.Secret, InForm: inForm, Raw: c.Method == SecretBasicRaw}
}

// ClientAuth is how a client proves who it is (RFC 6749 §2.3.1).
type ClientAuth struct {
	ID, Secret string // no secret: a public client
	// InForm sends the secret in the form (client_secret_post) and not in a header
	// (client_secret_basic).
	InForm bool
	// Raw leaves out the form-encoding of both halves of that header, which RFC 6749
	// §2.3.1 demands, for servers that do not decode it.
	Raw bool
}

func (a ClientAuth) apply(form url.Values, header http.Header) {
	if a.Secret != "" && !a.InForm {
		id, secret := url.QueryEscape(a.ID), url.QueryEscape(a.Secret)
		if a.Raw {
			id, secret = a.ID, a.Secret
		}
		pair := &http.Request{Header: header}
		pair.SetBasicAuth(id, secret)
		return
	}
	form.Set("client_id", a.ID)
	if a.Secret != "" {
		form.Set("client_secret", a.Secret)
	}
}
