package idpmock

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	grantClientCredentials = "client_credentials"
	grantTokenExchange     = "urn:ietf:params:oauth:grant-type:token-exchange"

	tokenTypeAccess = "urn:ietf:params:oauth:token-type:access_token"
	tokenTypeJWT    = "urn:ietf:params:oauth:token-type:jwt"
)

// exchangeToken gives a client an access token of the same person for another API (RFC 8693).
// The token ends with the person's session as the client's others do; asking for it is no
// activity. Any good access token of this provider will do: that it was meant for the client
// is not checked.
func (p *IDP) exchangeToken(cfg *settings, r *http.Request, c *Client, jkt string) (map[string]any, error) {
	if !c.TokenExchange || c.public() {
		return nil, errUnauthorizedClient("this client may not exchange tokens: it needs a secret or a key, and " +
			"Client.TokenExchange (token_exchange in JSON)")
	}
	form := r.PostForm
	to, oerr := cfg.targetOf(form)
	if oerr != nil {
		return nil, oerr
	}
	now := p.Now()
	p.mu.Lock()
	t, oerr := p.exchangeLocked(cfg, now, c, form, to)
	p.mu.Unlock()
	if oerr != nil {
		return nil, oerr
	}
	answer, err := p.issue(cfg, now, c, t, jkt, c.bindsTo(r), exchangeOf(r).fault)
	if err != nil {
		return nil, err
	}
	answer["issued_token_type"] = tokenTypeAccess
	return answer, nil
}

func (p *IDP) exchangeLocked(cfg *settings, now time.Time, c *Client, form url.Values, to target) (
	*toIssue, *oauthError) {
	if want := form.Get("requested_token_type"); want != "" && want != tokenTypeAccess && want != tokenTypeJWT {
		return nil, errInvalidRequest("requested_token_type must be " + tokenTypeAccess)
	}
	subject, oerr := p.partyLocked(cfg, now, form, "subject")
	if oerr != nil {
		return nil, oerr
	}
	scope := slices.DeleteFunc(slices.Clone(subject.scope), func(s string) bool { return s == "offline_access" })
	if to.rest != "" {
		for word := range strings.FieldsSeq(to.rest) {
			if !slices.Contains(scope, word) {
				return nil, errInvalidScope("the scope exceeds that of subject_token")
			}
		}
		scope = strings.Fields(to.rest)
	}
	from := subject.grant
	g := &grant{client: c.ID, user: from.user, session: from.session, sid: from.sid, scope: scope, acr: from.acr,
		authTime: from.authTime, created: now, until: from.until, offline: from.offline, part: from.part,
		machine: from.machine}
	t := &toIssue{grant: g, scope: scope, api: to.api, apiScope: to.scope, noIDToken: true}
	if to.api == nil {
		t.audience = audiencesIn(form)
	}
	if form.Has("actor_token") {
		actor, oerr := p.partyLocked(cfg, now, form, "actor")
		if oerr != nil {
			return nil, oerr
		}
		t.claims = map[string]any{"act": map[string]any{"sub": actor.grant.user.Subject}} // RFC 8693 §4.1
	}
	if !g.machine && p.sessions[g.session] != nil {
		p.grants[g.session] = append(p.grants[g.session], g)
	}
	return t, nil
}

// partyLocked finds the token of the subject or the actor. RFC 8693 §2.2.2: one that is not
// good is an invalid request.
func (p *IDP) partyLocked(cfg *settings, now time.Time, form url.Values, who string) (*accessToken, *oauthError) {
	switch kind := form.Get(who + "_token_type"); kind {
	case tokenTypeAccess, tokenTypeJWT:
	default:
		return nil, errInvalidRequest(who + "_token_type must be " + tokenTypeAccess)
	}
	t := p.access[keyOf(form.Get(who+"_token"))]
	if t == nil || !now.Before(t.until) || t.grant.dead != "" {
		return nil, errInvalidRequest(who + "_token is no good access token of this provider")
	}
	if !cfg.outlives(t.grant) {
		if _, why := p.sessionOfLocked(cfg, now, t.grant); why != "" {
			return nil, errInvalidRequest(who + "_token's session has ended")
		}
	}
	return t, nil
}
