package idp

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
)

// signs reports whether this client signs its authorization requests: because somebody
// wants it, or because the IdP takes no others.
func (c *Config) signs(m *Metadata) bool { return c.JAR || m.RequireJAR }

// SignedRequest is an authorization request as a request object (RFC 9101 §4). Beside it
// stands what OAuth 2.0 and OpenID Connect demand of every request (Core 1.0 §6.1), which
// counts for nothing.
func (p *Provider) SignedRequest(params url.Values) (url.Values, error) {
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
	signed, err := c.Keys[0].Sign("oauth-authz-req+jwt", claims)
	if err != nil {
		return nil, fmt.Errorf("the client's key cannot sign: %w", err)
	}
	return url.Values{"client_id": {c.ClientID}, "response_type": params["response_type"], "scope": params["scope"],
		"request": {signed}}, nil
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
