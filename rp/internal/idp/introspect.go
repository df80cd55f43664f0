package idp

import (
	"context"
	"fmt"
	"mime"
	"net/http"
	"net/url"

	"github.com/tandem-sso/tandem/rp/internal/verdict"
)

// signedAnswer is the type of a signed answer (RFC 9701 §4, §5).
const signedAnswer = "application/token-introspection+jwt"

// Introspect asks about an access token (RFC 7662 §2.1). The answer is not judged. With
// SignedAnswers no other is taken: who could drop the signature could write the answer.
func (c *Client) Introspect(ctx context.Context, token string) ([]byte, Outcome) {
	form := url.Values{"token": {token}, "token_type_hint": {"access_token"}}
	want := "application/json"
	if c.SignedAnswers != nil {
		want = signedAnswer
	}
	resp, body, out := c.postFor(ctx, want, "introspection", c.IntrospectionURL, c.Auth, form)
	if out.Err != nil {
		return nil, out
	}
	if out.Status != http.StatusOK {
		out.refused("introspection", "", "")
		return nil, out
	}
	switch kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type")); {
	case err != nil || kind != want:
		out.Fault, out.Err = verdict.Malformed, notOfType(kind, want)
		return nil, out
	case c.SignedAnswers == nil:
		return body, out
	}
	inside, err := c.SignedAnswers(ctx, string(body))
	if err != nil {
		out.Fault, out.Err = verdict.Malformed, fmt.Errorf("introspection's signed answer cannot be used: %w", err)
		return nil, out
	}
	return inside, out
}

// notOfType says what an answer is and what it should be.
func notOfType(kind, want string) error {
	switch {
	case want == signedAnswer:
		return fmt.Errorf("introspection did not answer %s, which Config.IntrospectionAlg asks for: let the IdP sign "+
			"for this client (introspection_signed_response_alg), or leave that empty", want)
	case kind == signedAnswer, kind == "application/jwt":
		return fmt.Errorf("introspection answered %s, signed or encrypted, which was not asked for: set "+
			"Config.IntrospectionAlg", kind)
	}
	return fmt.Errorf("introspection answered no %s", want)
}
