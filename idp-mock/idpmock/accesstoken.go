package idpmock

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// newAccess is the access token that t asks for: whom it is for, and until when.
func newAccess(cfg *settings, now time.Time, c *Client, t *toIssue, jkt, cert string) *accessToken {
	a := &accessToken{grant: t.grant, jti: newSecret(), issued: now,
		until: now.Add(or(t.lifetime, c.AccessTokenLifetime)),
		jkt:   jkt, x5t: cert, format: c.AccessTokenType, scope: slices.Concat(t.apiScope, t.scope)}
	if t.lifetime < 0 { // it was good once
		a.issued = a.until.Add(-c.AccessTokenLifetime)
	}
	switch {
	case t.api != nil:
		a.aud = []string{t.api.Audience}
	case len(t.audience) > 0:
		a.aud = t.audience
	case c.Exempt && len(c.Audience) == 0:
		a.aud = []string{c.ID} // good for that app only
	case cfg.Temperament.AudienceBound && len(c.Audience) > 0:
		a.aud = c.Audience
	default:
		a.aud = append([]string{cfg.Issuer}, c.Audience...)
	}
	return a
}

// claims of the token as a JWT (RFC 9068 §2.2). What tests add does not go over them.
func (a *accessToken) claims(cfg *settings, c *Client, t *toIssue) map[string]any {
	g := a.grant
	claims := map[string]any{}
	maps.Copy(claims, g.user.AccessTokenClaims)
	maps.Copy(claims, c.AccessTokenClaims)
	maps.Copy(claims, t.claims)
	maps.Copy(claims, map[string]any{"iss": cfg.Issuer, "sub": g.user.Subject, "aud": a.aud, "client_id": c.ID,
		"scope": strings.Join(a.scope, " "), "iat": a.issued.Unix(), "exp": a.until.Unix(), "jti": a.jti})
	if !g.machine {
		claims["sid"], claims["auth_time"], claims["acr"] = g.sid, g.authTime.Unix(), g.acr
	}
	if cnf := confirmation(a.jkt, a.x5t); cnf != nil {
		claims["cnf"] = cnf
	}
	return claims
}
