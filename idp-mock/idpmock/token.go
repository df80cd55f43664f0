package idpmock

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"time"
)

func (p *IDP) token(w http.ResponseWriter, r *http.Request) {
	cfg := p.settings()
	c, oerr := p.authenticate(cfg, r)
	if oerr != nil {
		writeError(w, r, oerr)
		return
	}
	jkt, oerr := p.dpopProof(cfg, w, r, "")
	if oerr == nil && jkt == "" && c.DPoPBound {
		oerr = &oauthError{status: http.StatusBadRequest, Code: "invalid_dpop_proof", Desc: "this client must send a DPoP proof"}
	}
	var answer map[string]any
	var err error
	if oerr == nil {
		switch r.PostForm.Get("grant_type") {
		case "authorization_code":
			answer, err = p.exchangeCode(cfg, r, c, jkt)
		case "refresh_token":
			answer, err = p.refreshGrant(cfg, r, c, jkt)
		case "":
			oerr = errInvalidRequest("grant_type is missing")
		default:
			oerr = &oauthError{status: http.StatusBadRequest, Code: "unsupported_grant_type", Desc: "grant_type must be authorization_code or refresh_token"}
		}
	}
	switch {
	case oerr != nil:
		writeError(w, r, oerr)
	case err != nil:
		writeError(w, r, err)
	default:
		writeJSON(w, http.StatusOK, answer)
	}
}

func (p *IDP) exchangeCode(cfg *settings, r *http.Request, c *Client, jkt string) (map[string]any, error) {
	if len(c.RedirectURIs) == 0 {
		return nil, &oauthError{status: http.StatusBadRequest, Code: "unauthorized_client", Desc: "this client cannot sign anybody in"}
	}
	form, now := r.PostForm, p.Now()
	p.mu.Lock()
	t, oerr := p.redeemLocked(cfg, now, c, form.Get("code"), form.Get("redirect_uri"), form.Get("code_verifier"), jkt)
	p.mu.Unlock()
	if oerr != nil {
		return nil, oerr
	}
	return p.issue(cfg, now, c, t, jkt, exchangeOf(r).fault)
}

// toIssue is what the locked part of a token request decided.
type toIssue struct {
	grant    *grant
	scope    []string
	idle     time.Time // deadline of the session, zero if it does not matter
	absolute time.Time
	refresh  string // refresh token for the answer
	first    bool
}

func (p *IDP) redeemLocked(cfg *settings, now time.Time, c *Client, raw, redirectURI, verifier, jkt string) (*toIssue, *oauthError) {
	k := p.codes[keyOf(raw)]
	if k == nil || k.grant.client != c.ID {
		return nil, errInvalidGrant("the code is unknown")
	}
	if k.used {
		// RFC 6749 §4.1.2: all tokens issued for it should be revoked.
		p.revokeGrantLocked(k.grant, "code reuse")
		return nil, errInvalidGrant("the code was used before")
	}
	if !now.Before(k.until) || k.grant.revoked {
		return nil, errInvalidGrant("the code has expired")
	}
	if k.redirectURI != redirectURI {
		return nil, errInvalidGrant("redirect_uri differs from the authorization request's")
	}
	switch {
	case k.challenge == "" && verifier != "":
		// A stripped challenge is a downgrade (RFC 9700 §4.8.2).
		return nil, errInvalidGrant("code_verifier without code_challenge")
	case k.challenge != "" && (len(verifier) < 43 || len(verifier) > 128 || s256(verifier) != k.challenge):
		return nil, errInvalidGrant("code_verifier does not fit code_challenge")
	case k.dpop != "" && k.dpop != jkt:
		return nil, errInvalidGrant("the DPoP key differs from dpop_jkt")
	}
	k.used = true
	g := k.grant
	t := &toIssue{grant: g, scope: g.scope, first: true}
	if cfg.coordinated(c.ID) {
		s := p.liveLocked(cfg, now, p.sessions[g.session])
		if s == nil {
			return nil, errInvalidGrant("the session has ended")
		}
		t.idle, t.absolute = s.idle, s.absolute
	} else if s := p.sessions[g.session]; s != nil {
		t.idle, t.absolute = s.idle, s.absolute
	}
	if c.RefreshTokens {
		if c.public() {
			g.dpop = jkt
		}
		t.refresh = newSecret()
		p.refresh[keyOf(t.refresh)] = &refreshToken{grant: g}
	}
	return t, nil
}

func s256(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// refreshGrant checks in the reference's order: lookup, expiry, client,
// consumed, session (which extends it), binding.
func (p *IDP) refreshGrant(cfg *settings, r *http.Request, c *Client, jkt string) (map[string]any, error) {
	form, now := r.PostForm, p.Now()
	p.mu.Lock()
	t, oerr := p.rotateLocked(cfg, now, c, form.Get("refresh_token"), form.Get("scope"), jkt, exchangeOf(r).fault)
	p.mu.Unlock()
	if oerr != nil {
		return nil, oerr
	}
	return p.issue(cfg, now, c, t, jkt, exchangeOf(r).fault)
}

func (p *IDP) rotateLocked(cfg *settings, now time.Time, c *Client, raw, scope, jkt string, f *Fault) (*toIssue, *oauthError) {
	k := p.refresh[keyOf(raw)]
	if k == nil {
		return nil, errInvalidGrant("the refresh token is unknown")
	}
	g := k.grant
	if !now.Before(g.until) {
		return nil, errInvalidGrant("the refresh token has expired")
	}
	if g.client != c.ID {
		return nil, errInvalidGrant("the refresh token is another client's")
	}
	if g.revoked {
		return nil, errInvalidGrant("the refresh token was revoked")
	}
	if !k.consumed.IsZero() && (cfg.RefreshReuseGrace <= 0 || now.Sub(k.consumed) >= cfg.RefreshReuseGrace) {
		p.revokeGrantLocked(g, "refresh token reuse")
		return nil, errInvalidGrant("the refresh token was used before")
	}
	if !p.useSession(cfg, now, g, EndpointRefresh) {
		p.revokeGrantLocked(g, "session is gone")
		return nil, errInvalidGrant("the session has ended")
	}
	if g.dpop != "" && g.dpop != jkt {
		return nil, errInvalidGrant("the DPoP key differs from the one that the refresh token is bound to")
	}
	granted := g.scope
	if scope != "" {
		granted = nil
		for s := range strings.FieldsSeq(scope) {
			if !slices.Contains(g.scope, s) {
				return nil, &oauthError{status: http.StatusBadRequest, Code: "invalid_scope", Desc: "the scope exceeds what was granted"}
			}
			granted = append(granted, s)
		}
	}
	t := &toIssue{grant: g, scope: granted}
	if s := p.sessions[g.session]; s != nil {
		t.idle, t.absolute = s.idle, s.absolute
	}
	if !c.ReusableRefreshTokens && (f == nil || f.Response != ResponseNoRefreshToken) {
		if k.consumed.IsZero() {
			k.consumed = now
		}
		t.refresh = newSecret()
		p.refresh[keyOf(t.refresh)] = &refreshToken{grant: g}
	}
	return t, nil
}

// revokeGrantLocked ends a family of tokens. The caller holds mu.
func (p *IDP) revokeGrantLocked(g *grant, why string) {
	if g.revoked {
		return
	}
	g.revoked = true
	p.emit(Event{Kind: EventRevoked, Client: g.client, SID: g.session, Subject: g.user.Subject, Outcome: why})
}

// hint tells a client how long its refresh token and its grant will last.
func (p *IDP) hint(cfg *settings, now time.Time, c *Client, t *toIssue, answer map[string]any) {
	idle, end := t.grant.until, t.grant.until
	if cfg.coordinated(c.ID) {
		if t.idle.Before(idle) {
			idle = t.idle
		}
		if t.absolute.Before(end) {
			end = t.absolute
		}
	}
	if cfg.RefreshExpiresIn {
		answer["refresh_expires_in"] = int64(idle.Sub(now) / time.Second)
	}
	if cfg.RefreshTokenTimeout {
		answer["refresh_token_timeout"] = int64(idle.Sub(now) / time.Second)
		answer["authorization_expires_in"] = int64(end.Sub(now) / time.Second)
	}
}

// issue makes the token answer. It signs, so no lock is held.
func (p *IDP) issue(cfg *settings, now time.Time, c *Client, t *toIssue, jkt string, f *Fault) (map[string]any, error) {
	g := t.grant
	access := &accessToken{grant: g, jti: newSecret(), issued: now, until: now.Add(c.AccessTokenLifetime), jkt: jkt, format: c.AccessTokenType,
		aud: append([]string{cfg.Issuer}, c.Audience...)}
	if c.Exempt && len(c.Audience) == 0 {
		access.aud = []string{c.ID} // good for that app only
	}
	raw := access.jti
	if c.AccessTokenType == JWT {
		claims := map[string]any{"iss": cfg.Issuer, "sub": g.user.Subject, "aud": access.aud, "client_id": c.ID, "scope": strings.Join(t.scope, " "),
			"iat": now.Unix(), "exp": access.until.Unix(), "jti": access.jti, "sid": g.sid, "auth_time": g.authTime.Unix(), "acr": g.acr}
		if jkt != "" {
			claims["cnf"] = map[string]string{"jkt": jkt}
		}
		var err error
		if raw, err = p.keys.sign(cfg.SigningAlg, "at+jwt", claims); err != nil { // RFC 9068 §2.1
			return nil, err
		}
	}
	answer := map[string]any{"access_token": raw, "token_type": "Bearer", "expires_in": int64(c.AccessTokenLifetime / time.Second), "scope": strings.Join(t.scope, " ")}
	if jkt != "" {
		answer["token_type"] = "DPoP"
	}
	if t.refresh != "" {
		answer["refresh_token"] = t.refresh
	}
	if c.RefreshTokens {
		p.hint(cfg, now, c, t, answer)
	}
	if slices.Contains(t.scope, "openid") {
		var fault IDTokenFault
		if f != nil {
			fault = f.IDToken
		}
		id, err := p.idToken(cfg, now, c, g, t.absolute, raw, t.first, fault)
		if err != nil {
			return nil, err
		}
		answer["id_token"] = id
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !g.revoked { // a logout may have come between
		p.access[keyOf(raw)] = access
	}
	return answer, nil
}
