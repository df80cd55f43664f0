package idpmock

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/internal/plain"
)

// accessTokenOf reads a token as RFC 6750 §2.1 and §2.2 and RFC 9449 §7.1 say;
// not from the query, which ends up in logs.
func accessTokenOf(r *http.Request) (scheme, token string, err *oauthError) {
	if h := r.Header.Get("Authorization"); h != "" {
		s, t, _ := strings.Cut(h, " ")
		switch strings.ToLower(s) {
		case "bearer":
			scheme = "Bearer"
		case "dpop":
			scheme = "DPoP"
		}
		if scheme != "" {
			token = strings.TrimSpace(t)
		}
	}
	if form := r.PostForm.Get("access_token"); form != "" {
		if token != "" {
			return "", "", errInvalidRequest("the access token is there twice")
		}
		scheme, token = "Bearer", form
	}
	return scheme, token, nil
}

func errInvalidToken(desc string) *oauthError {
	return &oauthError{status: http.StatusUnauthorized, Code: "invalid_token", Desc: desc, scheme: "Bearer"}
}

func (p *IDP) userinfo(w http.ResponseWriter, r *http.Request) {
	cfg, now := p.settings(), p.Now()
	scheme, raw, oerr := accessTokenOf(r)
	if oerr != nil {
		writeError(w, r, oerr)
		return
	}
	if raw == "" { // RFC 6750 §3.1: no error code where no token was sent
		w.Header().Set("WWW-Authenticate", `Bearer realm="idp-mock"`)
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	jkt := ""
	if scheme == "DPoP" {
		if jkt, oerr = p.dpopProof(cfg, w, r, raw); oerr != nil {
			oerr.status, oerr.scheme = http.StatusUnauthorized, "DPoP"
			writeError(w, r, oerr)
			return
		}
	}
	p.mu.Lock()
	var t *accessToken
	if t = p.access[keyOf(raw)]; t != nil && t.jkt != "" && t.jkt != jkt {
		oerr = errInvalidToken("the token is bound to a DPoP key")
		oerr.scheme = "DPoP"
	} else if t != nil && t.x5t != "" && (certificateOf(r) == nil || x5t(certificateOf(r)) != t.x5t) {
		oerr = errInvalidToken("the token is bound to a certificate")
	} else {
		t, oerr = p.useTokenLocked(cfg, now, raw, EndpointUserinfo)
	}
	p.mu.Unlock()
	switch {
	case oerr != nil:
	case !slices.Contains(t.grant.scope, "openid"):
		oerr = &oauthError{status: http.StatusForbidden, Code: "insufficient_scope", Desc: "openid is needed",
			scheme: "Bearer"}
	}
	if oerr != nil {
		writeError(w, r, oerr)
		return
	}
	claims := userClaims(&cfg.Temperament, t.grant.user, t.grant.scope)
	claims["sub"] = t.grant.user.Subject
	c := cfg.clients[t.grant.client]
	if c == nil || !c.UserinfoSigned {
		plain.Write(w, http.StatusOK, claims)
		return
	}
	claims["iss"], claims["aud"] = cfg.Issuer, c.ID
	if f := exchangeOf(r).fault; f != nil {
		f.Response.edit(claims) // later it would break the signature
	}
	signed, err := p.keys.sign(cfg.SigningAlg, "JWT", claims)
	if err == nil {
		signed, err = c.encrypt(signed)
	}
	if err != nil {
		writeError(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/jwt")
	w.Header().Set("Cache-Control", "no-store")
	w.Write([]byte(signed))
}

// useTokenLocked finds a good access token; its session is checked and extended.
// JWT access tokens are looked up too: nothing is taken from their text.
func (p *IDP) useTokenLocked(cfg *settings, now time.Time, raw string, by Endpoint) (*accessToken, *oauthError) {
	words := &cfg.Temperament.Refusals
	t := p.access[keyOf(raw)]
	switch {
	case t == nil || !now.Before(t.until):
		return nil, words.userinfo(deadUnknown, errInvalidToken("the access token is unknown or has expired"))
	case t.grant.dead != "":
		return nil, words.userinfo(t.grant.dead, errInvalidToken("the access token was revoked"))
	case by == EndpointUserinfo && !slices.Contains(t.aud, cfg.Issuer) && cfg.Temperament.AudienceBound:
		own := errInvalidToken("the access token is for an API")
		return nil, words.UserinfoAudience.or(words.Userinfo).answer(http.StatusUnauthorized, own)
	}
	if why := p.useSession(cfg, now, t.grant, by); why != "" {
		if cfg.endsWithSession(t.grant) { // else each call is decided by itself
			p.dieLocked(t.grant, why)
		}
		return nil, words.userinfo(why, errInvalidToken("the session has ended"))
	}
	return t, nil
}

// introspect answers RFC 7662. Every confidential client may ask about every
// token, a public one about its own; that the reason of an inactive token is
// withheld is §2.2.
func (p *IDP) introspect(w http.ResponseWriter, r *http.Request) {
	cfg, now := p.settings(), p.Now()
	c, oerr := p.authenticate(cfg, r)
	if oerr == nil && r.PostForm.Get("token") == "" {
		oerr = errInvalidRequest("token is missing")
	}
	if oerr != nil {
		writeError(w, r, oerr)
		return
	}
	answer := p.describe(cfg, now, c, r.PostForm.Get("token"))
	if !c.IntrospectionSigned && !strings.Contains(r.Header.Get("Accept"), introspectionJWT) {
		plain.Write(w, http.StatusOK, answer)
		return
	}
	signed, err := p.keys.sign(cfg.SigningAlg, "token-introspection+jwt", map[string]any{"iss": cfg.Issuer, "aud": c.ID,
		"iat": now.Unix(), "token_introspection": answer})
	if err != nil {
		writeError(w, r, err)
		return
	}
	w.Header().Set("Content-Type", introspectionJWT)
	w.Header().Set("Cache-Control", "no-store")
	w.Write([]byte(signed))
}

// introspectionJWT is the type of signed answers (RFC 9701 §4, §5).
const introspectionJWT = "application/token-introspection+jwt"

func (p *IDP) describe(cfg *settings, now time.Time, c *Client, raw string) map[string]any {
	inactive := map[string]any{"active": false}
	p.mu.Lock()
	defer p.mu.Unlock()
	if k := p.refresh[keyOf(raw)]; k != nil {
		g := k.grant
		// A refresh token is shown to its own client only, and this is no use of it.
		if g.client != c.ID || g.dead != "" || g.noRefresh || !k.consumed.IsZero() || k.expired(now) {
			return inactive
		}
		s := p.sessions[g.session]
		if cfg.proves(g, EndpointRefresh) && (p.liveLocked(cfg, now, s) == nil || cfg.left(g, now)) {
			return inactive
		}
		return map[string]any{"active": true, "token_type": "refresh_token", "client_id": g.client,
			"sub": g.user.Subject, "iss": cfg.Issuer,
			"scope": strings.Join(g.scope, " "), "iat": g.created.Unix(), "exp": g.until.Unix(), "sid": g.sid}
	}
	t := p.access[keyOf(raw)]
	if t == nil || c.public() && t.grant.client != c.ID {
		return inactive
	}
	if cfg.Temperament.IntrospectionByAudience && t.grant.client != c.ID && !slices.Contains(t.aud, c.ID) {
		return inactive
	}
	if _, oerr := p.useTokenLocked(cfg, now, raw, EndpointIntrospect); oerr != nil {
		return inactive
	}
	g := t.grant
	answer := map[string]any{"active": true, "token_type": "Bearer", "client_id": g.client, "sub": g.user.Subject,
		"username": g.user.Username,
		"iss":      cfg.Issuer, "aud": t.aud, "scope": strings.Join(t.scope, " "), "iat": t.issued.Unix(),
		"exp": t.until.Unix(), "jti": t.jti, "sid": g.sid}
	if g.machine {
		delete(answer, "username")
		delete(answer, "sid")
	}
	if t.jkt != "" {
		answer["token_type"] = "DPoP"
	}
	if cnf := confirmation(t.jkt, t.x5t); cnf != nil {
		answer["cnf"] = cnf
	}
	return answer
}

// revoke is RFC 7009. A refresh token takes its family with it, if the
// temperament says nothing else; an unknown token is a success.
func (p *IDP) revoke(w http.ResponseWriter, r *http.Request) {
	cfg, now := p.settings(), p.Now()
	c, oerr := p.authenticate(cfg, r)
	if oerr == nil && r.PostForm.Get("token") == "" {
		oerr = errInvalidRequest("token is missing")
	}
	if oerr != nil {
		writeError(w, r, oerr)
		return
	}
	key := keyOf(r.PostForm.Get("token"))
	p.mu.Lock()
	if k := p.refresh[key]; k != nil && k.grant.client == c.ID {
		reach := or(cfg.Temperament.Revocation, ReachFamily)
		if reach == ReachToken || reach == ReachReference {
			delete(p.refresh, key)
		}
		p.takeAlongLocked(cfg, now, k.grant, reach, deadRevoked)
	}
	if t := p.access[key]; t != nil && t.grant.client == c.ID {
		delete(p.access, key)
		p.takeAlongLocked(cfg, now, t.grant, or(cfg.Temperament.AccessTokenRevocation, ReachToken), deadRevoked)
	}
	p.mu.Unlock()
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
}
