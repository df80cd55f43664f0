// Package idtoken checks ID tokens: what go-oidc checks, and what it leaves to
// its caller (OpenID Connect Core 1.0 §3.1.3.7, §3.1.3.8, §12.2).
package idtoken

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/tandem-sso/tandem/rp/internal/keyset"
)

// MaxSize bounds a raw ID token in bytes. What else is in a session has to fit beside it
// (record.MaxSize); some 1,000 groups by their GUIDs do.
const MaxSize = 56 << 10

// MaxAge is how old a new ID token may be: it comes straight from the IdP.
const MaxAge = 10 * time.Minute

// ErrOtherUser says: a refreshed ID token, rightly signed by the session's issuer,
// speaks of another subject than the session does (Core §12.2). It ends the session.
var ErrOtherUser = errors.New("idtoken: sub is not the session's")

// ErrTooLarge says: the token is longer than MaxSize.
var ErrTooLarge = fmt.Errorf("idtoken: longer than %d bytes: "+
	"let the IdP put fewer claims into it, such as the groups of this app only", MaxSize)

// MixedUpError says: signature, iss, aud, azp or at_hash is wrong, so the token, and
// what came beside it, may have been meant for somebody else.
type MixedUpError struct{ Err error }

func (e *MixedUpError) Error() string { return e.Err.Error() }
func (e *MixedUpError) Unwrap() error { return e.Err }

func mixedUp(format string, args ...any) error {
	return &MixedUpError{fmt.Errorf("idtoken: "+format, args...)}
}

// Claims are the claims that the library itself uses.
type Claims struct {
	Subject       string
	SID           string
	Nonce         string
	AuthTime      time.Time // zero: not told
	IssuedAt      time.Time
	SessionExpiry time.Time // IPSIE SL1 session_expiry; zero: not told
	Raw           []byte    // the whole payload, JSON
}

// Want is what a token has to fit to.
type Want struct {
	Issuer   string
	ClientID string
	Alg      string // the one expected algorithm
	Keys     oidc.KeySet
	Now      time.Time
	Skew     time.Duration

	TrustedAudiences []string      // other audiences that may stand beside ClientID
	Nonce            string        // must be equal; a refreshed token may lack it
	AccessToken      string        // for at_hash, if that is present
	MaxAge           time.Duration // of the authentication; zero: not asked for

	// For a refresh: what the session knows.
	Refresh bool
	Subject string
}

type payload struct {
	AZP           *string  `json:"azp"`
	Nonce         *string  `json:"nonce"`
	SID           string   `json:"sid"`
	Subject       string   `json:"sub"`
	IssuedAt      *float64 `json:"iat"`
	NotBefore     *float64 `json:"nbf"`
	AuthTime      *float64 `json:"auth_time"`
	SessionExpiry *float64 `json:"session_expiry"`
}

// Verify checks raw and returns its claims. Not checked: that auth_time of a
// refreshed token is the original one, because IdPs move it when the person
// authenticates again in another app.
func Verify(ctx context.Context, raw string, want Want) (*Claims, error) {
	if len(raw) > MaxSize {
		return nil, ErrTooLarge
	}
	if strings.Count(raw, ".") == 4 { // no discovery document says so beforehand
		return nil, errors.New("idtoken: it is encrypted twice: let the IdP sign the ID tokens of this client, and " +
			"encrypt them once at most")
	}
	if err := checkHeader(raw, want.Alg); err != nil {
		return nil, err
	}
	keys := &judge{KeySet: want.Keys}
	v := oidc.NewVerifier(want.Issuer, keys, &oidc.Config{
		ClientID:             want.ClientID,
		SupportedSigningAlgs: []string{want.Alg},
		SkipIssuerCheck:      true, // below, exact and without the exception for Google
		SkipExpiryCheck:      true, // below: what a token says counts once its signature is good
	})
	token, err := v.Verify(ctx, raw)
	if down := (*keyset.UnavailableError)(nil); errors.As(keys.err, &down) {
		return nil, fmt.Errorf("idtoken: %w", keys.err)
	}
	if keys.err != nil {
		return nil, mixedUp("%w", keys.err)
	}
	if err != nil {
		return nil, mixedUp("%w", err)
	}
	var p payload
	var rawClaims json.RawMessage
	if err := token.Claims(&p); err != nil {
		return nil, errors.New("idtoken: a claim has the wrong type")
	}
	if err := token.Claims(&rawClaims); err != nil {
		return nil, err
	}
	if err := check(token, p, want); err != nil {
		return nil, err
	}
	c := &Claims{
		Subject: p.Subject, SID: p.SID, Raw: rawClaims,
		AuthTime: instant(p.AuthTime), IssuedAt: instant(p.IssuedAt), SessionExpiry: instant(p.SessionExpiry),
	}
	if p.Nonce != nil {
		c.Nonce = *p.Nonce
	}
	return c, nil
}

// judge remembers what the key set said: go-oidc makes a mere text of it.
type judge struct {
	oidc.KeySet
	err error
}

func (j *judge) VerifySignature(ctx context.Context, jwt string) (payload []byte, err error) {
	payload, err = j.KeySet.VerifySignature(ctx, jwt)
	j.err = err
	return payload, err
}

func check(t *oidc.IDToken, p payload, want Want) error {
	if t.Issuer != want.Issuer { // CORE-05
		return mixedUp("iss is %q, not %q", clip(t.Issuer), want.Issuer)
	}
	if p.Subject == "" || len(p.Subject) > 255 { // Core §2
		return errors.New("idtoken: sub is missing or longer than 255 characters")
	}
	if want.Refresh && p.Subject != want.Subject { // CORE-10
		return ErrOtherUser
	}
	for _, aud := range t.Audience { // CORE-05; go-oidc has seen ClientID among them
		if aud != want.ClientID && !slices.Contains(want.TrustedAudiences, aud) {
			return mixedUp("aud names %q too, which is not a trusted audience", clip(aud))
		}
	}
	if p.AZP != nil && *p.AZP != want.ClientID {
		return mixedUp("azp is %q, not this client", clip(*p.AZP))
	}
	if t.AccessTokenHash != "" && want.AccessToken != "" { // CORE-08
		if err := t.VerifyAccessToken(want.AccessToken); err != nil {
			return mixedUp("at_hash is not that of the access token")
		}
	}
	switch { // CORE-07
	case t.Expiry.IsZero():
		return errors.New("idtoken: exp is missing")
	case !t.Expiry.After(want.Now.Add(-want.Skew)):
		return errors.New("idtoken: exp is over: compare the clocks of this machine and the IdP")
	case instant(p.NotBefore).After(want.Now.Add(want.Skew)):
		return errors.New("idtoken: nbf is in the future: compare the clocks of this machine and the IdP")
	case p.IssuedAt == nil:
		return errors.New("idtoken: iat is missing")
	case instant(p.IssuedAt).After(want.Now.Add(want.Skew)):
		return errors.New("idtoken: iat is in the future: compare the clocks of this machine and the IdP")
	case instant(p.IssuedAt).Before(want.Now.Add(-MaxAge - want.Skew)):
		return errors.New("idtoken: iat is too long ago: compare the clocks of this machine and the IdP")
	}
	if want.Nonce != "" && !(want.Refresh && p.Nonce == nil) &&
		(p.Nonce == nil || subtle.ConstantTimeCompare([]byte(*p.Nonce), []byte(want.Nonce)) != 1) {
		return errors.New("idtoken: nonce is not the one that this log-in sent")
	}
	if want.MaxAge > 0 {
		if p.AuthTime == nil {
			return errors.New("idtoken: auth_time is missing although max_age was asked for")
		}
		if instant(p.AuthTime).Add(want.MaxAge + want.Skew).Before(want.Now) {
			return errors.New("idtoken: the authentication is older than max_age")
		}
	}
	return nil
}

// checkHeader refuses tokens that say they are something else (RFC 8725 §3.11), and names the
// algorithm of one that is signed in another way than was agreed on: go-oidc calls it malformed.
func checkHeader(raw, alg string) error {
	head, _, ok := strings.Cut(raw, ".")
	if !ok {
		return errors.New("idtoken: not a signed token")
	}
	b, err := base64.RawURLEncoding.DecodeString(head)
	if err != nil {
		return errors.New("idtoken: malformed header")
	}
	var h struct {
		Type string `json:"typ"`
		Alg  string `json:"alg"`
	}
	if err := json.Unmarshal(b, &h); err != nil {
		return errors.New("idtoken: malformed header")
	}
	if h.Alg != alg {
		return mixedUp("%w", &keyset.AlgError{Got: h.Alg, Want: alg})
	}
	typ := strings.TrimPrefix(strings.ToLower(h.Type), "application/")
	if strings.HasSuffix(typ, "+jwt") && typ != "id_token+jwt" {
		return fmt.Errorf("idtoken: typ says it is a %q", clip(h.Type))
	}
	return nil
}

func instant(seconds *float64) time.Time {
	if seconds == nil || *seconds <= 0 || *seconds > 1<<40 {
		return time.Time{}
	}
	return time.Unix(int64(*seconds), 0).UTC()
}

func clip(s string) string {
	if len(s) > 100 {
		return s[:100] + "…"
	}
	return s
}
