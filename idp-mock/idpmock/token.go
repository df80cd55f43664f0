package idpmock

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/internal/plain"
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
		oerr = &oauthError{status: http.StatusBadRequest, Code: "invalid_dpop_proof",
			Desc: "this client must send a DPoP proof"}
	}
	var answer map[string]any
	var err error
	if oerr == nil {
		switch r.PostForm.Get("grant_type") {
		case "authorization_code":
			answer, err = p.exchangeCode(cfg, r, c, jkt)
		case "refresh_token":
			answer, err = p.refreshGrant(cfg, r, c, jkt)
		case grantClientCredentials:
			answer, err = p.clientCredentials(cfg, r, c, jkt)
		case grantTokenExchange:
			answer, err = p.exchangeToken(cfg, r, c, jkt)
		case "":
			oerr = errInvalidRequest("grant_type is missing")
		default:
			oerr = &oauthError{status: http.StatusBadRequest, Code: "unsupported_grant_type",
				Desc: "grant_type must be authorization_code, refresh_token, client_credentials or " +
					grantTokenExchange}
		}
	}
	switch {
	case oerr != nil:
		writeError(w, r, oerr)
	case err != nil:
		writeError(w, r, err)
	default:
		plain.Write(w, http.StatusOK, answer)
	}
}

func (p *IDP) exchangeCode(cfg *settings, r *http.Request, c *Client, jkt string) (map[string]any, error) {
	if len(c.RedirectURIs) == 0 {
		return nil, &oauthError{status: http.StatusBadRequest, Code: "unauthorized_client",
			Desc: "this client cannot sign anybody in"}
	}
	form, now := r.PostForm, p.Now()
	to, oerr := cfg.targetOf(form)
	if oerr != nil {
		return nil, oerr
	}
	p.mu.Lock()
	t, oerr := p.redeemLocked(cfg, now, c, form.Get("code"), form.Get("redirect_uri"), form.Get("code_verifier"), jkt)
	p.mu.Unlock()
	if oerr == nil {
		oerr = to.named(t.grant)
	}
	if oerr != nil {
		return nil, oerr
	}
	t.api, t.apiScope = to.api, to.scope
	return p.issue(cfg, now, c, t, jkt, c.bindsTo(r), exchangeOf(r).fault)
}

// toIssue is what the locked part of a token request decided.
type toIssue struct {
	grant    *grant
	scope    []string
	api      *API // that the access token is for; nil: any
	apiScope []string
	idle     time.Time // deadline of the session, zero if it does not matter
	absolute time.Time
	refresh  string // refresh token for the answer
	// refreshUntil is an end of the refresh token beside the grant's and the
	// session's, zero for none.
	refreshUntil time.Time
	first        bool
	noIDToken    bool

	audience []string       // of the access token; nil: by the rules
	claims   map[string]any // of the access token, beside its own
	lifetime time.Duration  // of the access token; zero: the client's
}

func (p *IDP) redeemLocked(cfg *settings, now time.Time, c *Client, raw, redirectURI, verifier,
	jkt string) (*toIssue, *oauthError) {
	k := p.codes[keyOf(raw)]
	if k == nil || k.grant.client != c.ID {
		return nil, errInvalidGrant("the code is unknown")
	}
	if k.used {
		// RFC 6749 §4.1.2: all tokens issued for it should be revoked.
		p.dieLocked(k.grant, deadCode)
		return nil, errInvalidGrant("the code was used before")
	}
	if !now.Before(k.until) || k.grant.dead != "" {
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
	s := p.sessions[g.session]
	if cfg.proves(g, EndpointRefresh) {
		if s = p.liveLocked(cfg, now, s); s == nil {
			return nil, errInvalidGrant("the session has ended")
		}
	}
	if s != nil {
		t.idle, t.absolute = s.idle, s.absolute
	}
	t.refreshUntil = p.clientEndLocked(cfg, now, g)
	if cfg.issuesRefresh(c, g) {
		if c.public() {
			g.dpop = jkt
		}
		t.refresh = p.newRefreshLocked(now, g, t.refreshUntil)
		p.limitRefreshLocked(cfg, now, g)
	}
	return t, nil
}

func s256(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// issuesRefresh says whether a log-in of the client brings a refresh token.
func (s *settings) issuesRefresh(c *Client, g *grant) bool {
	rule := s.Temperament.RefreshToken
	return c.RefreshTokens && !g.machine && rule != RefreshNever && (rule == RefreshAlways || g.offline)
}

// hint tells a client how long its refresh token and its grant will last.
func (p *IDP) hint(cfg *settings, now time.Time, t *toIssue, answer map[string]any) {
	idle, end := t.grant.until, t.grant.until
	if cfg.proves(t.grant, EndpointRefresh) {
		if t.idle.Before(idle) {
			idle = t.idle
		}
		if !t.refreshUntil.IsZero() && t.refreshUntil.Before(idle) {
			idle = t.refreshUntil
		}
		if t.absolute.Before(end) {
			end = t.absolute
		}
	}
	left := int64(idle.Sub(now) / time.Second)
	if cfg.RefreshExpiresIn || cfg.Temperament.Announce == AnnounceRefreshExpiresIn {
		answer["refresh_expires_in"] = left
		if t.grant.offline && cfg.Temperament.OfflineOutlives {
			answer["refresh_expires_in"] = 0 // Keycloak's way to say that no session ends it
		}
	}
	if cfg.Temperament.Announce == AnnounceRefreshTokenExpiresIn {
		answer["refresh_token_expires_in"] = left
	}
	if cfg.RefreshTokenTimeout {
		answer["refresh_token_timeout"] = left
		answer["authorization_expires_in"] = int64(end.Sub(now) / time.Second)
	}
}

// issue makes the token answer. It signs, so no lock is held.
func (p *IDP) issue(cfg *settings, now time.Time, c *Client, t *toIssue, jkt, cert string,
	f *Fault) (map[string]any, error) {
	g := t.grant
	access := newAccess(cfg, now, c, t, jkt, cert)
	raw := access.jti
	if c.AccessTokenType == JWT {
		var err error
		if raw, err = p.keys.sign(cfg.SigningAlg, cfg.AccessTokenTyp, access.claims(cfg, c, t)); err != nil {
			return nil, err
		}
	}
	answer := map[string]any{"access_token": raw, "token_type": "Bearer",
		"expires_in": int64(access.until.Sub(now) / time.Second), "scope": strings.Join(access.scope, " ")}
	if jkt != "" {
		answer["token_type"] = "DPoP"
	}
	if t.refresh != "" {
		answer["refresh_token"] = t.refresh
	}
	if cfg.issuesRefresh(c, g) && !t.noIDToken {
		p.hint(cfg, now, t, answer)
	}
	if slices.Contains(t.scope, "openid") && !t.noIDToken && (t.first || !cfg.Temperament.NoIDTokenOnRefresh) {
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
	if cfg.Temperament.AccessTokenForAPIOnly && t.api == nil && len(t.audience)+len(c.Audience) == 0 && !g.machine {
		for _, name := range []string{"access_token", "token_type", "expires_in"} {
			delete(answer, name)
		}
		return answer, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if g.dead == "" { // a log-out may have come between
		p.access[keyOf(raw)] = access
	}
	return answer, nil
}
