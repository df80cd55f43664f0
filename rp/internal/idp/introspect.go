package idp

import (
	"context"
	"errors"
	"mime"
	"net/http"
	"net/url"

	"github.com/tandem-sso/tandem/rp/internal/verdict"
)

// Introspect asks about an access token (RFC 7662 §2.1). The answer is not judged.
func (c *Client) Introspect(ctx context.Context, token string) ([]byte, Outcome) {
	form := url.Values{"token": {token}, "token_type_hint": {"access_token"}}
	resp, body, out := c.post(ctx, "introspection", c.IntrospectionURL, c.Auth, form)
	if out.Err != nil {
		return nil, out
	}
	if out.Status != http.StatusOK {
		out.refused("introspection", "", "")
		return nil, out
	}
	if kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		out.Fault, out.Err = verdict.Malformed, errors.New("introspection answered no application/json")
		return nil, out
	}
	return body, out
}
