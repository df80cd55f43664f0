// Package logouttoken validates logout tokens (OpenID Connect Back-Channel
// Logout 1.0 §2.4, §2.6, errata set 1). It is lenient where certified IdPs
// deviate (no exp, typ JWT or none) and strict on request (ASVS 10.5.5).
package logouttoken

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/keyset"
)

const (
	// MaxSize bounds a raw token in bytes.
	MaxSize = 16 << 10
	// MaxAge is how old a token without exp may be.
	MaxAge = 2 * time.Minute
	// MaxLife is how old a token with exp may be, however far that lies. With
	// Want.Strict exp may not lie further after iat.
	MaxLife = 15 * time.Minute

	event = "http://schemas.openid.net/event/backchannel-logout"
)

// Keys verify a signature and return the payload.
type Keys interface {
	VerifySignature(ctx context.Context, jwt string) ([]byte, error)
}

// Want is what a token has to fit to.
type Want struct {
	Issuer   string
	ClientID string
	Alg      string
	Keys     Keys
	Now      time.Time
	Skew     time.Duration
	Strict   bool

	TrustedAudiences []string
}

// Token is a valid logout token. Subject, SID or both are set.
type Token struct {
	Subject  string
	SID      string
	ID       string    // jti
	IssuedAt time.Time // whole seconds
	Until    time.Time // after it the token is refused
	Cause    string    // logout_reason (Duende) or cause (Ping): an audit hint (BCL-26)
}

type claims struct {
	Issuer   *string                    `json:"iss"`
	Subject  *string                    `json:"sub"`
	Audience audience                   `json:"aud"`
	IssuedAt *float64                   `json:"iat"`
	Expiry   *float64                   `json:"exp"`
	ID       *string                    `json:"jti"`
	SID      *string                    `json:"sid"`
	Events   map[string]json.RawMessage `json:"events"`
	Nonce    json.RawMessage            `json:"nonce"`

	LogoutReason json.RawMessage `json:"logout_reason"`
	Cause        json.RawMessage `json:"cause"`
}

// hint returns the first that is a text. A hint of another type spoils no log-out.
func hint(all ...json.RawMessage) string {
	for _, raw := range all {
		var s string
		if json.Unmarshal(raw, &s) == nil && s != "" {
			return s[:min(len(s), 64)]
		}
	}
	return ""
}

type audience []string

func (a *audience) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		*a = make(audience, 1)
		return json.Unmarshal(b, &(*a)[0])
	}
	return json.Unmarshal(b, (*[]string)(a))
}

// Verify checks raw. What costs nothing is checked first, so that a token for
// somebody else never causes a fetch of keys (BCL-25).
func Verify(ctx context.Context, raw string, want Want) (*Token, error) {
	if raw == "" || len(raw) > MaxSize {
		return nil, fmt.Errorf("logout token is empty or longer than %d bytes", MaxSize)
	}
	parts := strings.Split(raw, ".")
	if len(parts) == 5 {
		return nil, errors.New("logout token is encrypted twice") // BCL-04
	}
	if len(parts) != 3 {
		return nil, errors.New("logout token is not a signed token")
	}
	if err := checkHeader(parts[0], want); err != nil {
		return nil, err
	}
	unverified, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil, errors.New("logout token is malformed")
	}
	token, err := check(unverified, want)
	if err != nil {
		return nil, err
	}
	payload, err := want.Keys.VerifySignature(ctx, raw)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(payload, unverified) { // what was checked is what was signed
		return nil, errors.New("logout token is malformed")
	}
	return token, nil
}

func checkHeader(part string, want Want) error {
	b, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return errors.New("logout token is malformed")
	}
	var h struct {
		Alg  string          `json:"alg"`
		Type string          `json:"typ"`
		Crit json.RawMessage `json:"crit"`
	}
	if err := json.Unmarshal(b, &h); err != nil {
		return errors.New("logout token is malformed")
	}
	if h.Alg != want.Alg { // BCL-06; "none" can never be wanted
		return fmt.Errorf("logout token: %w", &keyset.AlgError{Got: h.Alg, Want: want.Alg})
	}
	if h.Crit != nil {
		return errors.New("logout token has a critical header that is not understood")
	}
	typ := strings.TrimPrefix(strings.ToLower(h.Type), "application/")
	switch { // BCL-07
	case typ == "logout+jwt":
	case !want.Strict && (typ == "" || typ == "jwt"):
	default:
		return errors.New("logout token has the wrong typ")
	}
	return nil
}

func check(payload []byte, want Want) (*Token, error) {
	var c claims
	if err := json.Unmarshal(payload, &c); err != nil {
		return nil, errors.New("logout token is malformed")
	}
	switch {
	case c.Issuer == nil || *c.Issuer != want.Issuer: // BCL-08
		return nil, errors.New("logout token has the wrong iss")
	case !slices.Contains(c.Audience, want.ClientID):
		return nil, errors.New("logout token has the wrong aud")
	case slices.ContainsFunc(c.Audience, func(a string) bool {
		return a != want.ClientID && !slices.Contains(want.TrustedAudiences, a)
	}):
		return nil, errors.New("logout token names a second audience, which is not trusted")
	case c.Nonce != nil: // BCL-12; null included
		return nil, errors.New("logout token has a nonce")
	case !isObject(c.Events[event]): // BCL-11
		return nil, errors.New("logout token lacks the logout event")
	case c.Subject != nil && *c.Subject == "", c.SID != nil && *c.SID == "":
		return nil, errors.New("logout token has an empty sub or sid")
	case c.Subject == nil && c.SID == nil: // BCL-10
		return nil, errors.New("logout token has neither sub nor sid")
	case c.ID == nil || *c.ID == "": // BCL-13: REQUIRED by §2.4, and every IdP sends it
		return nil, errors.New("logout token has no jti")
	}
	t := &Token{Subject: deref(c.Subject), SID: deref(c.SID), ID: deref(c.ID), Cause: hint(c.LogoutReason, c.Cause)}
	return t, t.times(c, want)
}

// times checks iat and exp (BCL-09).
func (t *Token) times(c claims, want Want) error {
	if c.IssuedAt == nil || !sane(*c.IssuedAt) {
		return errors.New("logout token has no iat")
	}
	t.IssuedAt = time.Unix(int64(*c.IssuedAt), 0).UTC()
	if t.IssuedAt.After(want.Now.Add(want.Skew)) {
		return errors.New("logout token has an iat in the future")
	}
	switch {
	case c.Expiry != nil && !sane(*c.Expiry):
		return errors.New("logout token has an exp that is not a usable time")
	case c.Expiry != nil:
		t.Until = time.Unix(int64(*c.Expiry), 0).UTC()
		if want.Strict && t.Until.After(t.IssuedAt.Add(MaxLife)) {
			return fmt.Errorf("logout token lives longer than %v", MaxLife)
		}
		// A far exp is no reason to refuse: some IdPs give a logout token the ID token's
		// life. Its age counts then, and so long its jti is remembered.
		if oldest := t.IssuedAt.Add(MaxLife); t.Until.After(oldest) {
			t.Until = oldest
		}
	case want.Strict:
		return errors.New("logout token has no exp")
	default:
		t.Until = t.IssuedAt.Add(MaxAge)
	}
	t.Until = t.Until.Add(want.Skew)
	if !want.Now.Before(t.Until) {
		return errors.New("logout token is too old")
	}
	return nil
}

func isObject(raw json.RawMessage) bool {
	return len(bytes.TrimSpace(raw)) > 0 && bytes.TrimSpace(raw)[0] == '{'
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func sane(seconds float64) bool { return seconds > 0 && seconds < 1<<40 }
