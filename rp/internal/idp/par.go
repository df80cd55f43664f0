package idp

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"

	"github.com/tandem-sso/tandem/rp/internal/verdict"
)

// maxRequestURI bounds a request_uri in bytes: it goes into a redirect.
const maxRequestURI = 1 << 10

const parEndpoint = "the pushed authorization request endpoint"

// Push hands an authorization request to the IdP and returns the name that the browser
// shows instead of it (RFC 9126 §2). client_id is set by the client's authentication, or
// stands in params.
func (c *Client) Push(ctx context.Context, params url.Values) (requestURI string, out Outcome) {
	_, body, out := c.post(ctx, parEndpoint, c.PARURL, c.Auth, params)
	if out.Err != nil {
		return "", out
	}
	if out.Status >= 300 {
		_, fail := parseTokens(body)
		out.refused(parEndpoint, fail.Code, fail.Description)
		return "", out
	}
	var answer struct {
		RequestURI string `json:"request_uri"`
	}
	if json.Unmarshal(body, &answer) != nil || answer.RequestURI == "" || len(answer.RequestURI) > maxRequestURI {
		out.Fault, out.Err = verdict.Malformed, errors.New(parEndpoint+" answered without a usable request_uri")
		return "", out
	}
	return answer.RequestURI, out
}

// pushes reports whether this client pushes its authorization requests to that IdP:
// because somebody wants it, or because the IdP takes no others.
func (c *Config) pushes(m *Metadata) bool { return c.PAR || m.RequirePAR }
