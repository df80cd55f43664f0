package idpmock

import (
	"net/http"
	"strings"
	"time"
)

func errUnauthorizedClient(desc string) *oauthError {
	return &oauthError{status: http.StatusBadRequest, Code: "unauthorized_client", Desc: desc}
}

// clientCredentials gives a client a token of its own (RFC 6749 §4.4): no person, no session,
// no refresh token. The scope is what it asks for.
func (p *IDP) clientCredentials(cfg *settings, r *http.Request, c *Client, jkt string) (map[string]any, error) {
	if !c.ClientCredentials || c.public() {
		return nil, errUnauthorizedClient("this client may not use client_credentials: it needs a secret or a key, " +
			"and Client.ClientCredentials (client_credentials in JSON)")
	}
	to, oerr := cfg.targetOf(r.PostForm)
	if oerr != nil {
		return nil, oerr
	}
	t := &toIssue{grant: machineGrant(c, p.Now()), scope: ownScope(to.rest), api: to.api, apiScope: to.scope}
	t.grant.scope = t.scope
	if to.api == nil {
		t.audience = audiencesIn(r.PostForm)
	}
	return p.issue(cfg, p.Now(), c, t, jkt, c.bindsTo(r), exchangeOf(r).fault)
}

// machineGrant is of a client that acts for itself.
func machineGrant(c *Client, now time.Time) *grant {
	return &grant{client: c.ID, user: User{Username: c.ID, Subject: c.ID}, machine: true, created: now,
		until: now.Add(c.RefreshTokenLifetime), part: &clientSession{}}
}

// ownScope is a scope without the words that are about a person.
func ownScope(text string) (scope []string) {
	for word := range strings.FieldsSeq(text) {
		if word != "openid" && word != "offline_access" {
			scope = append(scope, word)
		}
	}
	return scope
}
