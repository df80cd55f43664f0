package idpmock

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Mint describes tokens to issue without a log-in, for tests of code that reads them.
type Mint struct {
	// Client that the tokens are issued to. It must be configured; it needs no redirect URI.
	Client string
	// User who is signed in. Empty: the token is the client's own, as with
	// client_credentials.
	User string
	// SID of a live session of the user. Empty: a new one.
	SID string
	// Scope, as it is: nothing is checked. Nil: openid, profile, email, and offline_access
	// for a client with RefreshTokens.
	Scope []string
	// Audience of the access token. Nil: what the client's tokens have.
	Audience []string
	// Claims of the access token beside those that every token has.
	Claims map[string]any
	// Lifetime of the access token. Zero: the client's. Negative: it ran out so long ago.
	Lifetime time.Duration
}

// Tokens are what [IDP.Mint] makes.
type Tokens struct {
	AccessToken  string `json:"access_token"`
	IDToken      string `json:"id_token,omitempty"`
	RefreshToken string `json:"refresh_token,omitempty"`
	TokenType    string `json:"token_type"`
	Scope        string `json:"scope"`
	ExpiresIn    int64  `json:"expires_in"` // seconds
	SID          string `json:"sid,omitempty"`
}

// Mint issues tokens as after a log-in of the user at the client, but without a log-in. They
// belong to a session, which lives and ends like every other.
func (p *IDP) Mint(m Mint) (Tokens, error) {
	cfg, now := p.settings(), p.Now()
	c := cfg.clients[m.Client]
	if c == nil {
		return Tokens{}, cfg.knowsClient("Mint.Client", or(m.Client, "no client"))
	}
	t, err := p.mintGrant(cfg, now, c, m)
	if err != nil {
		return Tokens{}, err
	}
	t.audience, t.claims, t.lifetime = m.Audience, m.Claims, m.Lifetime
	answer, err := p.issue(cfg, now, c, t, "", "", nil)
	if err != nil {
		return Tokens{}, err
	}
	text := func(name string) string { s, _ := answer[name].(string); return s }
	seconds, _ := answer["expires_in"].(int64)
	return Tokens{AccessToken: text("access_token"), IDToken: text("id_token"), RefreshToken: text("refresh_token"),
		TokenType: text("token_type"), Scope: text("scope"), ExpiresIn: seconds, SID: t.grant.sid}, nil
}

func (p *IDP) mintGrant(cfg *settings, now time.Time, c *Client, m Mint) (*toIssue, error) {
	if m.User == "" {
		t := &toIssue{grant: machineGrant(c, now), scope: m.Scope, noIDToken: true}
		t.grant.scope = m.Scope
		return t, nil
	}
	user, ok := cfg.user(m.User)
	if !ok {
		return nil, fmt.Errorf("%w: %q", ErrUnknownUser, m.User)
	}
	scope := m.Scope
	if scope == nil {
		scope = []string{"openid", "profile", "email"}
		if c.RefreshTokens && !cfg.Temperament.NoOfflineAccess {
			scope = append(scope, "offline_access")
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.liveLocked(cfg, now, p.findLocked(m.SID))
	switch {
	case m.SID == "":
		s, _ = p.signInLocked(cfg, now, nil, user, cfg.ACRValues[0])
	case s == nil:
		return nil, ErrNoSession
	case s.user.Subject != user.Subject:
		return nil, errors.New("idpmock: Mint: the session is another user's")
	}
	code := p.grantCodeLocked(cfg, now, s, &authRequest{client: c, scope: slices.Clone(scope)}).Get("code")
	t, oerr := p.redeemLocked(cfg, now, c, code, "", "", "")
	if oerr != nil {
		return nil, oerr
	}
	return t, nil
}
