package engine

import (
	"context"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/lifetime"
	"github.com/tandem-sso/tandem/rp/internal/record"
)

// A silent log-in (prompt=none, on a navigation) is one of two things. A check asks
// whether the IdP session lives: for openid alone, and no token of it is kept. A
// renewal fetches tokens where those of the session are of no use any more: it asks for
// the configured scopes, and needs no Config.SilentCheck.

// good reports whether the access token of the log-in has not run out by anybody's clock. One
// that does not say how long it lives gets no skew.
func (p *Engine) good(d *record.Data, now time.Time) bool {
	return lifetime.Good(d.TokenEnds, max(d.TokenLife, 1), p.cfg.Skew, now)
}

// refreshGood is good for the refresh token.
func (p *Engine) refreshGood(d *record.Data, now time.Time) bool {
	return lifetime.Good(d.RefreshEnds, d.Window, p.cfg.Skew, now)
}

// tokensLast returns until when a session has tokens that work, or can fetch others
// without the person; zero: as far as is known for ever. A refresh token's refusal after
// its announced end proves nothing about the session: at Keycloak the token of a quiet
// app runs out while another app keeps the session alive (RT-17).
func (p *Engine) tokensLast(d *record.Data) time.Time {
	switch {
	case p.cfg.Kind == NoToken:
		return time.Time{}
	case d.RefreshToken == "" && (d.AccessToken != "" || isOther(d.TokenType)):
		return lifetime.LastUse(d.TokenEnds, d.TokenLife)
	case d.RefreshToken == "" || d.RefreshEnds.IsZero():
		return time.Time{}
	}
	return lifetime.LastRefresh(d.RefreshEnds, d.Window)
}

// WantsTokens reports whether only a silent log-in can fetch tokens that work.
func (p *Engine) WantsTokens(d *record.Data) bool {
	return d.Renew || lifetime.Over(p.tokensLast(d), p.Now())
}

// RenewSilently notes that the tokens are of no use, and asks for a silent log-in.
func (p *Engine) RenewSilently(ctx context.Context, st *State) error {
	generation := st.Data.Generation
	next, err := p.Commit(ctx, st, func(d *record.Data) bool {
		if d.Renew || d.Generation != generation {
			return false
		}
		d.Renew = true
		return true
	})
	if err != nil {
		return err
	}
	return p.askSilently(next)
}

// askSilently returns ErrSilentCheck, or ErrReauthenticate if a silent log-in was begun
// within δ and did not succeed. So there is no loop.
func (p *Engine) askSilently(st *State) error {
	if p.askedLately(st) {
		return ErrReauthenticate
	}
	return ErrSilentCheck
}

func (p *Engine) askedLately(st *State) bool {
	asked, now := st.Data.Asked, p.Now()
	if asked.IsZero() || lifetime.Ahead(asked, now) {
		return false
	}
	if !st.Data.Confirmed.Before(asked) && !p.WantsTokens(st.Data) { // yes; and trust may be shorter than δ
		return false
	}
	return now.Sub(asked) < p.Policy(st).SignalEvery
}
