package idp

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"
)

// The response modes that Config.ResponseMode names (OAuth 2.0 Form Post Response Mode,
// JARM §2.3).
const (
	Query       = "query"
	FormPost    = "form_post"
	JWT         = "jwt" // query.jwt where the response type is code
	QueryJWT    = "query.jwt"
	FormPostJWT = "form_post.jwt"
)

// IsJARM reports whether a response mode signs the answer.
func IsJARM(mode string) bool { return mode == JWT || mode == QueryJWT || mode == FormPostJWT }

// Posts reports whether a response mode posts the answer.
func Posts(mode string) bool { return mode == FormPost || mode == FormPostJWT }

// maxResponse bounds a signed answer in bytes.
const maxResponse = 32 << 10

// Response is what is in a signed answer of the authorization endpoint (JARM §2.4). Anybody
// may have sent it, so keys are not fetched for each.
func (p *Provider) Response(ctx context.Context, raw string) (url.Values, error) {
	if raw == "" || len(raw) > maxResponse {
		return nil, errors.New("there is no signed answer, or too long a one")
	}
	raw, err := p.Opened(raw)
	if err != nil {
		return nil, err
	}
	payload, err := p.Keys.Limited(p.cfg.IDTokenAlg).VerifySignature(ctx, raw)
	if err != nil {
		return nil, err
	}
	var claims map[string]json.RawMessage
	if json.Unmarshal(payload, &claims) != nil {
		return nil, errors.New("the signed answer is no JSON object")
	}
	if err := p.meantForUs(claims, true); err != nil {
		return nil, err
	}
	var exp float64
	if json.Unmarshal(claims["exp"], &exp) != nil || exp > 1<<40 ||
		!time.Unix(int64(exp), 0).After(p.cfg.Now().Add(-p.cfg.Skew)) {
		return nil, errors.New("the signed answer is too old, or does not say how long it is good")
	}
	params := url.Values{}
	for name, value := range claims {
		var text string
		if json.Unmarshal(value, &text) == nil {
			params.Set(name, text)
		}
	}
	return params, nil
}

// meantForUs checks iss and aud of what the IdP has signed. Userinfo may lack them (CORE-11).
func (p *Provider) meantForUs(claims map[string]json.RawMessage, both bool) error {
	var iss, one string
	var many []string
	if (both || claims["iss"] != nil) && (json.Unmarshal(claims["iss"], &iss) != nil || iss != p.cfg.Issuer) {
		return errors.New("iss of what the IdP has signed is not Config.Issuer")
	}
	if json.Unmarshal(claims["aud"], &one) == nil {
		many = []string{one}
	} else if json.Unmarshal(claims["aud"], &many) != nil {
		many = nil
	}
	if (both || claims["aud"] != nil) && !slices.Contains(many, p.cfg.ClientID) {
		return errors.New("aud of what the IdP has signed is not this client")
	}
	return nil
}

// signed reads userinfo that is signed, encrypted or both (OpenID Connect Core 1.0 §5.3.2).
func (p *Provider) signed(ctx context.Context, raw string) ([]byte, error) {
	raw = strings.TrimSpace(raw)
	if isEncrypted(raw) {
		inner, err := open(raw, p.cfg.DecryptionKeys)
		if err != nil || json.Valid(inner) { // encrypted and not signed: only the IdP's TLS vouches for it
			return inner, err
		}
		raw = string(inner)
	}
	payload, err := p.Keys.Trusted(p.cfg.IDTokenAlg).VerifySignature(ctx, raw)
	if err != nil {
		return nil, err
	}
	var claims map[string]json.RawMessage
	if json.Unmarshal(payload, &claims) != nil {
		return nil, errors.New("it is no JSON object")
	}
	return payload, p.meantForUs(claims, false)
}
