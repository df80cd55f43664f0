package rp

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/tandem-sso/tandem/rp/internal/record"
	"github.com/tandem-sso/tandem/rp/internal/verdict"
)

// offline reports whether a session's refresh token outlives the end of the IdP's
// session: it was granted offline_access, and it is the IdP that has ended the
// session. Then it is not revoked (OpenID Connect Back-Channel Logout 1.0 §2.7,
// Front-Channel Logout 1.0 §2, BCL-20): the person has left the IdP, not taken
// the grant back, and to many IdPs one token stands for the grant of all that this
// client does for the person. Nor is it used any more: with the session it is
// forgotten. Every other end revokes it, be it the person who logs out of this app
// or this app's own limit.
func (p *RelyingParty) offline(d *record.Data, reason Reason) bool {
	if reason != BackchannelLogout && reason != FrontchannelLogout {
		return false
	}
	granted := strings.Fields(d.Scope)
	if d.Scope == "" { // as asked for (RFC 6749 §5.1)
		granted = p.cfg.Scopes
	}
	return slices.Contains(granted, "offline_access")
}

// orphaned revokes tokens that came too late for their session.
func (p *RelyingParty) orphaned(t *tokens, reason Reason) {
	p.goes(func(context.Context) {
		ctx := p.ctx
		d := &record.Data{AccessToken: t.access, RefreshToken: t.refresh, Scope: t.scope}
		if p.offline(d, reason) {
			d.RefreshToken = ""
		}
		for n := 1; n <= 5; n++ {
			wait := p.revoke(ctx, d)
			if wait == 0 {
				return
			}
			sleep(ctx, wait)
		}
	})
}

// revoke revokes the refresh token, else the access token (RFC 7009); what was
// revoked is emptied. It returns when to try again, zero if nothing is left to do.
// An IdP without a revocation endpoint is no error.
func (p *RelyingParty) revoke(ctx context.Context, d *record.Data) time.Duration {
	if p.idp.RevocationURL == "" {
		return 0
	}
	for _, t := range []struct {
		hint  string
		token *string
	}{{"refresh_token", &d.RefreshToken}, {"access_token", &d.AccessToken}} {
		if *t.token == "" {
			continue
		}
		if wait := p.callRevocation(ctx, *t.token, t.hint); wait > 0 {
			return wait
		}
		*t.token = ""
	}
	return 0
}

func (p *RelyingParty) callRevocation(ctx context.Context, token, hint string) time.Duration {
	ctx, cancel := p.detached(ctx)
	defer cancel()
	form := url.Values{"token": {token}, "token_type_hint": {hint}}
	basic := p.idp.oauth.Endpoint.AuthStyle == oauth2.AuthStyleInHeader
	if !basic {
		form.Set("client_id", p.cfg.ClientID)
		if p.cfg.ClientSecret != "" {
			form.Set("client_secret", string(p.cfg.ClientSecret))
		}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.idp.RevocationURL, strings.NewReader(form.Encode()))
	if err != nil {
		return 0
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if basic {
		req.SetBasicAuth(url.QueryEscape(p.cfg.ClientID), url.QueryEscape(string(p.cfg.ClientSecret)))
	}
	const again = time.Minute
	resp, err := p.idp.client.Do(req)
	if err != nil {
		p.log.Warn("a token could not be revoked; trying again", "error", quiet("the revocation endpoint", err))
		return again
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusTooManyRequests, resp.StatusCode >= 500: // RFC 7009 §2.2.1: still alive
		return max(verdict.RetryAfter(resp.Header, p.now(), maxRetryAfter), again)
	case resp.StatusCode >= 300:
		p.log.Warn("the IdP refused to revoke a token", "status", resp.StatusCode, "hint", hint)
	}
	return 0
}
