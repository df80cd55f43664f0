package resourceserver

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// signedTyp is the typ of signed answers (RFC 9701 §5). Without it another token of the IdP,
// for the same audience, could pass for one.
const signedTyp = "token-introspection+jwt"

const (
	signedAge  = 10 * time.Minute // so old an answer may be: it comes straight from the IdP
	signedSkew = time.Minute
)

// signatureAlgs are what IntrospectionAlg may be.
var signatureAlgs = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

// signed is the introspection answer inside a signed one (RFC 9701 §5, §8.1).
func (s *Server) signed(ctx context.Context, raw string) ([]byte, error) {
	raw = strings.TrimSpace(raw)
	if strings.Count(raw, ".") == 4 {
		return nil, errors.New("it is encrypted, which this library does not read: take " +
			"introspection_encrypted_response_alg out of this client's registration, so that the IdP only signs it")
	}
	payload, err := s.keys.Trusted(s.cfg.IntrospectionAlg).VerifySignature(ctx, raw)
	if err != nil {
		return nil, err
	}
	var head struct {
		Type string `json:"typ"`
	}
	part, _, _ := strings.Cut(raw, ".")
	b, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil || json.Unmarshal(b, &head) != nil ||
		strings.TrimPrefix(strings.ToLower(head.Type), "application/") != signedTyp {
		return nil, errors.New("its typ is not " + signedTyp)
	}
	var claims struct {
		Issuer   string          `json:"iss"`
		Audience stringOrList    `json:"aud"`
		IssuedAt *seconds        `json:"iat"`
		Answer   json.RawMessage `json:"token_introspection"`
	}
	now := s.cfg.Now()
	switch err := json.Unmarshal(payload, &claims); {
	case err != nil:
		return nil, errors.New("its claims are no JSON object with iss, aud and iat")
	case claims.Issuer != s.cfg.Issuer:
		return nil, errors.New("its iss is not Config.Issuer")
	case !slices.Contains(claims.Audience, s.cfg.ClientID):
		return nil, errors.New("its aud is not Config.ClientID")
	case claims.IssuedAt == nil:
		return nil, errors.New("it has no iat")
	case claims.IssuedAt.time().After(now.Add(signedSkew)), claims.IssuedAt.time().Before(now.Add(-signedAge)):
		return nil, fmt.Errorf("its iat is %v away: compare the clocks of this machine and the IdP",
			now.Sub(claims.IssuedAt.time()).Round(time.Second))
	case len(claims.Answer) == 0:
		return nil, errors.New("it has no token_introspection")
	}
	return claims.Answer, nil
}
