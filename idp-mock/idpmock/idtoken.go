package idpmock

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/internal/jws"
)

// jwt is a token in the making, so that faults can get at all of it.
type jwt struct {
	claims map[string]any
	typ    string
	alg    string
	sign   func(*jwt) (string, error) // nil: with the current key
	client *Client
	grant  *grant
	now    time.Time
	first  bool // not a refresh
}

// idToken makes an ID token. first is false for a refresh: no nonce, and
// auth_time of the original authentication (OpenID Connect Core 1.0 §12.2).
func (p *IDP) idToken(cfg *settings, now time.Time, c *Client, g *grant, absolute time.Time, accessToken string,
	first bool, fault IDTokenFault) (string, error) {
	claims := map[string]any{}
	if temper := &cfg.Temperament; !temper.ProfileAtUserinfo && (first || !temper.ThinRefresh) {
		claims = userClaims(temper, g.user, g.scope)
	}
	claims["iss"], claims["sub"], claims["aud"] = cfg.Issuer, g.user.Subject, c.ID
	claims["iat"], claims["exp"] = now.Unix(), now.Add(cfg.IDTokenLifetime).Unix()
	claims["auth_time"], claims["acr"], claims["sid"] = g.authTime.Unix(), g.acr, g.sid
	if accessToken != "" {
		claims["at_hash"] = halfHash(accessToken)
	}
	if first && g.nonce != "" {
		claims["nonce"] = g.nonce
	}
	if cfg.SessionExpiry && !absolute.IsZero() {
		claims["session_expiry"] = absolute.Unix()
	}
	if cfg.Temperament.IDTokenSIDOnlyIfRequired && !c.BackchannelSessionRequired && !c.FrontchannelSessionRequired {
		delete(claims, "sid")
	}
	t := &jwt{claims: claims, typ: "JWT", alg: cfg.SigningAlg, client: c, grant: g, now: now, first: first}
	for _, f := range cfg.Temperament.IDToken {
		idTokenFaults[f](p, t)
	}
	if spoil := idTokenFaults[fault]; spoil != nil {
		spoil(p, t)
	}
	return p.finish(t)
}

// finish signs a token, as it is spoilt, and encrypts it for a client that wants that.
func (p *IDP) finish(t *jwt) (string, error) {
	sign := t.sign
	if sign == nil {
		sign = func(t *jwt) (string, error) { return p.keys.sign(t.alg, t.typ, t.claims) }
	}
	signed, err := sign(t)
	if err != nil || t.client == nil {
		return signed, err
	}
	return t.client.encrypt(signed)
}

// halfHash is at_hash for the SHA-256 family (OpenID Connect Core 1.0 §3.1.3.6).
func halfHash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

const maxGroups = 100_000

// userClaims are what is said of a person.
func userClaims(temper *Temperament, u User, scope []string) map[string]any {
	claims := map[string]any{}
	if temper.Groups > 0 {
		groups := make([]string, temper.Groups)
		for i := range groups {
			groups[i] = fmt.Sprintf("00000000-0000-4000-8000-%012d", i+1)
		}
		claims["groups"] = groups
	}
	if slices.Contains(scope, "profile") {
		claims["preferred_username"] = u.Username
		claims["name"] = or(u.Name, u.Username)
	}
	if slices.Contains(scope, "email") && u.Email != "" {
		claims["email"], claims["email_verified"] = u.Email, true
	}
	maps.Copy(claims, u.Claims) // what the test says goes over what the provider makes up
	return claims
}

// idTokenFaults applies each fault by its name.
var idTokenFaults = map[IDTokenFault]func(*IDP, *jwt){
	IDTokenInvalidIss:       func(_ *IDP, t *jwt) { t.claims["iss"] = t.claims["iss"].(string) + "INVALID" },
	IDTokenInvalidIssuerIss: func(_ *IDP, t *jwt) { t.claims["iss"] = t.claims["iss"].(string) + "/other" },
	IDTokenMissingIss:       without("iss"),
	IDTokenInvalidAud:       func(_ *IDP, t *jwt) { t.claims["aud"] = t.client.ID + "INVALID" },
	IDTokenMissingAud:       without("aud"),
	IDTokenAudArray:         func(_ *IDP, t *jwt) { t.claims["aud"] = []string{t.client.ID} },
	IDTokenSecondaryAud: func(_ *IDP, t *jwt) {
		t.claims["aud"], t.claims["azp"] = []string{t.client.ID, "somebody-else"}, t.client.ID
	},
	IDTokenInvalidAzp: func(_ *IDP, t *jwt) { t.claims["azp"] = "somebody-else" },
	IDTokenMissingSub: without("sub"),
	IDTokenInvalidSub: func(_ *IDP, t *jwt) { t.claims["sub"] = t.claims["sub"].(string) + "1" },
	IDTokenMissingIat: without("iat"),
	IDTokenFutureIat: func(_ *IDP, t *jwt) {
		t.claims["iat"] = t.now.Add(time.Hour).Unix()
		t.extend(2 * time.Hour)
	},
	IDTokenOldIat:        func(_ *IDP, t *jwt) { t.claims["iat"] = t.now.Add(-24 * time.Hour).Unix() },
	IDTokenMissingExp:    without("exp"),
	IDTokenExpired:       func(_ *IDP, t *jwt) { t.extend(-6 * time.Minute) },
	IDTokenInvalidNonce:  func(_ *IDP, t *jwt) { t.claims["nonce"] = t.grant.nonce + "INVALID" },
	IDTokenMissingNonce:  without("nonce"),
	IDTokenInvalidAtHash: func(_ *IDP, t *jwt) { t.claims["at_hash"] = halfHash("another token") },
	IDTokenMissingAtHash: without("at_hash"),
	IDTokenInvalidCHash:  func(_ *IDP, t *jwt) { t.claims["c_hash"] = halfHash("another code") },
	IDTokenSigNone:       func(_ *IDP, t *jwt) { t.sign = unsigned },
	IDTokenInvalidSig:    func(p *IDP, t *jwt) { t.sign = p.brokenSignature },
	IDTokenAlternateAlg:  func(_ *IDP, t *jwt) { t.alg = jws.OtherAlg(t.alg) },
	IDTokenSigHS256:      func(_ *IDP, t *jwt) { t.sign = signedWithSecret },
	IDTokenMissingKid:    func(p *IDP, t *jwt) { t.sign = p.withoutKid },
	IDTokenUnknownKid:    func(p *IDP, t *jwt) { t.sign = p.hiddenSignature },
	IDTokenRotatedKey:    func(p *IDP, t *jwt) { t.sign = p.rotatedSignature },
	IDTokenMissingSid:    without("sid"),
	IDTokenChangedSid:    func(_ *IDP, t *jwt) { t.claims["sid"] = newSecret() },
	IDTokenChangedAuthTime: func(_ *IDP, t *jwt) {
		t.claims["auth_time"] = t.grant.authTime.Add(42 * time.Second).Unix()
	},
	IDTokenMissingAuthTime: without("auth_time"),
	IDTokenNonceOnRefresh:  func(_ *IDP, t *jwt) { t.claims["nonce"] = t.grant.nonce },
	IDTokenTypLogout:       func(_ *IDP, t *jwt) { t.typ = "logout+jwt" },
	IDTokenHuge:            func(_ *IDP, t *jwt) { t.claims["padding"] = strings.Repeat("x", 64<<10) },
	IDTokenNotAJWT:         func(_ *IDP, t *jwt) { t.sign = func(*jwt) (string, error) { return "not-a-jwt", nil } },
}

func without(claim string) func(*IDP, *jwt) {
	return func(_ *IDP, t *jwt) { delete(t.claims, claim) }
}

func (t *jwt) extend(d time.Duration) { t.claims["exp"] = t.now.Add(d).Unix() }

func unsigned(t *jwt) (string, error) { return jws.Unsigned(t.typ, t.claims) }

func (p *IDP) brokenSignature(t *jwt) (string, error) {
	return jws.Break(p.keys.sign(t.alg, t.typ, t.claims))
}

func signedWithSecret(t *jwt) (string, error) {
	return jws.SignWithSecret(t.client.Secret, t.typ, t.claims)
}

func (p *IDP) withoutKid(t *jwt) (string, error) {
	jwk, err := p.keys.key(t.alg)
	if err != nil {
		return "", err
	}
	return jws.Sign(t.alg, jwk.Key, t.typ, t.claims)
}

func (p *IDP) hiddenSignature(t *jwt) (string, error) {
	jwk, err := p.keys.hiddenKey(t.alg)
	if err != nil {
		return "", err
	}
	return jws.Sign(t.alg, jwk, t.typ, t.claims)
}

func (p *IDP) rotatedSignature(t *jwt) (string, error) {
	if err := p.keys.rotate(t.alg, false); err != nil {
		return "", err
	}
	return p.keys.sign(t.alg, t.typ, t.claims)
}
