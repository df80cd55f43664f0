package idp

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/verdict"
)

const tokenEndpoint = "the token endpoint"

// Tokens are an answer of the token endpoint, as it is: nothing in it is verified.
// What it leaves out is zero.
type Tokens struct {
	Access  string
	Type    string // token_type; empty is taken for Bearer by who uses it
	Refresh string
	ID      string // raw ID token
	Scope   string // as granted

	AccessLife time.Duration // expires_in
	// RefreshLife is how long the refresh token lives from now: refresh_expires_in
	// (Keycloak), refresh_token_expires_in (Microsoft), refresh_token_timeout (draft).
	RefreshLife time.Duration
	// Window is the part of that which some IdPs mean to be the idle window of the
	// session: refresh_expires_in, refresh_token_timeout.
	Window time.Duration
	// GrantLife is authorization_expires_in (draft-ietf-oauth-refresh-token-expiration).
	GrantLife time.Duration
}

// Exchange trades a code for tokens (RFC 6749 §4.1.3, RFC 7636 §4.5).
func (c *Client) Exchange(ctx context.Context, code, verifier, redirectURI string) (*Tokens, Outcome) {
	return c.tokens(ctx, url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "code_verifier": {verifier},
		"redirect_uri": {redirectURI},
	})
}

// Refresh shows a refresh token (RFC 6749 §6). more is what else it asks: the access
// token of one API, by resource (RFC 8707), audience or scope. Without scope the granted
// ones stay.
func (c *Client) Refresh(ctx context.Context, token string, more url.Values) (*Tokens, Outcome) {
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}
	for name, v := range more {
		form[name] = v
	}
	return c.tokens(ctx, form)
}

func (c *Client) tokens(ctx context.Context, form url.Values) (*Tokens, Outcome) {
	_, body, out := c.post(ctx, tokenEndpoint, c.TokenURL, c.Auth, form)
	if out.Err != nil {
		return nil, out
	}
	t, fail := parseTokens(body)
	switch {
	case fail.Code != "" || out.Status >= 300:
		out.refused(tokenEndpoint, fail.Code, fail.Description)
		return nil, out
	case t == nil:
		out.Fault, out.Err = verdict.Malformed, errors.New("the token endpoint's answer is no JSON object")
		return nil, out
	case t.Access == "" && t.Refresh == "" && t.ID == "":
		out.Fault, out.Err = verdict.Malformed, errors.New("the token endpoint's answer has no token in it")
		return nil, out
	}
	return t, out
}

// failure is an error answer (RFC 6749 §5.2).
type failure struct {
	Code        string
	Description string
}

// parseTokens reads an answer whatever its content type, field by field: one that is
// not what it should be is left out and takes no other along. t is nil if it is no
// JSON object.
func parseTokens(body []byte) (t *Tokens, fail failure) {
	var doc map[string]json.RawMessage
	if json.Unmarshal(body, &doc) != nil || doc == nil {
		return nil, failure{}
	}
	text := func(name string) (s string) {
		_ = json.Unmarshal(doc[name], &s) // another type: left out
		return s
	}
	span := func(names ...string) (least time.Duration) {
		for _, name := range names {
			if d := seconds(doc[name]); d > 0 && (least == 0 || d < least) {
				least = d
			}
		}
		return least
	}
	t = &Tokens{
		Access: text("access_token"), Type: text("token_type"), Refresh: text("refresh_token"), ID: text("id_token"),
		Scope:       text("scope"),
		AccessLife:  span("expires_in"),
		RefreshLife: span("refresh_expires_in", "refresh_token_expires_in", "refresh_token_timeout"),
		Window:      span("refresh_expires_in", "refresh_token_timeout"),
		GrantLife:   span("authorization_expires_in"),
	}
	return t, failure{text("error"), text("error_description")}
}

// seconds reads a number, or a number in a text, as IdPs also write it.
func seconds(raw json.RawMessage) time.Duration {
	var n float64
	if json.Unmarshal(raw, &n) != nil {
		var s string
		if json.Unmarshal(raw, &s) != nil {
			return 0
		}
		n, _ = strconv.ParseFloat(s, 64)
	}
	if !(n > 0) {
		return 0
	}
	n = min(n, math.MaxInt32)
	return time.Duration(n * float64(time.Second)).Truncate(time.Millisecond)
}

// Revoke asks the IdP to revoke a token (RFC 7009). 200 is the good answer, also for a
// token that it does not know.
func (c *Client) Revoke(ctx context.Context, token, hint string) Outcome {
	const what = "the revocation endpoint"
	by := c.Auth
	if c.RevocationAuth != nil {
		by = c.RevocationAuth
	}
	_, body, out := c.post(ctx, what, c.RevocationURL, by, url.Values{"token": {token}, "token_type_hint": {hint}})
	if out.Err == nil && out.Status != http.StatusOK && out.Status != http.StatusNoContent {
		_, fail := parseTokens(body)
		out.refused(what, fail.Code, fail.Description)
	}
	return out
}
