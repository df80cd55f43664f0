package idpmock

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// refreshGrant checks in the reference's order: lookup, expiry, client,
// consumed, session (which extends it), binding.
func (p *IDP) refreshGrant(cfg *settings, r *http.Request, c *Client, jkt string) (map[string]any, error) {
	form, now := r.PostForm, p.Now()
	to, oerr := cfg.targetOf(form)
	if oerr != nil {
		return nil, oerr
	}
	p.mu.Lock()
	t, oerr := p.rotateLocked(cfg, now, c, form.Get("refresh_token"), to, jkt, exchangeOf(r).fault)
	p.mu.Unlock()
	if oerr != nil {
		return nil, oerr
	}
	return p.issue(cfg, now, c, t, jkt, c.bindsTo(r), exchangeOf(r).fault)
}

func (p *IDP) rotateLocked(cfg *settings, now time.Time, c *Client, raw string, to target, jkt string, f *Fault) (
	*toIssue, *oauthError) {
	k, oerr := p.goodRefreshLocked(cfg, now, c, raw)
	if oerr != nil {
		return nil, oerr
	}
	g := k.grant
	if g.dpop != "" && g.dpop != jkt {
		return nil, errInvalidGrant("the DPoP key differs from the one that the refresh token is bound to")
	}
	if oerr := to.named(g); oerr != nil {
		return nil, oerr
	}
	granted := g.scope
	if to.asked {
		granted = nil
		for s := range strings.FieldsSeq(to.rest) {
			if !slices.Contains(g.scope, s) {
				return nil, errInvalidScope("the scope exceeds what was granted")
			}
			granted = append(granted, s)
		}
	}
	t := &toIssue{grant: g, scope: granted, api: to.api, apiScope: to.scope,
		refreshUntil: p.clientEndLocked(cfg, now, g)}
	if s := p.sessions[g.session]; s != nil {
		t.idle, t.absolute = s.idle, s.absolute
	}
	if f != nil && f.Response == ResponseNoRefreshToken {
		k.until = t.refreshUntil
		return t, nil
	}
	switch cfg.rotation(c) {
	case RotationNone:
		k.until = t.refreshUntil
	case RotationRepeat:
		k.until, t.refresh = t.refreshUntil, raw
	case RotationStrict:
		t.refresh = p.rotatedLocked(cfg, now, k, raw, t.refreshUntil)
	case RotationLenient:
		t.refresh = p.newRefreshLocked(now, g, t.refreshUntil)
	}
	return t, nil
}

// goodRefreshLocked finds a refresh token that is good; its session is checked
// and extended.
func (p *IDP) goodRefreshLocked(cfg *settings, now time.Time, c *Client, raw string) (*refreshToken, *oauthError) {
	words := &cfg.Temperament.Refusals
	k := p.refresh[keyOf(raw)]
	if k == nil {
		return nil, words.refresh(deadUnknown, "the refresh token is unknown")
	}
	g := k.grant
	switch {
	case k.expired(now):
		return nil, words.refresh(deadExpired, "the refresh token has expired")
	case g.client != c.ID:
		return nil, errInvalidGrant("the refresh token is another client's")
	case g.dead != "":
		return nil, words.refresh(g.dead, "the refresh token was revoked")
	case g.noRefresh:
		return nil, words.refresh(deadReplaced, "the refresh token was revoked")
	}
	if !k.consumed.IsZero() && now.Sub(k.consumed) >= cfg.reuseGrace() {
		p.takeAlongLocked(cfg, now, g, or(cfg.Temperament.ReuseTakes, ReachFamily), deadReused)
		return nil, words.refresh(deadReused, "the refresh token was used before")
	}
	if why := p.useSession(cfg, now, g, EndpointRefresh); why != "" {
		if cfg.endsWithSession(g) {
			p.dieLocked(g, why)
		} else {
			g.noRefresh = true // its access tokens are another matter
		}
		return nil, words.refresh(why, "the session has ended")
	}
	return k, nil
}

func (s *settings) reuseGrace() time.Duration {
	return max(s.RefreshReuseGrace, s.Temperament.ReuseGrace)
}

// rotatedLocked consumes k, which is good, and returns what comes after it: a new one, or the
// last one again, see Temperament.RepeatInGrace.
func (p *IDP) rotatedLocked(cfg *settings, now time.Time, k *refreshToken, raw string, until time.Time) string {
	if cfg.Temperament.RepeatInGrace {
		again := k.next // good though consumed: it is within the grace
		if k.consumed.IsZero() && now.Sub(k.issued) < cfg.reuseGrace() {
			again = raw
		}
		if last := p.refresh[keyOf(again)]; last != nil {
			last.until = until
			return again
		}
	}
	if k.consumed.IsZero() {
		k.consumed = now
	}
	k.next = p.newRefreshLocked(now, k.grant, until)
	return k.next
}

func (p *IDP) newRefreshLocked(now time.Time, g *grant, until time.Time) string {
	secret := newSecret()
	p.refresh[keyOf(secret)] = &refreshToken{grant: g, issued: now, until: until}
	return secret
}

// clientEndLocked starts the client session's own window anew and says when it
// ends; zero if there is none, see Temperament.ClientIdle.
func (p *IDP) clientEndLocked(cfg *settings, now time.Time, g *grant) time.Time {
	if !cfg.Temperament.ClientIdle || cfg.outlives(g) {
		return time.Time{}
	}
	g.part.idle = now.Add(cfg.clientWindow(g.client))
	return g.part.idle
}

// rotation of the client's refresh tokens.
func (s *settings) rotation(c *Client) Rotation {
	t := &s.Temperament
	switch {
	case !c.ReusableRefreshTokens:
		return or(t.Rotation, RotationStrict)
	case t.Rotation == RotationRepeat:
		return RotationRepeat
	}
	return RotationNone
}
