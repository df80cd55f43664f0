package resourceserver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Token is the IdP's answer about a valid access token. Requests with the same token may
// share it, so only read it.
type Token struct {
	Subject  string    // sub: the person; empty if the token is not for a person
	ClientID string    // client_id: the app it was issued to
	Issuer   string    // iss, empty if the IdP does not say
	Scope    []string  // the granted scopes
	Audience []string  // aud
	Expires  time.Time // exp; zero if the IdP does not say
	// Claims is the whole answer, for claims that have no field above.
	Claims json.RawMessage

	bound *binding // nil: to nothing
}

// HasScope tells whether the token allows all of scopes.
func (t *Token) HasScope(scopes ...string) bool {
	for _, s := range scopes {
		if !slices.Contains(t.Scope, s) {
			return false
		}
	}
	return true
}

type tokenKey struct{}

// FromContext returns the token that Require put into the context; nil if there is none.
func FromContext(ctx context.Context) *Token {
	t, _ := ctx.Value(tokenKey{}).(*Token)
	return t
}

// NewContext returns a context that carries the token, for tests of handlers.
func NewContext(ctx context.Context, t *Token) context.Context {
	return context.WithValue(ctx, tokenKey{}, t)
}

// answer is an introspection response (RFC 7662 §2.2).
type answer struct {
	Active    *bool        `json:"active"`
	Subject   string       `json:"sub"`
	ClientID  string       `json:"client_id"`
	Issuer    string       `json:"iss"`
	Scope     string       `json:"scope"`
	Audience  stringOrList `json:"aud"`
	Expires   *seconds     `json:"exp"`
	NotBefore *seconds     `json:"nbf"`
	TokenType string       `json:"token_type"`
	TokenUse  string       `json:"token_use"` // Ory
	Confirm   *binding     `json:"cnf"`
}

// parse reads an introspection response. A nil token without error means: not
// active.
func parse(body []byte) (*Token, *answer, error) {
	var a answer
	if err := json.Unmarshal(body, &a); err != nil {
		return nil, nil, fmt.Errorf("the answer is no JSON object: %w", err)
	}
	if a.Active == nil {
		return nil, nil, errors.New("the answer does not say whether the token is active")
	}
	if !*a.Active {
		return nil, &a, nil
	}
	t := &Token{Subject: a.Subject, ClientID: a.ClientID, Issuer: a.Issuer, Scope: strings.Fields(a.Scope),
		Audience: a.Audience, Claims: body, bound: a.Confirm}
	if a.Expires != nil {
		t.Expires = a.Expires.time()
	}
	if t.bound == nil && strings.EqualFold(a.TokenType, "DPoP") {
		t.bound = new(binding) // to a key that is not named, so that nobody can prove it
	}
	return t, &a, nil
}

// unfit tells why an active token is nevertheless not good here.
func (a *answer) unfit(c *Config, now time.Time) string {
	switch {
	case a.Expires != nil && !now.Before(a.Expires.time()):
		return "it has expired"
	case a.NotBefore != nil && now.Add(time.Minute).Before(a.NotBefore.time()):
		return "it is not good yet"
	case a.TokenUse != "" && a.TokenUse != "access_token":
		return "it is no access token"
	case c.Issuer != "" && a.Issuer != "" && a.Issuer != c.Issuer:
		return "it was issued by another issuer"
	case len(c.Audience) > 0 && !slices.ContainsFunc(c.Audience, func(want string) bool {
		return slices.Contains(a.Audience, want)
	}):
		return "it was not issued for this API"
	}
	switch strings.ToLower(a.TokenType) {
	case "", "bearer", "access_token", "dpop":
		return ""
	}
	return "it is no access token" // some IdPs describe refresh tokens, too
}

// stringOrList is an aud: one string or several (RFC 7519 §4.1.3).
type stringOrList []string

func (s *stringOrList) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*s = nil
		if one != "" {
			*s = []string{one}
		}
		return nil
	}
	var many []string
	if err := json.Unmarshal(b, &many); err != nil {
		return errors.New("aud is neither a string nor a list of strings")
	}
	*s = many
	return nil
}

// seconds is a NumericDate (RFC 7519 §2), with or without a fraction.
type seconds float64

const maxSeconds = 1 << 40 // the year 36,812

func (s *seconds) UnmarshalJSON(b []byte) error {
	var f float64
	if err := json.Unmarshal(b, &f); err != nil || f < 0 || f > maxSeconds {
		return errors.New("a time is not a number of seconds")
	}
	*s = seconds(f)
	return nil
}

func (s seconds) time() time.Time { return time.UnixMilli(int64(float64(s) * 1000)) }
