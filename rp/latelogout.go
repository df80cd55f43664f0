package rp

import (
	"context"
	"errors"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/logouttoken"
	"github.com/tandem-sso/tandem/rp/internal/verdict"
)

const (
	lateLogouts   = 1000      // that are remembered at once
	lateLogoutFor = time.Hour // so long one is tried
)

// endLater carries out a logout of the IdP's that the store did not take. The IdP has its
// answer, and most do not ask again: without this a client without tokens would serve the
// session until Config.Absolute. It is tried while this instance lives. What the selector
// says stays as it was, so that nothing ends that has begun since.
func (p *RelyingParty) endLater(token *logouttoken.Token, which Selector) {
	if p.late.Add(1) > lateLogouts {
		p.late.Add(-1)
		p.log.Error("a logout could not be carried out and is forgotten: too many wait for the store")
		return
	}
	if !p.goes(func(context.Context) {
		defer p.late.Add(-1)
		began := p.cfg.Now()
		for n := 1; p.ctx.Err() == nil && p.cfg.Now().Sub(began) < lateLogoutFor; n++ {
			sleep(p.ctx, min(verdict.Backoff(verdict.Retry, n), 30*time.Second))
			ctx, cancel := p.detached(p.ctx)
			ended, err := p.endByToken(ctx, token, which)
			cancel()
			var bad *RequestError
			switch {
			case errors.As(err, &bad):
				p.refused(RefusedLogoutToken, err)
				return
			case err == nil:
				p.log.Info("a logout that the store had not taken is carried out", "sessions", len(ended))
				return
			}
		}
	}) {
		p.late.Add(-1)
	}
}
