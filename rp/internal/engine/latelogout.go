package engine

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/logouttoken"
	"github.com/tandem-sso/tandem/rp/internal/verdict"
	"github.com/tandem-sso/tandem/rp/store"
)

const (
	lateLogoutsMost = 1000      // that are remembered at once
	lateLogoutFor   = time.Hour // so long one is tried
)

// lateLogouts are logouts that wait for the store. A log-out that the IdP sends again and again
// waits only once, so it takes no place from others.
type lateLogouts struct {
	mu sync.Mutex
	of map[lateLogout]bool
}

type lateLogout struct {
	sid, subject string
	issued       int64
}

// take reports whether a log-out is to wait, and has a place to.
func (l *lateLogouts) take(which lateLogout) (mine, full bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.of[which]:
		return false, false
	case len(l.of) >= lateLogoutsMost:
		return false, true
	case l.of == nil:
		l.of = map[lateLogout]bool{}
	}
	l.of[which] = true
	return true, false
}

func (l *lateLogouts) leave(which lateLogout) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.of, which)
}

// EndLater carries out a log-out of the IdP's that the store did not take. The IdP has its
// answer, and most do not ask again: without this a client without tokens would serve the
// session until Config.Absolute. It is tried while this instance lives. The selector stays the
// same, so that no session ends that has begun since.
func (p *Engine) EndLater(token *logouttoken.Token, which store.Selector) {
	this := lateLogout{token.SID, token.Subject, token.IssuedAt.Unix()}
	mine, full := p.late.take(this)
	if full {
		p.troubles.Spend(p.log, p.Now(), "a log-out could not be carried out and is dropped: too many log-outs wait "+
			"for the store already")
	}
	if !mine {
		return
	}
	if !p.Go(func(context.Context) {
		defer p.late.leave(this)
		began := p.cfg.Now()
		for n := 1; p.ctx.Err() == nil; n++ {
			if p.cfg.Now().Sub(began) >= lateLogoutFor {
				p.log.Error("the store failed for too long: a log-out is dropped, and its sessions go on")
				return
			}
			sleep(p.ctx, min(verdict.Backoff(verdict.Retry, n), 30*time.Second))
			ctx, cancel := p.Detached(p.ctx)
			ended, err := p.EndByToken(ctx, token, which)
			cancel()
			switch {
			case errors.Is(err, ErrOtherSession):
				if fn := p.cfg.Events.LogoutRefused; fn != nil {
					fn(err)
				}
				return
			case err == nil:
				p.log.Info("the store works again: a log-out that had waited for it is carried out", "sessions",
					len(ended))
				return
			}
		}
	}) {
		p.late.leave(this)
	}
}
