package idp

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
)

// mustSign reports whether this client is to sign its authorization requests: because somebody
// wants it, or because the IdP takes no others.
func (c *Config) mustSign(m *Metadata) bool { return c.JAR || m.RequireJAR }

// signs reports whether it does. An IdP that begins to demand it may find a client without keys:
// then it refuses the requests itself, and a finding says so.
func (c *Config) signs(m *Metadata) bool { return c.mustSign(m) && len(c.Keys) > 0 }

// TakesByValue reports whether the IdP takes signed requests in the address (request).
func (m *Metadata) TakesByValue() bool { return m.RequestByValue == nil || *m.RequestByValue }

// fetches reports whether the IdP fetches requests (request_uri).
func (m *Metadata) fetches() bool { return m.RequestByReference == nil || *m.RequestByReference }

// SignedRequest is an authorization request as a request object by value.
func (p *Provider) SignedRequest(params url.Values) (url.Values, error) {
	signed, err := p.requestObject(params, true)
	if err != nil {
		return nil, err
	}
	out := Beside(params)
	out.Set("request", signed)
	return out, nil
}

// Beside is what stands beside a request object: what OAuth 2.0 and OpenID Connect demand of every request (Core 1.0
// §6.1). It counts for nothing.
func Beside(params url.Values) url.Values {
	return url.Values{"client_id": params["client_id"], "response_type": params["response_type"],
		"scope": params["scope"]}
}

// RequestObject is an authorization request as a token, which the IdP fetches: signed, or with alg none if nobody
// wants a signature (OpenID Connect Core 1.0 §6.1). Then https protects it on its way.
func (p *Provider) RequestObject(params url.Values) (string, error) {
	return p.requestObject(params, p.At().Signs)
}

// requestObject makes a request object (RFC 9101 §4).
func (p *Provider) requestObject(params url.Values, signed bool) (string, error) {
	const typ = "oauth-authz-req+jwt"
	c := &p.cfg
	now := p.Now()
	claims := map[string]any{}
	for name, values := range params {
		claims[name] = requestClaim(name, values)
	}
	// After the parameters: none of the app's may take the place of what protects the object.
	maps.Copy(claims, map[string]any{
		"iss": c.ClientID, "aud": c.Issuer, "jti": rand.Text(), "client_id": c.ClientID,
		"iat": now.Unix(), "nbf": now.Add(-c.Skew).Unix(), "exp": now.Add(signedFor).Unix(),
	})
	if !signed { // go-jose makes none (RFC 7519 §6.1)
		body, err := json.Marshal(claims)
		encode := base64.RawURLEncoding.EncodeToString
		return encode([]byte(`{"alg":"none","typ":"`+typ+`"}`)) + "." + encode(body) + ".", err
	}
	token, err := c.Keys[0].Sign(typ, claims)
	if err != nil {
		return "", fmt.Errorf("the client's key cannot sign: %w", err)
	}
	return token, nil
}

// requestClaim is a parameter as a claim: those that are JSON in themselves are no texts
// in a request object (Core 1.0 §6.1).
func requestClaim(name string, values []string) any {
	switch {
	case len(values) > 1: // resource (RFC 8707 §2)
		return slices.Clone(values)
	case len(values) == 0:
		return ""
	case name == "max_age":
		if n, err := strconv.ParseInt(values[0], 10, 64); err == nil {
			return n
		}
	case name == "claims":
		if json.Valid([]byte(values[0])) {
			return json.RawMessage(values[0])
		}
	}
	return values[0]
}
